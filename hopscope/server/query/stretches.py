"""Sums that are asked for again and again while time goes on, kept by stretches of time.

A window of an hour is a few stretches that are kept and the last seconds, which are read, most of them from what was
inserted last (storage/recent). Law: a stretch is used while no row of its table came into its seconds since it was read
(storage/changes), so that an answer is what the engine would have summed; a store that does not know its changes is
never asked here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from hopscope.server.query.windows import Cut, Span
from hopscope.server.storage.changes import Changes
from hopscope.server.storage.recent import Piece, Recent

SIZES = (1, 10, 60, 300, 900, 3600)
"""Seconds of a stretch: each is made of those of the size before."""
MOST_READ = 200
"""A window of more stretches is summed by the engine."""
_TABLES = {1: "1s", 60: "1m", 3600: "1h"}
_MINUTE = 60
Of = TypeVar("Of")


Stretch = tuple[int, int]
"""Its size, one of SIZES or that of what all but the end of a window is; and its first second."""


class Rows(Protocol[Of]):
    """How sums are made of the rows of a table, whose name is without its step. Its methods raise StoreError."""

    @property
    def table(self) -> str: ...

    def stored(self, step: str, starts: Sequence[int]) -> Sequence[Of]:
        """The sums of the rows at some moments, of each."""

    def inserted(self, piece: Piece, second: int) -> Of:
        """Those of the rows of a second in what was inserted."""

    def merged(self, several: Sequence[Of]) -> Of:
        """Several sums as one."""

    def size(self, of: Of) -> int:
        """About the bytes that sums take."""


class Kept(Generic[Of]):
    """The stretches of one question, each with the latest change before it was read. `most`: bytes, when those that
    moved out of the window are dropped, too. Its guard is to be held."""

    def __init__(self, most: int) -> None:
        self.guard = threading.Lock()
        self.stretches: dict[Stretch, tuple[int, Of, int]] = {}
        self.bytes = 0
        self._most = most

    def put(self, stretch: Stretch, number: int, of: Of, size: int) -> None:
        """Keeps what was read after a change."""
        self.drop(stretch)
        self.stretches[stretch] = number, of, size
        self.bytes += size

    def drop(self, stretch: Stretch) -> None:
        """Forgets one."""
        held = self.stretches.pop(stretch, None)
        self.bytes -= held[2] if held else 0

    def bound(self, span: Span) -> None:
        """Drops what the next answer, of a window a little later, does not need."""
        most = self.bytes > self._most
        for size, start in list(self.stretches):
            end = start + size
            fine = size < _MINUTE and end < span.end - 5 * _MINUTE
            if fine or (size not in SIZES and end < span.end - 4 * _MINUTE) or (most and end <= span.start):
                self.drop((size, start))


class Reading(Generic[Of]):
    """What is needed for one answer: what is kept and still holds, and the rest, read. `seconds_from`: from when on
    rows of seconds are kept."""

    def __init__(
        self, rows: Rows[Of], changes: Changes, recent: Recent | None, kept: Kept[Of], cut: Cut, seconds_from: float
    ) -> None:
        self._rows, self._changes, self._recent, self._kept, self._cut = rows, changes, recent, kept, cut
        self._seconds_from = seconds_from
        # Taken first: what changes from now on is newer than all that is read.
        self._number = changes.number
        self._found: dict[Stretch, Of] = {}
        self._made_of: dict[Stretch, list[Stretch]] = {}
        self._missing: dict[int, list[Stretch]] = {}

    def whole(self) -> Of:
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
        return self._rows.merged([self._sums(stretch) for stretch in wanted])

    def minutes(self) -> dict[int, Of]:
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
        if held is not None and self._changes.within(self._rows.table, start, start + size) <= held[0]:
            self._found[stretch] = held[1]
            return
        if size == 1 or (size == unit and not (unit == _MINUTE and self._by_seconds(start))):
            self._missing.setdefault(size, []).append(stretch)
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
        if seconds := self._missing.get(1):
            self._missing[1] = [stretch for stretch in seconds if not self._came_lately(stretch)]
        for size, stretches in self._missing.items():
            if stretches:
                found = self._rows.stored(_TABLES[size], [start for _, start in stretches])
                for stretch, of in zip(stretches, found, strict=True):
                    self._keep(stretch, of)

    def _came_lately(self, stretch: Stretch) -> bool:
        """Whether the rows of a second are still there as they were inserted; then it is known."""
        second = stretch[1]
        pieces = None if self._recent is None else self._recent.second(self._rows.table, second)
        if pieces is None:
            return False
        self._keep(stretch, self._rows.merged([self._rows.inserted(piece, second) for piece in pieces]))
        return True

    def _sums(self, stretch: Stretch) -> Of:
        if stretch not in self._found:
            self._keep(stretch, self._rows.merged([self._sums(part) for part in self._made_of[stretch]]))
        return self._found[stretch]

    def _keep(self, stretch: Stretch, of: Of) -> None:
        self._found[stretch] = of
        self._kept.put(stretch, self._number, of, self._rows.size(of))


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
