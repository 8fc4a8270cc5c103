"""One edge, all its metrics over time, as columns: the types of `Client.series`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hopscope.client.answers import Completeness, Window
from hopscope.client.frames import frame
from hopscope.edges.connection import SideName

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Percentile:
    """A percentile over time, in ns; `share` 0.5 is the median."""

    share: float
    ns: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class HeatCell:
    """A histogram's bucket in one step: `step` is an index into `EdgeSeries.at`."""

    step: int
    low_ns: int
    high_ns: int
    count: int


@dataclass(frozen=True, slots=True)
class ReasonSeries:
    """How often for a reason, one value per step."""

    reason: str
    count: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class MetricSeries:
    """A metric of one side, one value per step; None: not recorded, or see `why_not`."""

    metric: str
    why_not: str | None
    count: tuple[int | None, ...]
    bytes: tuple[int | None, ...]
    rate: tuple[float | None, ...]
    average_ns: tuple[float | None, ...]
    timed: tuple[int | None, ...]
    percentiles: tuple[Percentile, ...]
    heatmap: tuple[HeatCell, ...]
    reasons: tuple[ReasonSeries, ...]


@dataclass(frozen=True, slots=True)
class PlainSeries:
    """A plain number, one value per step."""

    side: SideName | None
    name: str
    unit: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class EdgeSeries:
    """An edge over time. `seen`: recorded seconds of each step."""

    window: Window
    at: tuple[datetime, ...]
    seen: tuple[float, ...]
    client: tuple[MetricSeries, ...]
    server: tuple[MetricSeries, ...]
    tcp: tuple[PlainSeries, ...]
    connections: tuple[PlainSeries, ...]
    failed: tuple[PlainSeries, ...]
    completeness: tuple[Completeness, ...]

    def to_pandas(self) -> pandas.DataFrame:
        """`rows` as a data frame. Raises HopscopeError when pandas is not installed."""
        return frame(self.rows())

    def rows(self) -> Iterator[dict[str, object]]:
        """A row for each step and number: `at`, `seen`, `side`, `metric`, and the values."""
        for side, held in (("client", self.client), ("server", self.server)):
            for series in held:
                yield from self._timed(side, series)
        for plain in (*self.tcp, *self.connections, *self.failed):
            for at, seen, value in zip(self.at, self.seen, plain.values, strict=True):
                yield {"at": at, "seen": seen, "side": plain.side, "metric": plain.name, "value": value}

    def _timed(self, side: str, series: MetricSeries) -> Iterator[dict[str, object]]:
        columns = zip(self.at, self.seen, series.count, series.bytes, series.rate, series.average_ns, strict=True)
        for index, (at, seen, count, moved, rate, average) in enumerate(columns):
            yield {
                "at": at,
                "seen": seen,
                "side": side,
                "metric": series.metric,
                "count": count,
                "bytes": moved,
                "rate": rate,
                "average_ns": average,
                **{f"p{100 * held.share:g}_ns": held.ns[index] for held in series.percentiles},
            }
