"""Numbers of one line over time, as columns with a value for each point. Pure.

A row: metric, label, and arrays of equal length: `at` (index of the point) and one for each number. Law: a point's
value is the one that the rows of the point give alone; nothing is averaged over averages.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.edges.histogram import BUCKETS, FOREVER, bounds
from hopscope.metrics import ABSENT, Metric

SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
TIMES = ("time_ns", "call_ns", "queue_ns")
_LOW = np.array([bounds(index)[0] for index in range(BUCKETS)], "f8")
# Of the last bucket only the lower bound is known: it is taken as an octave.
_HIGH = np.array([bounds(i)[1] if bounds(i)[1] != FOREVER else 2 * bounds(i)[0] for i in range(BUCKETS)], "f8")
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
            made[np.asarray(row["at"], int)] = row[name]
        return made

    def sums(self, row: Row | None, name: str) -> Floats:
        """A sum at each point: 0 where it was recorded and nothing came."""
        made = self.spread(row, name)
        return np.where(np.isnan(made) & (self.seen > 0), 0.0, made)

    def histogram(self, row: Row) -> npt.NDArray[np.int64]:
        """Points by buckets."""
        made = np.zeros((len(self), BUCKETS), np.int64)
        for point, held in zip(row["at"], row["histogram"], strict=True):
            for bucket, count in held.items():
                made[point, int(bucket)] = count
        return made


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
    held = [labels[part] for part in TIMES if part in labels]
    buckets = sum((points.histogram(row) for row in held), np.zeros((len(points), BUCKETS), np.int64))
    if not buckets.any():
        return {"percentiles": [], "heatmap": []}
    steps, indices = np.nonzero(buckets)
    cells = zip(steps.tolist(), indices.tolist(), buckets[steps, indices].tolist(), strict=True)
    return {
        "percentiles": [{"share": share, "ns": floats(percentiles(buckets, share))} for share in SHARES],
        "heatmap": [
            {"step": step, "low_ns": bounds(index)[0], "high_ns": bounds(index)[1], "count": count}
            for step, index, count in cells
        ],
    }


def percentiles(buckets: npt.NDArray[np.int64], share: float) -> Floats:
    """For each row of buckets the ns below which `share` lies, as edges/histogram interpolates it; NaN: it is empty."""
    sums = np.cumsum(buckets, axis=1)
    wanted = share * sums[:, -1]
    found = np.argmax((sums >= wanted[:, None]) & (sums > 0), axis=1)
    rows = np.arange(len(buckets))
    count = buckets[rows, found]
    below = sums[rows, found] - count
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = np.maximum(0.0, wanted - below) / count
        return np.asarray(_LOW[found] + (_HIGH[found] - _LOW[found]) * inside, "f8")


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
            made[np.asarray(row["at"], int)] = [last[1] for last in row["last"]]
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
