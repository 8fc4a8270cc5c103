"""Numbers of one line over time, as columns with a value for each point. Pure.

A row: metric, label, and arrays of equal length: `at` (index of the point) and one for each number; `histogram` are
three: index of the point, bucket and count. Law: a point's
value is the one that the rows of the point give alone; nothing is averaged over averages.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.edges.histogram import BUCKETS, FOREVER, bounds
from hopscope.metrics import ABSENT, Metric

SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
TIMES = ("time_ns", "call_ns", "queue_ns")
_BOUNDS = [bounds(index) for index in range(BUCKETS)]
_LOW = np.array([low for low, _ in _BOUNDS], "f8")
# Of the last bucket only the lower bound is known: it is taken as an octave.
_HIGH = np.array([high if high != FOREVER else 2 * low for low, high in _BOUNDS], "f8")
Row = Mapping[str, Any]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Points:
    """The points of an answer. `seen`: seconds of each that the host recorded."""

    seen: Floats

    def __len__(self) -> int:
        return len(self.seen)

    def spread(self, row: Row | None, name: str) -> Floats:
        """A number of a row at each point; NaN where the row has none."""
        made = np.full(len(self), np.nan)
        if row is not None:
            made[row["at"]] = row[name]
        return made

    def sums(self, row: Row | None, name: str) -> Floats:
        """A sum at each point: 0 where it was recorded and nothing came."""
        made = self.spread(row, name)
        return np.where(np.isnan(made) & (self.seen > 0), 0.0, made)

    def histogram(self, row: Row) -> npt.NDArray[np.int64]:
        """Points by buckets."""
        at, buckets, counts = row["histogram"]
        made = np.bincount(at * BUCKETS + buckets, counts, len(self) * BUCKETS)
        return made.astype(np.int64).reshape(len(self), BUCKETS)


def by_label(rows: Iterable[Row]) -> dict[int, dict[str, Row]]:
    """Rows by metric number and label."""
    found: dict[int, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row["metric"], {})[row["label"]] = row
    return found


def reasons(labels: Mapping[str, Row]) -> dict[str, Row]:
    """Rows by label without those that are no reasons."""
    return {label: row for label, row in labels.items() if label not in ("", ABSENT, *TIMES)}


def measured(metric: Metric, labels: Mapping[str, Row], points: Points, probe: Mapping[str, Any] | None) -> Any:
    """See `MetricSeries` in the schema."""
    if not labels and probe is not None and not probe["rung"]:
        nothing = [None] * len(points)
        return {
            "metric": metric.name,
            "why_not": probe["why_not"] or "not supported",
            **dict.fromkeys(("count", "bytes", "rate", "average_ns", "timed"), nothing),
            **{name: [] for name in ("percentiles", "heatmap", "reasons")},
        }
    count = points.sums(labels.get(""), "count")
    if ABSENT in labels:
        # What could not be measured is no 0; what the point has beside it is.
        missing = ~np.isnan(points.spread(labels[ABSENT], "count"))
        count[missing & np.isnan(points.spread(labels.get(""), "count"))] = np.nan
    moved = points.sums(labels.get(""), "bytes") if "bytes" in metric.parts else np.full(len(points), np.nan)
    timed = next((labels[part] for part in ("time_ns", "call_ns") if part in labels), None)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = count / np.where(points.seen > 0, points.seen, np.nan)
        calls = points.spread(timed, "count")
        average = points.spread(timed, "total") / np.where(calls > 0, calls, np.nan)
    return {
        "metric": metric.name,
        "why_not": None,
        "count": whole(count),
        "bytes": whole(moved),
        "rate": floats(rate),
        "average_ns": floats(average),
        "timed": whole(points.sums(timed, "count") if "timed" in metric.parts else np.full(len(points), np.nan)),
        "reasons": [
            {"reason": reason, "count": whole(points.sums(row, "count"))}
            for reason, row in sorted(reasons(labels).items())
        ],
        **_distribution(labels, points),
    }


def _distribution(labels: Mapping[str, Row], points: Points) -> dict[str, Any]:
    held = [points.histogram(labels[part]) for part in TIMES if part in labels]
    if not held:
        return {"percentiles": [], "heatmap": []}
    buckets = sum(held[1:], held[0])
    # Most buckets are empty at all points.
    (used,) = np.nonzero(buckets.any(axis=0))
    if not len(used):
        return {"percentiles": [], "heatmap": []}
    buckets = buckets[:, used]
    steps, indices = np.nonzero(buckets)
    cells = zip(steps.tolist(), used[indices].tolist(), buckets[steps, indices].tolist(), strict=True)
    return {
        "percentiles": [
            {"share": share, "ns": floats(ns)}
            for share, ns in zip(SHARES, percentiles(buckets, used, SHARES), strict=True)
        ],
        "heatmap": [
            {"step": step, "low_ns": _BOUNDS[index][0], "high_ns": _BOUNDS[index][1], "count": count}
            for step, index, count in cells
        ],
    }


def percentiles(
    counts: npt.NDArray[np.int64], used: npt.NDArray[np.int64], shares: Iterable[float]
) -> Iterator[Floats]:
    """For each row of counts in the buckets `used` the ns below which each share lies, as edges/histogram interpolates
    it; NaN: the row is empty."""
    low, high = _LOW[used], _HIGH[used]
    sums = np.cumsum(counts, axis=1)
    rows = np.arange(len(counts))
    for share in shares:
        wanted = share * sums[:, -1]
        found = np.argmax((sums >= wanted[:, None]) & (sums > 0), axis=1)
        count = counts[rows, found]
        below = sums[rows, found] - count
        with np.errstate(divide="ignore", invalid="ignore"):
            inside = np.maximum(0.0, wanted - below) / count
            yield np.asarray(low[found] + (high[found] - low[found]) * inside, "f8")


def plain(metric: Metric, row: Row | None, points: Points) -> list[float | None]:
    """A plain number at each point: a sum without rows is 0 where it was recorded, a gauge is not known."""
    if metric.merge == "sum":
        return floats(points.sums(row, "total"))
    if metric.merge == "mean":
        count = points.spread(row, "count")
        return floats(points.spread(row, "total") / np.where(count > 0, count, np.nan))
    if metric.merge == "last":
        made = np.full(len(points), np.nan)
        if row is not None:
            made[row["at"]] = row["last"]
        return floats(made)
    return floats(points.spread(row, {"min": "least", "max": "most"}[metric.merge]))


def floats(values: Floats) -> list[float | None]:
    """Numbers for JSON; NaN is null."""
    found = values.astype(object)
    found[np.isnan(values)] = None
    return list(found.tolist())


def whole(values: Floats) -> list[int | None]:
    """Whole numbers for JSON; NaN is null."""
    missing = np.isnan(values)
    found = np.where(missing, 0, values).astype(np.int64).astype(object)
    found[missing] = None
    return list(found.tolist())
