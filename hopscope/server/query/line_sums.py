"""The sums of some lines that are asked for again and again while time goes on, as query/stretches keeps them."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from hopscope.server.analysis.lines import Name, lines
from hopscope.server.analysis.sums import CODED_COUNTS, Sums, merged, read
from hopscope.server.query.stretches import Kept, Reading
from hopscope.server.query.windows import Cut
from hopscope.server.storage.changes import Changes
from hopscope.server.storage.recent import Piece
from hopscope.server.storage.store import Store
from hopscope.server.storage.tables.lines import COLUMNS

_MOST_BYTES = 150_000_000
MOST_NAMED = 3000
"""More lines are summed by the engine."""
_ROW = ", ".join(
    f"CAST({column.name}, '{CODED_COUNTS}') AS {column.name}" if column.part == "counts" else column.name
    for column in COLUMNS
)


@dataclass(frozen=True, slots=True)
class _Rows:
    """Those of some lines."""

    store: Store
    ids: Any
    table: str = "line"

    def stored(self, step: str, starts: Sequence[int]) -> Sequence[Sums]:
        """See Rows."""
        columns = self.store.columns(
            f"SELECT line, side, toUnixTimestamp(ts) AS at, {_ROW} FROM line_{step}"
            f" WHERE ts IN ({', '.join(f'toDateTime({start})' for start in starts)})"
            " AND line IN {ids:Array(UInt64)}",
            ids=self.ids.tolist(),
        )
        at = columns.get("at", np.zeros(0, "<u4"))
        order = np.argsort(at, kind="stable")
        ends = np.searchsorted(at[order], [[start, start + 1] for start in starts])
        return [read(columns, self.ids, order[first:last]) for first, last in ends.tolist()]

    def inserted(self, piece: Piece, second: int) -> Sums:
        """See Rows."""
        at = piece.of(second)
        return read(piece.columns, self.ids, at[np.isin(piece.columns["line"][at], self.ids)])

    def merged(self, several: Sequence[Sums]) -> Sums:
        """See Rows."""
        return merged(several, len(self.ids))

    def size(self, of: Sums) -> int:
        """See Rows."""
        return of.bytes


class _Kept(Kept[Sums]):
    """The stretches of one set of lines, and what was found out about the states in their minutes."""

    def __init__(self, store: Store, ids: Any) -> None:
        super().__init__(_MOST_BYTES // 2)
        self.rows = _Rows(store, ids)
        self.states: dict[int, tuple[Sums, dict[int, Name | None]]] = {}


class LineSums:
    """Of one store. Safe to use from several threads. Its methods raise StoreError."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self._store, self._changes = store, changes
        self._guard = threading.Lock()
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    def summed(self, cut: Cut, ids: Sequence[int], seconds_from: float) -> Sums:
        """What lines, in order, measured in a window. `seconds_from`: from when on rows of seconds are kept."""
        with self._of(ids) as kept:
            found = self._reading(kept, cut, seconds_from).whole()
            kept.bound(cut.span)
            for minute in [minute for minute in kept.states if minute < cut.span.start]:
                del kept.states[minute]
        return found

    def states(
        self, cut: Cut, ids: Sequence[int], seconds_from: float
    ) -> dict[int, Callable[[Iterable[int]], Mapping[int, Name]]]:
        """For each minute of a window what tells the states of some of the lines, those that have rows in it."""
        with self._of(ids) as kept:
            minutes = self._reading(kept, cut, seconds_from).minutes()
        return {minute: partial(self._states, kept, minute, sums, ids) for minute, sums in minutes.items()}

    def _reading(self, kept: _Kept, cut: Cut, seconds_from: float) -> Reading[Sums]:
        return Reading(kept.rows, self._changes, self._store.recent, kept, cut, seconds_from)

    def _states(
        self, kept: _Kept, minute: int, sums: Sums, ids: Sequence[int], some: Iterable[int]
    ) -> Mapping[int, Name]:
        with kept.guard:
            held = kept.states.get(minute)
            if held is None or held[0] is not sums:
                held = kept.states[minute] = sums, {}
            known = held[1]
            if new := [line for line in some if line not in known]:
                of = sums.of(np.searchsorted(kept.rows.ids, np.array(new, "<u8")))
                known |= dict.fromkeys(new)
                known |= {number: line.state_name() for number, line in lines(of.rows(ids)).items()}
            return {line: state for line in some if (state := known[line]) is not None}

    @contextmanager
    def _of(self, ids: Sequence[int]) -> Iterator[_Kept]:
        given = np.array(ids, "<u8")
        key = given.tobytes()
        with self._guard:
            kept = self._kept.setdefault(key, _Kept(self._store, given))
            self._kept.move_to_end(key)
        with kept.guard:
            yield kept
        with self._guard:
            while len(self._kept) > 1 and sum(one.bytes for one in self._kept.values()) > _MOST_BYTES:
                self._kept.popitem(last=False)
