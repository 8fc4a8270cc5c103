"""`hopscope profile`: one picture of this host."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from hopscope.cli import output, selection
from hopscope.edges.model import Profile

EPILOG = """\b
Examples:
  hopscope profile                              ten seconds of everything that talks
  hopscope profile --name nginx --duration 30   what nginx talks to
  hopscope profile --port 5432 --json > db.json
  hopscope profile --save before.json           see hopscope show, hopscope diff
  hopscope profile -- curl -s http://localhost  a command, from first byte to exit

Ctrl-C ends early and shows what was measured until then.
"""


@click.command(epilog=EPILOG)
@click.option(
    "--duration",
    type=click.FloatRange(0, min_open=True),
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    help="How long.",
)
@selection.options
@click.option("--times", type=click.Choice(["all", "windows", "off"]), default="all", show_default=True,
              help="Time every call, some of the time, or none.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The profile as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="One row per edge.")
@click.option("--parquet", type=click.Path(path_type=Path), callback=output.file, help="One row per edge, into a file.")
@click.option("--save", type=click.Path(path_type=Path), callback=output.file, help="Keep it for show and diff.")
@click.argument("run", nargs=-1, metavar="[-- COMMAND ...]", type=click.UNPROCESSED)
def command(
    duration: float,
    times: str,
    as_json: bool,
    as_csv: bool,
    parquet: Path | None,
    save: Path | None,
    run: tuple[str, ...],
    **chosen: Any,
) -> None:
    """Watch this host for a while and show which process talked to which.

    Needs root, unless an agent runs already. Without a selection it shows what
    has TCP traffic.
    """
    if as_json + as_csv + (parquet is not None) > 1:
        raise click.UsageError("--json, --csv and --parquet exclude each other")
    if run and shutil.which(run[0]) is None:
        raise click.UsageError(f"there is no command {run[0]!r}; give its path after --")
    if parquet is not None:
        output.need_parquet()
    arguments = (
        selection.given(chosen) | ({"command": run} if run else {}) | ({"times": times} if times != "all" else {})
    )
    picture = _watched(duration, arguments)
    if save is not None:
        from hopscope import client

        client.save(picture, save)
    output.write(picture, as_json=as_json, as_csv=as_csv, parquet=parquet)


def _watched(duration: float, arguments: dict[str, Any]) -> Profile:
    from hopscope import client

    console = Console(stderr=True)
    if not console.is_terminal or "command" in arguments:
        # A command's own output and a bar would overwrite each other.
        return client.profile(duration, **arguments)
    columns = (TextColumn("watching"), BarColumn(None), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn())
    bar = Progress(*columns, TextColumn("[dim]Ctrl-C: enough"), console=console, transient=True)
    with bar:
        task = bar.add_task("watching", total=1.0)
        return client.profile(duration, progress=lambda share: bar.update(task, completed=share), **arguments)
