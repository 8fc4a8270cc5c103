"""What changed on a line between two windows, and how sure that is. Pure.

Law: a change counts if it is larger than the figure varies from part to part within the windows, and notable: no two
runs are the same. The variance of the parts is at least that of chance: Poisson's of counts, the binomial of shares.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import copysign, sqrt
from statistics import fmean, variance
from typing import Literal

from hopscope.edges.changes import NOTABLE, WITHIN_NOISE
from hopscope.edges.histogram import percentile
from hopscope.server.analysis.lines import Line, histogram

SURE = 3.0
"""Standard errors from which on a change is told."""
TIME_SHARE = 0.05
"""Of a time: what its percentile varies by chance, at least; a bucket is that wide."""
Kind = Literal["new", "gone", "changed"]
Direction = Literal["worse", "better", "amount"]
Unit = Literal["per second", "bytes", "ns", "share"]
Of = Callable[[Line, float], tuple[float, float] | None]
Number = Callable[[Line], float]


@dataclass(frozen=True, slots=True)
class Figure:
    """A number of a line. `of`: the line and the seconds recorded → the number and on how much it stands (a count, or
    the seconds); None: not measured. `worse`: more of it is worse; None: it is an amount."""

    name: str
    unit: Unit
    of: Of
    what: str
    worse: bool = True


@dataclass(frozen=True, slots=True)
class Window:
    """A line in a window. `parts`: of equal length, each with the seconds that were recorded of it."""

    whole: Line | None
    seconds: float
    parts: Sequence[tuple[Line | None, float]]


@dataclass(frozen=True, slots=True)
class Change:
    """What changed; see `Change` in the schema."""

    kind: Kind
    metric: str
    a: float | None
    b: float | None
    direction: Direction
    sure: float
    sentence: str

    @property
    def change(self) -> float | None:
        """b by a."""
        return self.b / self.a if self.a and self.b is not None else None


def _per_second(of: Callable[[Line], float | None]) -> Of:
    def rate(line: Line, seconds: float) -> tuple[float, float] | None:
        count = of(line)
        return None if count is None or not seconds else (count / seconds, seconds)

    return rate


def _both(of: Callable[[Mapping[str, object]], float]) -> Callable[[Line], float | None]:
    def total(line: Line) -> float | None:
        rows = [row for row in (line.client, line.server) if row is not None]
        return sum(of(row) for row in rows) if rows else None

    return total


def _counted(name: str) -> Callable[[Line], float | None]:
    return _both(lambda row: row[name].get("", 0))  # type: ignore[attr-defined]


def _share(part: Callable[[Line], float], whole: Callable[[Line], float]) -> Of:
    def share(line: Line, _: float) -> tuple[float, float] | None:
        out = whole(line)
        return (min(1.0, part(line) / out), out) if out else None

    return share


def _p99(of: Callable[[Line], Mapping[str, int]]) -> Of:
    def time(line: Line, _: float) -> tuple[float, float] | None:
        held = of(line)
        ns = percentile(histogram(held), 0.99)
        return None if ns is None else (ns, float(sum(held.values())))

    return time


def _column(name: str) -> Number:
    return lambda line: sum(row[name] for row in (line.client, line.server) if row is not None)


def _failed(line: Line) -> float:
    return float(sum(line.connections().failed.values()))


def _handshakes(line: Line) -> Mapping[str, int]:
    return line.client["handshake"] if line.client else {}


_busy = _column("busy")
FIGURES = (
    Figure("failed", "share", _share(_failed, lambda it: _failed(it) + it.connections().opened), "connects failed"),
    Figure("retransmit", "share", _share(_column("retransmit_count"), _column("segments_out")), "segments sent again"),
    Figure("reset", "per second", _per_second(_counted("reset")), "connections reset"),
    Figure("drop", "per second", _per_second(_counted("drop")), "packets dropped"),
    Figure("write_rtt", "ns", _p99(lambda it: it.rtt), "round trip p99"),
    Figure("connect", "ns", _p99(_handshakes), "handshake p99"),
    Figure("rwnd_limited", "share", _share(_column("rwnd_limited"), _busy), "time held back by the window"),
    Figure("sndbuf_limited", "share", _share(_column("sndbuf_limited"), _busy), "time held back by the send buffer"),
    Figure("rate", "per second", _per_second(lambda it: it.writes), "calls", False),
    Figure("bytes", "bytes", _per_second(lambda it: it.bytes), "bytes", False),
)


def changes(a: Window, b: Window) -> Iterator[Change]:
    """What changed of a line."""
    if a.whole is None or b.whole is None:
        held = a.whole or b.whole
        if held is not None and held.samples:
            sure = sqrt(held.samples)
            seconds = (b if a.whole is None else a).seconds
            rate = held.writes / seconds if seconds and held.writes else 0.0
            if a.whole is None:
                yield Change("new", "line", None, rate, "amount", sure, "new: nothing before")
            else:
                yield Change("gone", "line", rate, None, "amount", sure, "gone: nothing any more")
        return
    for figure in FIGURES:
        found = _changed(figure, a, b)
        if found is not None:
            yield found


def _changed(figure: Figure, a: Window, b: Window) -> Change | None:
    before, after = _measured(figure, a), _measured(figure, b)
    if before is None or after is None:
        return None
    moved = after.value - before.value
    if abs(moved) <= NOTABLE * max(abs(before.value), abs(after.value)):
        return None
    if figure.unit == "ns" and abs(moved) < WITHIN_NOISE:
        return None
    error = sqrt(before.error**2 + after.error**2)
    sure = copysign(1e3, moved) if not error else moved / error
    if abs(sure) < SURE:
        return None
    direction: Direction = "amount" if not figure.worse else "worse" if moved > 0 else "better"
    sentence = f"{figure.what} {word(after.value, figure.unit)}, before {word(before.value, figure.unit)}"
    return Change("changed", figure.name, before.value, after.value, direction, abs(sure), sentence)


@dataclass(frozen=True, slots=True)
class _Measured:
    value: float
    error: float


def _measured(figure: Figure, window: Window) -> _Measured | None:
    """The figure over the whole window, and its standard error from the parts."""
    whole = figure.of(window.whole, window.seconds) if window.whole else None
    if whole is None:
        return None
    value, weight = whole
    parts = [
        found[0]
        for line, seconds in window.parts
        if seconds and (found := figure.of(line or Line(0, None, _NOTHING, None), seconds)) is not None
    ]
    seen = variance(parts, fmean(parts)) / len(parts) if len(parts) > 1 else 0.0
    return _Measured(value, sqrt(max(seen, _chance(figure.unit, value, weight))))


def _chance(unit: Unit, value: float, weight: float) -> float:
    """The variance that chance alone gives; of one that is 0 as if it had happened once."""
    if unit == "per second":
        return max(value, 1 / weight) / weight
    if unit == "share":
        held = min(max(value, 1 / (weight + 1)), weight / (weight + 1))
        return held * (1 - held) / weight
    return float((TIME_SHARE * value) ** 2)


_NOTHING = {
    **dict.fromkeys(("write_count", "read_count", "write_bytes", "read_bytes", "retransmit_count", "moved"), 0),
    **dict.fromkeys(("segments_out", "busy", "rwnd_limited", "sndbuf_limited", "zero_window_probes"), 0.0),
    **{key: {} for key in ("drop", "reset", "rtt", "handshake")},
    **dict.fromkeys(("srtt", "srtt_count", "min_rtt"), 0),
}


def word(value: float, unit: Unit) -> str:
    """A number with its unit, three digits."""
    if unit == "share":
        return f"{100 * value:.3g} %"
    steps: Sequence[tuple[float, str]] = ((1, "/s"), (1e3, " k/s"), (1e6, " M/s"), (1e9, " G/s"))
    if unit == "ns":
        steps = ((1, " ns"), (1e3, " µs"), (1e6, " ms"), (1e9, " s"))
    elif unit == "bytes":
        steps = ((1, " B/s"), (1e3, " kB/s"), (1e6, " MB/s"), (1e9, " GB/s"))
    size, name = max((step for step in steps if abs(value) >= step[0]), default=steps[0])
    return f"{value / size:.3g}{name}"
