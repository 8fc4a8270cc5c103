"""`hopscope edges`: the edges of an instance with every metric of both sides, or one metric over time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from hopscope.cli import remote
from hopscope.cli.figures import amount, duration, size

if TYPE_CHECKING:
    from hopscope.client.remote import Client, Span, Step
    from hopscope.client.remote_edges import Seen
    from hopscope.client.series import EdgeSeries
    from hopscope.edges.histogram import Triple

    Named = Sequence[tuple[str, EdgeSeries]]

EPILOG = """\b
Examples:
  hopscope edges productpage-v1
  hopscope edges productpage-v1 --window 1m --json
  hopscope edges productpage-v1 --metric write --step 1m --window 1h
  hopscope edges productpage-v1 --metric srtt --step 1s --window 10s
  hopscope edges --window 1h                     edges of all instances
"""


@click.command(epilog=EPILOG)
@click.argument("instance", required=False)
@remote.window
@click.option(
    "--metric",
    metavar="M",
    help="One metric of each edge over time, also with the distribution of its times: write,"
    " read, write_rtt, srtt, retransmitted, opened, failed, ...",
)
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


def _over_time(client: Client, found: Seen, window: Span, metric: str, step: Step, as_json: bool) -> None:
    from hopscope.cli import lines
    from hopscope.metrics import METRICS, SIDE

    timed = metric in {held.name for held in SIDE}
    if metric not in (known := [held.name for held in METRICS if held.where != "listener"]):
        raise click.BadParameter(f"there is no metric {metric}; {', '.join(known)}", param_hint="--metric")
    wanted = (metric,) if timed else ()
    answers = [(edge, client.series(edge.id, window, step, wanted)) for edge in found.edges]
    seen = {it.host: it for it in (*found.completeness, *(it for _, series in answers for it in series.completeness))}
    if as_json:
        each = [{"edge": edge.id, "client": lines.who(edge.client), "server": lines.who(edge.server), "series": series}
                for edge, series in answers]  # fmt: skip
        return remote.write_json(
            {"window": found.window, "metric": metric, "step": step, "edges": each, "completeness": [*seen.values()]}
        )
    names = Counter(lines.name(edge) for edge in found.edges)
    named = [
        (name if names[name] == 1 else f"{name} ({edge.server.address})", series)
        for edge, series in answers
        for name in (lines.name(edge),)
    ]
    if not (_timed(named) if timed else _plain(named, metric)):
        click.echo(f"No {metric} in this window.")
    remote.say_missing(seen.values())


def _timed(answers: Named) -> bool:
    """Writes a row for each point; says whether there was one."""
    from hopscope.cli.edge_page import SPARK, bars, reach

    rows: list[tuple[str, ...]] = []
    heat: list[list[Triple]] = []
    for name, series in answers:
        for side, held in (("client", series.client), ("server", series.server)):
            for it in held:
                p99 = next((part.ns for part in it.percentiles if part.share == 0.99), ())
                for index, at in enumerate(series.at):
                    if it.count[index]:
                        heat.append([(c.low_ns, c.high_ns, c.count) for c in it.heatmap if c.step == index])
                        rows.append(
                            (name, side, remote.clock(at), amount(it.count[index]), size(it.bytes[index]),
                             amount(it.rate[index]), duration(it.average_ns[index]),
                             duration(p99[index] if p99 else None))
                        )  # fmt: skip
    every = [triple for triples in heat for triple in triples]
    # One scale for all rows: below each other they are the heatmap.
    ends = reach(every) if every else (0, 0)
    drawn = [(*row, bars(triples, ends, SPARK) if triples else "") for row, triples in zip(rows, heat, strict=True)]
    scale = f"{duration(ends[0])} to {duration(ends[1])}?"
    headings = ("CLIENT → SERVER", "SIDE", "AT", ">COUNT", ">BYTES?", ">PER s", ">AVERAGE", ">p99", scale)
    if rows:
        remote.table(headings if every else headings[:-1], drawn if every else rows)
    return bool(rows)


def _plain(answers: Named, metric: str) -> bool:
    """The same of a number without times."""
    rows = []
    for name, series in answers:
        for it in (*series.failed,) if metric == "failed" else (*series.tcp, *series.connections):
            if metric in (it.name, "failed"):
                for at, value in zip(series.at, it.values, strict=True):
                    if value is not None:
                        written = duration(1000 * value) if it.unit == "us" else f"{value:g}"
                        rows.append((name, it.side or "", remote.clock(at), it.name, written))
    if rows:
        remote.table(("CLIENT → SERVER", "SIDE", "AT", "METRIC", ">VALUE"), rows)
    return bool(rows)
