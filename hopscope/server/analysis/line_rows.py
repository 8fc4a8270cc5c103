"""The rows of batches' metrics as those of their lines: one for each batch, line and side, with the columns of
tables/lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hopscope.edges.state import SYN_RETRY_BUCKET
from hopscope.metrics import ABSENT
from hopscope.server.storage.native import Column, Lists, places
from hopscope.server.storage.store import Insert
from hopscope.server.storage.tables.lines import COLUMNS, METRICS, Summed

_SIDES = 4


def insert(measured: Mapping[str, Any]) -> Insert:
    """`measured`: the columns of the metrics' rows, see there."""
    taken = np.flatnonzero(np.isin(measured["metric"], METRICS))
    if not len(taken):
        return Insert("line_1s", (), 0)
    rows = _Rows(measured, taken)
    columns = (
        Column("ts", "DateTime", rows.seconds),
        Column("line", "UInt64", rows.lines),
        Column("side", "UInt8", rows.sides),
        *(Column(column.name, column.type, rows.values(column)) for column in COLUMNS),
    )
    return Insert("line_1s", columns, rows.count)


class _Rows:
    """The rows under way: which batch, line and side each is, and to which of them each row of a metric belongs."""

    def __init__(self, measured: Mapping[str, Any], taken: Any) -> None:
        # By metric, so that a column looks at its own rows only. All numbers of METRICS fit, which sorts faster.
        taken = taken[np.argsort(measured["metric"][taken].astype("<u2"), kind="stable")]
        self._measured, self._taken = measured, taken
        self._begin = np.cumsum(measured["filled"], dtype="<i8") - measured["filled"]
        self._codes = {word: code for code, word in enumerate(measured["words"])}
        metric = measured["metric"][taken]
        begin, end = (np.searchsorted(metric, METRICS, side) for side in ("left", "right"))
        self._of = {number: slice(*at) for number, *at in zip(METRICS, begin, end, strict=True)}
        known, line = np.unique(measured["line"][taken], return_inverse=True)
        place = (measured["batch"][taken] * len(known) + line) * _SIDES + measured["side"][taken]
        found, self._row = np.unique(place, return_inverse=True)
        self.count = len(found)
        self.lines = known[found // _SIDES % len(known)]
        self.sides = (found % _SIDES).astype("u1")
        self.seconds = np.zeros(self.count, "<u4")
        self.seconds[self._row] = measured["second"][taken]

    def values(self, column: Summed) -> Any:
        """The values of a column."""
        at = np.concatenate([np.arange(len(self._taken))[self._of[number]] for number in column.metrics])
        if column.label is not None:
            at = at[self._labelled(at, column.label)]
        counted = self._measured["count"][self._taken[at]] > 0
        match column.part:
            case "counts":
                return self._counts(at[counted & ~self._labelled(at, ABSENT)])
            case "histogram":
                return self._histograms(at, column.name == "handshake")
            case "last":
                last = self._merged(at, np.maximum, 0.0, "sum")
                seen = np.zeros(self.count, bool)
                seen[self._row[at]] = True
                return np.where(seen, self.seconds, 0), np.where(seen, last, 0.0)
            case "least":
                return self._merged(at, np.minimum, np.inf, "min")
            case "second":
                moved = np.zeros(self.count, "<u4")
                here = self._row[at[counted]]
                moved[here] = self.seconds[here]
                return moved
            case "total":
                return self._merged(at, np.add, 0.0, "sum")
            case _:
                return self._merged(at, np.add, np.uint64(0), column.part)

    def _labelled(self, at: Any, label: str) -> Any:
        return self._measured["label"][self._taken[at]] == self._codes.get(label, len(self._codes))

    def _merged(self, at: Any, how: Any, nothing: Any, part: str) -> Any:
        made = np.full(self.count, nothing)
        how.at(made, self._row[at], self._measured[part][self._taken[at]])
        return made

    def _counts(self, at: Any) -> Lists:
        at = at[np.argsort(self._row[at], kind="stable")]
        words, labels = self._measured["words"], self._measured["label"][self._taken[at]].tolist()
        return Lists(
            self._ends(self._row[at]),
            ([words[label] for label in labels], self._measured["count"][self._taken[at]]),
        )

    def _histograms(self, at: Any, of_handshakes: bool) -> Lists:
        at = at[np.argsort(self._row[at], kind="stable")]
        held = self._measured["filled"][self._taken[at]].astype("<i8")
        place = places(self._begin[self._taken[at]], held)
        buckets = self._measured["bucket"][place]
        if of_handshakes:
            # All that is asked of them is whether one in a hundred took as long as a lost SYN: for that it is enough to
            # tell what lies in that moment's bucket, below and above.
            buckets = np.clip(buckets, SYN_RETRY_BUCKET - 1, SYN_RETRY_BUCKET + 1)
        return Lists(self._ends(np.repeat(self._row[at], held)), (buckets, self._measured["held"][place]))

    def _ends(self, rows: Any) -> Any:
        return np.cumsum(np.bincount(rows, minlength=self.count), dtype="<u8")
