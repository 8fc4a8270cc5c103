"""One edge on a page of text: the client's side left, the server's right, its connections, then what measured it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest

from rich.text import Text

from hopscope.cli import behind, lines
from hopscope.cli.figures import WRITTEN, amount, duration, shorten, size, sparkline
from hopscope.cli.table import STYLES, completeness
from hopscope.edges.connection import ConnectionsSeen
from hopscope.edges.figures import BY_NAME
from hopscope.edges.histogram import FOREVER, Triple, percentile
from hopscope.edges.model import Edge, End, Profile, Side, Value
from hopscope.edges.state import state
from hopscope.metrics import SIDE, TCP

History = Sequence[tuple[Edge | None, float]]
GAP = "  "
SPARK = 24
_TRENDS = ("calls_per_second", "sent_per_second", "received_per_second", "rtt", "retransmits")


def page(
    edge: Edge, seconds: float, history: History, seen: Profile, single: Sequence[ConnectionsSeen], width: int
) -> Iterator[Text]:
    """The lines of the page. `history`: the edge in each neighbouring window, the oldest first. `single`: the
    connections behind it, a side at a time."""
    found = state(edge)
    yield Text(f"{lines.name(edge)}  {edge.label}  {found.name}", style=STYLES.get(found.name, "") or "bold")
    for reason in found.reasons:
        yield Text(f"  {reason}", style=STYLES.get(found.name, ""))
    yield from _connections(edge)
    if trends := list(_trends(history, width)):
        yield from (Text(""), *trends)
    yield Text("")
    half = (width - len(GAP)) // 2
    left = _side("CLIENT", edge.client, edge.client_side, seen, half)
    right = _side("SERVER", edge.server, edge.server_side, seen, half)
    for mine, other in zip_longest(left, right, fillvalue=Text("")):
        row = mine.copy()
        row.truncate(half, pad=True)
        cut = other.copy()
        cut.truncate(half)
        yield row + GAP + cut
    if single:
        yield Text("")
        yield Text("CONNECTIONS BEHIND THIS LINE", style="bold")
        for side in single:
            yield from behind.text(side, width)
    yield Text("")
    yield Text(f"MEASURED BY, over {seconds:.0f} s", style="bold")
    yield from _probes(seen)
    for sentence in completeness(seen.completeness):
        yield Text(sentence)


def _connections(edge: Edge) -> Iterator[Text]:
    it = edge.connections
    failed = ", ".join(f"{count} {cause}" for cause, count in sorted(it.failed.items()))
    words = [
        f"{it.active} open",
        f"{it.opened} opened",
        f"{it.closed} closed",
        f"{sum(it.failed.values())} failed" + (f" ({failed})" if failed else ""),
    ]
    yield Text("connections  " + ", ".join(words))
    if edge.tls:
        said = (f"{name.upper()} {', '.join(values)}" for name, values in edge.tls.items() if values)
        yield Text("TLS          " + "; ".join(said))


def _trends(history: History, width: int) -> Iterator[Text]:
    room = max(10, min(60, width - 24))
    for name in _TRENDS:
        figure = BY_NAME[name]
        numbers = [figure.of(edge, seconds) if edge else None for edge, seconds in history][-room:]
        known = [number for number in numbers if number is not None]
        if not known or not any(known):
            continue
        top = max(known)
        spark = sparkline([round(1000 * (number or 0) / top) for number in numbers])
        heading = next(column.heading for column in lines.COLUMNS if column.figure is figure)
        yield Text(f"{heading:<8} {WRITTEN[figure.unit](known[-1]):>6} {spark}  top {WRITTEN[figure.unit](top)}")


def _side(title: str, end: End, side: Side | None, seen: Profile, width: int) -> Iterator[Text]:
    yield Text(f"{title} {shorten(lines.who(end), width - len(title) - 1)}", style="bold")
    yield Text(f"{'dialed ' if title == 'SERVER' else ''}{end.address}")
    if end.listen and end.listen != end.address:
        yield Text(f"accepted at {end.listen}")
    if end.pids:
        yield Text(shorten(f"pid {', '.join(map(str, end.pids))}", width))
    for word, what in (("container", end.container), ("cgroup", end.cgroup), ("service", end.service)):
        if what:
            yield Text(shorten(f"{word} {what}", width))
    if side is None:
        yield Text("not seen: " + ("no process of this host" if end.process is None else "idle"), style="dim")
        return
    for metric in SIDE:
        if metric.at not in ("both", title.lower()):
            continue
        value = side.metrics.get(metric.name)
        if value is not None:
            yield from _metric(metric.name, metric.unit, value)
        elif (probe := seen.probes.get(metric.name)) and probe.why_not:
            yield Text(f"{metric.name:<10} not supported", style="dim")
    yield from _truths(side)


def _metric(name: str, unit: str, value: Value) -> Iterator[Text]:
    moved = "" if value.bytes is None else f"  {size(value.bytes)}"
    timed = "" if not value.histogram or value.timed == value.count else f"  {amount(value.timed)} timed"
    yield Text(f"{name:<10} {amount(value.count)} {unit}{moved}{timed}")
    for reason, count in sorted((value.reasons or {}).items(), key=lambda it: -it[1]):
        yield Text(f"  {amount(count)} {reason.replace('_', ' ')}")
    if not value.histogram:
        return
    shares = "  ".join(f"p{share} {duration(percentile(value.histogram, share / 100))}" for share in (50, 90, 99))
    yield Text(f"  {shares}")
    yield Text(f"  {distribution(value.histogram)}", style="cyan")


def distribution(histogram: Iterable[Triple], width: int = SPARK) -> str:
    """A histogram as a sparkline with its ends: equal steps are equal ratios."""
    filled = sorted(histogram)
    ends = reach(filled)
    return f"{duration(filled[0][0])} {bars(filled, ends, width)} {duration(ends[1])}"


def reach(filled: Iterable[Triple]) -> tuple[int, int]:
    """From where to where buckets lie, in ns."""
    starts, tops = zip(*((start, top if top != FOREVER else 2 * start) for start, top, _ in filled), strict=True)
    low = max(64, min(starts))
    return low, max(low * 2, *tops)


def bars(filled: Iterable[Triple], ends: tuple[int, int], width: int) -> str:
    """Buckets as a sparkline between two ends."""
    from math import log2

    low, high = ends
    counts = [0] * width
    for start, top, count in filled:
        middle = max(low, (start + min(top, high)) / 2)
        counts[min(width - 1, int(width * log2(middle / low) / log2(high / low)))] += count
    return sparkline(counts)


def _truths(side: Side) -> Iterator[Text]:
    for metric in TCP:
        number = side.tcp.get(metric.name)
        in_ns = None if number is None else number * 1000
        text = duration(in_ns) if metric.unit == "us" else amount(number)
        yield Text(f"{metric.name.replace('_', ' '):<19} {text:>8}")


def _probes(seen: Profile) -> Iterator[Text]:
    for name, probe in seen.probes.items():
        if probe.why_not:
            yield Text(f"{name:<10} not supported, because {probe.why_not}", style="yellow")
        else:
            yield Text(f"{name:<10} {probe.rung or ''}  {probe.hook or ''}")
