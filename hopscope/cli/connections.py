"""`hopscope connections`: the single connections behind a line, or of a process, as they are now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from hopscope.cli import behind, remote

if TYPE_CHECKING:
    from hopscope.client.remote import Client

EPILOG = """\b
Examples:
  hopscope connections productpage-v1 reviews        behind the line of the pod that has "reviews" in its name
  hopscope connections productpage-v1 :9080 --json
  hopscope connections --edge 4c1f0a9be8d27735       an id from hopscope edges --json, or a page's address
  hopscope connections productpage-v1 --process envoy
"""


@click.command(epilog=EPILOG)
@click.argument("instance", required=False)
@click.argument("line", required=False)
@click.option("--edge", metavar="ID", help="The line with this id.")
@click.option("--process", metavar="NAME", help="Those of a process of the INSTANCE instead: its name or id.")
@click.option("--limit", type=click.IntRange(1, 100), default=100, show_default=True, help="At most so many a side.")
@remote.server
def command(
    instance: str | None, line: str | None, edge: str | None, process: str | None, limit: int, as_json: bool,
    **where: Any,
) -> None:  # fmt: skip
    """List the connections behind a LINE of an INSTANCE: a part of its "CLIENT → SERVER" or of what was dialed. The
    agents are asked for them now: those in trouble come first, then the busiest, then those that ended lately."""
    if (edge is not None) == (instance is not None) or (edge and process) or (instance and not line and not process):
        raise click.UsageError("an INSTANCE with a LINE or --process, or --edge")
    with remote.asking(**where) as client:
        if instance is not None and process is not None:
            found = client.connections(process=_process(client, instance, process), limit=limit)
        else:
            found = client.connections(edge=edge or _edge(client, instance, line or ""), limit=limit)
    if as_json:
        return remote.write_json(found)
    if found.why_not is not None:
        click.echo(f"Not asked for: {found.why_not}.")
    for side in found.sides:
        click.echo(behind.head(side))
        if side.connections:
            remote.table(behind.HEADINGS, behind.rows(side), behind.styles(side))


def _edge(client: Client, instance: str | None, wanted: str) -> str:
    from hopscope.cli import lines

    known = client.edges(instance, 60).edges
    named = {it.id: f"{lines.name(it)} {it.server.address}" for it in known}
    found = [number for number, name in named.items() if wanted in name] or [it for it in named if it == wanted]
    if len(found) == 1:
        return found[0]
    some = [named[number] for number in found or named]
    which = "several lines" if found else "no line of the last minute"
    raise click.ClickException(f"{which} of {instance} with {wanted!r} in the name: {_some(some)}")


def _process(client: Client, instance: str, wanted: str) -> str:
    known = client.processes(instance)
    found = [it.id for it in known if wanted in (it.name, it.id)]
    if len(found) != 1:
        raise click.ClickException(f"there is no process {wanted} in {instance}; {_some(it.name for it in known)}")
    return found[0]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    return "; ".join(listed[:8]) + (f"; and {len(listed) - 8} more" if len(listed) > 8 else "") if listed else "none"
