"""`hopscope topology`: which process of an instance talks to which, inside and outside."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from hopscope.cli import remote
from hopscope.cli.durations import Duration
from hopscope.cli.figures import NONE, amount, duration, size

if TYPE_CHECKING:
    from hopscope.client.answers import Topology
    from hopscope.client.comparison import Comparison

EPILOG = """\b
Examples:
  hopscope topology productpage-v1
  hopscope topology productpage-v1 --window 1h --json
  hopscope topology productpage-v1 --from 02:48:00 --to 02:53:00
  hopscope topology productpage-v1 --from 02:48:00 --to 02:53:00 --before 5m
  hopscope topology productpage-v1 --window 10m --against 2026-01-30T02:48:00Z
"""


@click.command(epilog=EPILOG)
@click.argument("instance")
@remote.window
@click.option("--before", type=Duration(), metavar="DURATION",
              help="What changed since the window of this length just before.")  # fmt: skip
@click.option("--against", type=remote.Moment(), metavar="MOMENT",
              help="What changed since the window of the same length that began then.")  # fmt: skip
@click.option("--self", "own", is_flag=True, help="hopscope's own traffic, too.")
@remote.server
def command(
    instance: str, last: int, since: datetime | None, until: datetime | None, before: int | None,
    against: datetime | None, own: bool, as_json: bool, **where: Any,
) -> None:  # fmt: skip
    """Show which process of an INSTANCE talks to which in a window, those in trouble first."""
    window = remote.span(last, since, until)
    if before is not None and against is not None:
        raise click.UsageError("--before and --against are two windows to compare with; which?")
    with remote.asking(**where) as client:
        found: Topology | Comparison
        if before is not None:
            found = client.compare(instance, *remote.before(window, before))
        elif against is not None:
            found = client.compare(instance, *remote.against(window, against))
        else:
            found = client.topology(instance, window, own)
    if as_json:
        return remote.write_json(found)
    from hopscope.client.comparison import Comparison

    if isinstance(found, Comparison):
        return _changes(found)
    _lines(found)


_ORDER = {"failing": 0, "slow": 1, "healthy": 2, "none": 3}


def _lines(found: Topology) -> None:
    seconds = f"{remote.clock(found.window.from_)} to {remote.clock(found.window.to)}"
    inside = sum(node.inside for node in found.nodes)
    click.echo(
        f"{found.instance.service.name}/{found.instance.name} on {found.instance.host}, {seconds}: "
        f"{inside} inside, {len(found.nodes) - inside} outside, {len(found.edges)} lines"
    )
    if found.agent_silent_seconds is not None and found.agent_silent_seconds >= 5:
        click.echo(f"The agent on {found.instance.host} is silent for {found.agent_silent_seconds:.0f} s.")
    nodes = {node.id: node for node in found.nodes}
    held = sorted(found.edges, key=lambda it: (_ORDER[it.state], -(it.bytes_rate or 0), it.id))
    if not held:
        click.echo("No traffic in this window.")
        return remote.say_missing(found.completeness)
    rows = [
        (
            f"{nodes[it.client].name} → {nodes[it.server].name}", it.address, it.label, it.state,
            amount(it.rate), size(it.bytes_rate), duration(it.p99_ns),
            NONE if it.retransmit_share is None else f"{100 * it.retransmit_share:.2g} %",
            str(it.connections.active), _seen(it.client_seen, it.server_seen, it.seen_share),
        )
        for it in held
    ]  # fmt: skip
    headings = (
        "CLIENT → SERVER",
        "DIALED",
        "PROTOCOL",
        "STATE",
        ">CALLS/s",
        ">BYTES/s",
        ">RTT p99",
        ">RETR?",
        ">OPEN?",
        "SEEN?",
    )
    remote.table(headings, rows, [remote.STYLES.get(it.state, "") for it in held])
    for it in held:
        for reason in it.reasons:
            click.echo(f"{nodes[it.client].name} → {nodes[it.server].name} is {it.state}: {reason}")
    if found.total > len(held):
        click.echo(f"{len(held)} of {found.total} lines, those that moved the most bytes.")
    remote.say_missing(found.completeness)


def _seen(client: bool, server: bool, share: float) -> str:
    sides = "both sides" if client and server else "client side" if client else "server side"
    return sides if share >= 0.995 else f"{sides}, {100 * share:.0f} %"


def _changes(found: Comparison) -> None:
    windows = (f"{remote.clock(it.from_)} to {remote.clock(it.to)}" for it in (found.a, found.b))
    lines = f"{found.compared} line{'' if found.compared == 1 else 's'}"
    click.echo(f"{' against '.join(windows)}: {lines} in both")
    if found.lines:
        rows = [(f"{it.client_name} → {it.server_name}", it.label, it.direction, it.sentence) for it in found.lines]
        styles = ["bold red" if it.direction == "worse" else "" for it in found.lines]
        remote.table(("CLIENT → SERVER", "PROTOCOL", "", "WHAT CHANGED"), rows, styles)
    else:
        click.echo(f"Nothing of {lines} changed by more than it varies.")
    remote.say_missing((*found.completeness_a, *found.completeness_b))
