"""The sums of some lines that are asked for again and again while time goes on, kept by stretches of time.

A window of an hour is a few stretches that are kept and the last seconds, which are read, most of them from what was
inserted last (storage/recent). Law: a stretch is used while no row of the table of lines came into its seconds since it
was read (storage/changes), so that an answer is what the engine would have summed; a store that does not know its
changes is never asked here.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from hopscope.server.analysis.lines import Name, lines
from hopscope.server.analysis.sums import CODED_COUNTS, Sums, merged, read
from hopscope.server.query.windows import Cut, Span
from hopscope.server.storage.changes import Changes
from hopscope.server.storage.recent import Piece
from hopscope.server.storage.store import Store
from hopscope.server.storage.tables.lines import COLUMNS

SIZES = (1, 10, 60, 300, 900, 3600)
"""Seconds of a stretch: each is made of those of the size before."""
_TABLES = {1: "1s", 60: "1m", 3600: "1h"}
_MOST_BYTES = 150_000_000
MOST_NAMED, MOST_READ = 3000, 200
"""What takes more is summed by the engine."""
_MINUTE = 60
_ROW = ", ".join(
    f"CAST({column.name}, '{CODED_COUNTS}') AS {column.name}" if column.part == "counts" else column.name
    for column in COLUMNS
)


Stretch = tuple[int, int]
"""Its size, one of SIZES or that of what all but the end of a window is; and its first second."""


@dataclass(slots=True)
class _Kept:
    """The stretches of one set of lines, each with the latest change before it was read."""

    ids: Any
    guard: threading.Lock = field(default_factory=threading.Lock)
    stretches: dict[Stretch, tuple[int, Sums]] = field(default_factory=dict)
    states: dict[int, tuple[Sums, dict[int, Name | None]]] = field(default_factory=dict)
    bytes: int = 0

    def put(self, stretch: Stretch, number: int, sums: Sums) -> None:
        self.drop(stretch)
        self.stretches[stretch] = number, sums
        self.bytes += sums.bytes

    def drop(self, stretch: Stretch) -> None:
        held = self.stretches.pop(stretch, None)
        self.bytes -= held[1].bytes if held else 0

    def bound(self, span: Span) -> None:
        """Drops what the next answer, of a window a little later, does not need."""
        most = self.bytes > _MOST_BYTES // 2
        for size, start in list(self.stretches):
            end = start + size
            fine = size < _MINUTE and end < span.end - 5 * _MINUTE
            if fine or (size not in SIZES and end < span.end - 4 * _MINUTE) or (most and end <= span.start):
                self.drop((size, start))
        for minute in [minute for minute in self.states if minute < span.start]:
            del self.states[minute]


class LineSums:
    """Of one store. Safe to use from several threads. Its methods raise StoreError."""

    def __init__(self, store: Store, changes: Changes) -> None:
        self._store, self._changes = store, changes
        self._guard = threading.Lock()
        self._kept: OrderedDict[bytes, _Kept] = OrderedDict()

    def summed(self, cut: Cut, ids: Sequence[int], seconds_from: float) -> Sums:
        """What lines, in order, measured in a window. `seconds_from`: from when on rows of seconds are kept."""
        with self._of(ids) as kept:
            reading = _Reading(self._store, self._changes, kept, cut, seconds_from)
            found = reading.whole()
            kept.bound(cut.span)
        return found

    def states(
        self, cut: Cut, ids: Sequence[int], seconds_from: float
    ) -> dict[int, Callable[[Iterable[int]], Mapping[int, Name]]]:
        """For each minute of a window what tells the states of some of the lines, those that have rows in it."""
        with self._of(ids) as kept:
            reading = _Reading(self._store, self._changes, kept, cut, seconds_from)
            minutes = reading.minutes()
        return {minute: partial(self._states, kept, minute, sums, ids) for minute, sums in minutes.items()}

    def _states(
        self, kept: _Kept, minute: int, sums: Sums, ids: Sequence[int], some: Iterable[int]
    ) -> Mapping[int, Name]:
        with kept.guard:
            held = kept.states.get(minute)
            if held is None or held[0] is not sums:
                held = kept.states[minute] = sums, {}
            known = held[1]
            if new := [line for line in some if line not in known]:
                of = sums.of(np.searchsorted(kept.ids, np.array(new, "<u8")))
                known |= dict.fromkeys(new)
                known |= {number: line.state_name() for number, line in lines(of.rows(ids)).items()}
            return {line: state for line in some if (state := known[line]) is not None}

    @contextmanager
    def _of(self, ids: Sequence[int]) -> Iterator[_Kept]:
        given = np.array(ids, "<u8")
        key = given.tobytes()
        with self._guard:
            kept = self._kept.setdefault(key, _Kept(given))
            self._kept.move_to_end(key)
        with kept.guard:
            yield kept
        with self._guard:
            while len(self._kept) > 1 and sum(one.bytes for one in self._kept.values()) > _MOST_BYTES:
                self._kept.popitem(last=False)


class _Reading:
    """What is needed for one answer: what is kept and still holds, and the rest, read."""

    def __init__(self, store: Store, changes: Changes, kept: _Kept, cut: Cut, seconds_from: float) -> None:
        self._store, self._changes, self._kept, self._cut = store, changes, kept, cut
        self._seconds_from = seconds_from
        # Taken first: what changes from now on is newer than all that is read.
        self._number = changes.number
        self._found: dict[Stretch, Sums] = {}
        self._made_of: dict[Stretch, list[Stretch]] = {}
        self._missing: dict[str, list[Stretch]] = {}

    def whole(self) -> Sums:
        """The sums of the window."""
        wanted = []
        for table, span in self._cut.pieces:
            settled = Span(span.start, span.end - 2 * _MINUTE)
            if table.seconds == _MINUTE and settled.seconds > 5 * _MINUTE:
                whole = settled.seconds, settled.start
                self._look(whole, table.seconds, list(_cover(settled, table.seconds)))
                wanted.append(whole)
                span = Span(settled.end, span.end)
            for stretch in _cover(span, table.seconds):
                self._look(stretch, table.seconds)
                wanted.append(stretch)
        self._read()
        return merged([self._sums(stretch) for stretch in wanted], len(self._kept.ids))

    def minutes(self) -> dict[int, Sums]:
        """The sums of each minute of the window."""
        ((_, span),) = self._cut.pieces
        starts = range(-(-span.start // _MINUTE) * _MINUTE, span.end, _MINUTE)
        for start in starts:
            self._look((_MINUTE, start), _MINUTE)
        self._read()
        return {start: self._sums((_MINUTE, start)) for start in starts}

    def _look(self, stretch: Stretch, unit: int, made_of: list[Stretch] | None = None) -> None:
        """Finds out whether it is kept or what it is made of. `unit`: the step of the rows."""
        if stretch in self._found or stretch in self._made_of:
            return
        size, start = stretch
        held = self._kept.stretches.get(stretch)
        if held is not None and self._changes.within("line", start, start + size) <= held[0]:
            self._found[stretch] = held[1]
            return
        if size == 1 or (size == unit and not (unit == _MINUTE and self._by_seconds(start))):
            self._missing.setdefault(_TABLES[size], []).append(stretch)
            return
        self._made_of[stretch] = made_of or _parts(stretch)
        for part in self._made_of[stretch]:
            self._look(part, unit)

    def _by_seconds(self, minute: int) -> bool:
        """Whether only the new seconds of a minute are read: of the last one, and of one that was the last."""
        if minute < self._seconds_from:
            return False
        return minute + _MINUTE >= self._cut.span.end or (10, minute) in self._kept.stretches

    def _read(self) -> None:
        if seconds := self._missing.get(_TABLES[1]):
            self._missing[_TABLES[1]] = [stretch for stretch in seconds if not self._came_lately(stretch)]
        for step, stretches in self._missing.items():
            if not stretches:
                continue
            starts = [start for _, start in stretches]
            columns = self._store.columns(
                f"SELECT line, side, toUnixTimestamp(ts) AS at, {_ROW} FROM line_{step}"
                f" WHERE ts IN ({', '.join(f'toDateTime({start})' for start in starts)})"
                " AND line IN {ids:Array(UInt64)}",
                ids=self._kept.ids.tolist(),
            )
            at = columns.get("at", np.zeros(0, "<u4"))
            order = np.argsort(at, kind="stable")
            ends = np.searchsorted(at[order], [[start, start + 1] for start in starts])
            for stretch, (first, last) in zip(stretches, ends.tolist(), strict=True):
                self._keep(stretch, read(columns, self._kept.ids, order[first:last]))

    def _came_lately(self, stretch: Stretch) -> bool:
        """Whether the rows of a second are still there as they were inserted; then it is known."""
        recent, second = self._store.recent, stretch[1]
        pieces = None if recent is None else recent.second("line", second)
        if pieces is None:
            return False
        parts = [read(piece.columns, self._kept.ids, self._places(piece, second)) for piece in pieces]
        self._keep(stretch, merged(parts, len(self._kept.ids)))
        return True

    def _places(self, piece: Piece, second: int) -> Any:
        """Where the rows of our lines of a second are."""
        at = piece.of(second)
        return at[np.isin(piece.columns["line"][at], self._kept.ids)]

    def _sums(self, stretch: Stretch) -> Sums:
        if stretch not in self._found:
            parts = [self._sums(part) for part in self._made_of[stretch]]
            self._keep(stretch, merged(parts, len(self._kept.ids)))
        return self._found[stretch]

    def _keep(self, stretch: Stretch, sums: Sums) -> None:
        self._found[stretch] = sums
        self._kept.put(stretch, self._number, sums)


def stretches(cut: Cut) -> int:
    """How many stretches would be read for a window of which nothing is kept."""
    return sum(-(-span.seconds // table.seconds) for table, span in cut.pieces)


def _cover(span: Span, unit: int) -> Iterator[Stretch]:
    """The largest stretches of which a span of whole units is made."""
    start = span.start
    while start < span.end:
        size = next(it for it in reversed(SIZES) if it == unit or (start % it == 0 and start + it <= span.end))
        yield size, start
        start += size


def _parts(stretch: Stretch) -> list[Stretch]:
    size, start = stretch
    part = SIZES[SIZES.index(size) - 1]
    return [(part, at) for at in range(start, start + size, part)]
