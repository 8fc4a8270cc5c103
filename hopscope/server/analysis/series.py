"""Rows of metrics, as columns, as one series for each line, side, metric and label. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hopscope.server.storage.native import Lists

_MERGED = {"count": np.add, "bytes": np.add, "total": np.add, "least": np.minimum, "most": np.maximum}


@dataclass(frozen=True, slots=True)
class Series:
    """`row`: what analysis/columns calls one."""

    line: int
    side: int
    row: Mapping[str, Any]


def series(columns: Mapping[str, Any]) -> Iterator[Series]:
    """Of columns line, side, metric, label, part, those of the numbers, and histogram; several rows may be of one
    point."""
    if not columns:
        return
    words, parts = columns["label"].words, columns["part"].astype("<i8")
    keys = (parts, columns["label"].codes, columns["metric"], columns["side"], columns["line"])
    order = np.lexsort(keys)
    other = np.any([_differs(key[order]) for key in keys[1:]], axis=0)
    # Where a series begins, and where a point of one does.
    (begin,) = np.nonzero(other)
    (points,) = np.nonzero(other | _differs(parts[order]))
    merged = {name: how.reduceat(columns[name][order], points) for name, how in _MERGED.items()}
    merged["last"] = _last(columns["last"], order, points)
    at = parts[order][points]
    firsts = np.searchsorted(points, begin)
    held = _Entries(columns["histogram"], order, parts)
    for first, last, start, end in zip(
        firsts.tolist(),
        [*firsts[1:].tolist(), len(points)],
        begin.tolist(),
        [*begin[1:].tolist(), len(order)],
        strict=True,
    ):
        row = order[start]
        yield Series(
            int(columns["line"][row]),
            int(columns["side"][row]),
            {
                "metric": int(columns["metric"][row]),
                "label": words[columns["label"].codes[row]],
                "at": at[first:last],
                "histogram": held.between(start, end),
                **{name: values[first:last] for name, values in merged.items()},
            },
        )


def _differs(values: Any) -> Any:
    """Whether each is another than the one before; the first is."""
    return np.concatenate([[True], values[1:] != values[:-1]])


def _last(columns: tuple[Any, Any], order: Any, points: Any) -> Any:
    """The value of the latest second of each point; of equal ones the greater, as the engine merges them."""
    seconds, values = (column[order] for column in columns)
    point = np.repeat(np.arange(len(points)), np.diff(points, append=len(order)))
    latest = seconds == np.maximum.reduceat(seconds, points)[point]
    return np.maximum.reduceat(np.where(latest, values, -np.inf), points)


class _Entries:
    """The filled buckets of all rows, in the order of the rows."""

    def __init__(self, histogram: Lists, order: Any, parts: Any) -> None:
        counts, entries = histogram.entries(order)
        self._ends = np.concatenate([[0], np.cumsum(counts)])
        buckets, held = histogram.parts
        self._columns = np.repeat(parts[order], counts), buckets[entries], held[entries]

    def between(self, start: int, end: int) -> tuple[Any, Any, Any]:
        """Point, bucket and count of those of some rows."""
        some = slice(self._ends[start], self._ends[end])
        points, buckets, counts = self._columns
        return points[some], buckets[some], counts[some]
