"""`hopscope edges`: the edges of an instance with every metric of both sides, or one metric over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from hopscope.cli import remote
from hopscope.cli.figures import amount, duration, size

EPILOG = """\b
Examples:
  hopscope edges productpage-v1
  hopscope edges productpage-v1 --window 1m --json
  hopscope edges productpage-v1 --metric write --step 1m --window 1h
  hopscope edges --window 1h                     edges of all instances
"""


@click.command(epilog=EPILOG)
@click.argument("instance", required=False)
@remote.window
@click.option("--metric", metavar="M", help="One metric of each edge over time: write, read, write_rtt, connect, ...")
@click.option("--step", type=click.Choice(["1s", "1m", "1h"]), default="1m", show_default=True,
              help="The time between two points.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 5000), default=500, show_default=True, help="At most so many edges.")
@click.option("--self", "own", is_flag=True, help="hopscope's own traffic, too.")
@remote.server
def command(
    instance: str | None, last: int, since: datetime | None, until: datetime | None, metric: str | None, step: Any,
    limit: int, own: bool, as_json: bool, **where: Any,
) -> None:  # fmt: skip
    """Show the edges of an INSTANCE, or of all, as the server stored them; with --json in the shape of `profile`."""
    window = remote.span(last, since, until)
    with remote.asking(**where) as client:
        found = client.edges(instance, window, own, limit)
        if metric is not None:
            return _over_time(client, found, window, metric, step, as_json)
    profile = found.profile()
    if as_json:
        return click.echo(profile.to_json(indent=2))
    from rich.console import Console

    from hopscope.cli.table import show

    show(profile, Console(highlight=False, markup=False))
    if found.total > len(found.edges):
        click.echo(f"{len(found.edges)} of {found.total} edges, those that moved the most bytes; --limit shows more.")


def _over_time(client: Any, found: Any, window: Any, metric: str, step: Any, as_json: bool) -> None:
    from hopscope.cli import lines
    from hopscope.metrics import SIDE

    if metric not in (known := [held.name for held in SIDE]):
        raise click.BadParameter(f"there is no metric {metric}; {', '.join(known)}", param_hint="--metric")
    answers = [(edge, client.series(edge.id, window, step, (metric,))) for edge in found.edges]
    seen = {it.host: it for _, series in answers for it in series.completeness}
    if as_json:
        return remote.write_json(
            [{"edge": edge.id, "client": lines.who(edge.client), "server": lines.who(edge.server), "series": series}
             for edge, series in answers]
        )  # fmt: skip
    rows = []
    for edge, series in answers:
        for side, held in (("client", series.client), ("server", series.server)):
            for it in held:
                p99 = next((part.ns for part in it.percentiles if part.share == 0.99), ())
                for index, at in enumerate(series.at):
                    if it.count[index]:
                        rows.append(
                            (lines.name(edge), side, remote.clock(at), amount(it.count[index]), size(it.bytes[index]),
                             amount(it.rate[index]), duration(it.average_ns[index]),
                             duration(p99[index] if p99 else None))
                        )  # fmt: skip
    if not rows:
        click.echo(f"No {metric} in this window.")
    else:
        remote.table(("CLIENT → SERVER", "SIDE", "AT", ">COUNT", ">BYTES", ">PER s", ">AVERAGE", ">p99"), rows)
    remote.say_missing(seen.values())
