"""The rows of a batch's metrics as those of its lines: one for each line and side, with the columns of tables/lines.
Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hopscope.edges.state import SYN_RETRY_BUCKET
from hopscope.metrics import ABSENT
from hopscope.server.storage.native import Column, Lists
from hopscope.server.storage.store import Insert
from hopscope.server.storage.tables.lines import COLUMNS, METRICS, Summed

_SIDES = np.uint64(4)


def insert(second: int, measured: Mapping[str, Any], words: Sequence[str]) -> Insert:
    """`measured`: the columns of the metrics' rows, see tables; `words`: what their labels mean."""
    taken = np.flatnonzero(np.isin(measured["metric"], METRICS))
    if not len(taken):
        return Insert("line_1s", (), 0)
    rows = _Rows(second, measured, taken, words)
    columns = (
        Column("ts", "DateTime", np.full(rows.count, second, "<u4")),
        Column("line", "UInt64", rows.lines),
        Column("side", "UInt8", rows.sides),
        *(Column(column.name, column.type, rows.values(column)) for column in COLUMNS),
    )
    return Insert("line_1s", columns, rows.count)


class _Rows:
    """The rows under way: which line and side each is, and to which of them each row of the batch belongs."""

    def __init__(self, second: int, measured: Mapping[str, Any], taken: Any, words: Sequence[str]) -> None:
        self._second, self._measured, self._words = second, measured, words
        self._metric = measured["metric"][taken]
        self._taken = taken
        known, line = np.unique(measured["line"][taken], return_inverse=True)
        sides = line.astype("<u8") * _SIDES + measured["side"][taken]
        found, self._row = np.unique(sides, return_inverse=True)
        self.count = len(found)
        self.lines = known[found // _SIDES]
        self.sides = (found % _SIDES).astype("u1")

    def values(self, column: Summed) -> Any:
        """The values of a column."""
        chosen = np.isin(self._metric, column.metrics)
        if column.label is not None:
            chosen &= self._labelled(column.label)
        counts = self._measured["count"][self._taken]
        match column.part:
            case "counts":
                return self._counts(chosen & ~self._labelled(ABSENT) & (counts > 0))
            case "histogram":
                return self._histograms(chosen, column.name == "handshake")
            case "last":
                at = self._merged(chosen, np.maximum, 0.0, "sum")
                seen = np.isin(np.arange(self.count), self._row[chosen])
                return np.where(seen, self._second, 0), np.where(seen, at, 0.0)
            case "least":
                return self._merged(chosen, np.minimum, np.inf, "min")
            case "second":
                moved = np.zeros(self.count, "<u4")
                moved[self._row[chosen & (counts > 0)]] = self._second
                return moved
            case "total":
                return self._merged(chosen, np.add, 0.0, "sum")
            case _:
                return self._merged(chosen, np.add, np.uint64(0), column.part)

    def _labelled(self, label: str) -> Any:
        return np.array([word == label for word in self._words])[self._measured["label"][self._taken]]

    def _merged(self, chosen: Any, how: Any, nothing: Any, part: str) -> Any:
        made = np.full(self.count, nothing)
        how.at(made, self._row[chosen], self._measured[part][self._taken[chosen]])
        return made

    def _counts(self, chosen: Any) -> Lists:
        at = np.flatnonzero(chosen)
        at = at[np.argsort(self._row[at], kind="stable")]
        labels = self._measured["label"][self._taken[at]].tolist()
        return Lists(
            self._ends(self._row[at]),
            ([self._words[label] for label in labels], self._measured["count"][self._taken[at]]),
        )

    def _histograms(self, chosen: Any, of_handshakes: bool) -> Lists:
        at = np.flatnonzero(chosen)
        at = at[np.argsort(self._row[at], kind="stable")]
        filled = self._measured["filled"]
        begin = (np.cumsum(filled, dtype="<i8") - filled)[self._taken[at]]
        held = filled[self._taken[at]].astype("<i8")
        place = np.repeat(begin - (np.cumsum(held) - held), held) + np.arange(held.sum())
        buckets = self._measured["bucket"][place]
        if of_handshakes:
            # All that is asked of them is whether one in a hundred took as long as a lost SYN: for that it is enough to
            # tell what lies in that moment's bucket, below and above.
            buckets = np.clip(buckets, SYN_RETRY_BUCKET - 1, SYN_RETRY_BUCKET + 1)
        return Lists(self._ends(np.repeat(self._row[at], held)), (buckets, self._measured["held"][place]))

    def _ends(self, rows: Any) -> Any:
        return np.cumsum(np.bincount(rows, minlength=self.count), dtype="<u8")
