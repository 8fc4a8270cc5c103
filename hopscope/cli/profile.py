"""`hopscope profile`: one picture of this host, no server."""

from __future__ import annotations

import sys
from pathlib import Path

import click

EXAMPLES = """
\b
Examples:
  hopscope profile                        ten seconds of everything with TCP traffic
  hopscope profile --duration 3 --name nginx
  hopscope profile --pid 4711 --json > picture.json
"""


@click.command(epilog=EXAMPLES)
@click.option("--duration", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="Seconds to look.")
@click.option("--pid", type=int, multiple=True, help="Only edges of this process. May be repeated.")
@click.option("--name", help="Only edges of processes whose name matches this regular expression.")
@click.option("--port", type=click.IntRange(1, 65535), multiple=True, help="Only edges to this service port.")
@click.option("--all", "all_", is_flag=True, help="Idle edges too.")
@click.option("--self", "own", is_flag=True, help="hopscope's own traffic too.")
@click.option("--json", "as_json", is_flag=True, help="The whole picture as JSON (docs/profile-json.md).")
@click.option("--save", type=click.Path(path_type=Path, dir_okay=False), help="Keep the picture in this file.")
def profile(
    duration: float,
    pid: tuple[int, ...],
    name: str | None,
    port: tuple[int, ...],
    all_: bool,
    own: bool,
    as_json: bool,
    save: Path | None,
) -> None:
    """Look at this host for a while and say who talked to whom."""
    from rich.console import Console
    from rich.progress import Progress
    from rich.table import Table

    from hopscope import client

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task("profile", total=1.0)
        picture = client.profile(
            duration,
            pid=pid,
            name=name,
            port=port,
            all=all_,
            own=own,
            progress=lambda part: bar.update(task, completed=part),
        )
    if save is not None:
        client.save(picture, save)
    if as_json:
        click.echo(picture.to_json())
        return
    table = Table("client", "server", "label", "opened", "sent", "received", box=None)
    for edge in picture.edges:
        side = edge.client_side or edge.server_side
        if side is None:
            continue
        sent, received = side.metrics["write"].bytes or 0, side.metrics["read"].bytes or 0
        if edge.client_side is None:
            sent, received = received, sent
        client_name, server_name = (f"{end.process or ''} {end.address}".strip() for end in (edge.client, edge.server))
        table.add_row(
            client_name, server_name, edge.label, str(edge.connections.opened), f"{sent:,} B", f"{received:,} B"
        )
    Console().print(table)
