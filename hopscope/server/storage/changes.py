"""When the rows of tables last changed, for whoever keeps an answer: it holds as long as nothing it was read from did.

Law: a change has its number before the insert that made it returns. What was read after number N was the latest holds
while no change of its tables has a greater one. A row that grows too old to be kept is no change: when the engine drops
it is open, and nobody asks for it any more.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from itertools import repeat

_MOST_SECONDS = 20_000
"""Of each table that has time; those before count as changed when the latest of them did."""


class Changes:
    """Of a store that only this process writes to. Safe to use from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._number = 0
        # Of all tables.
        self._whole = 0
        self._tables: dict[str, int] = {}
        self._rolled: dict[str, _Moments] = {}

    @property
    def number(self) -> int:
        """That of the latest change."""
        return self._number

    def all_changed(self) -> None:
        """Any row of any table may be another one."""
        with self._guard:
            self._number += 1
            self._whole = self._number

    def told(self, table: str, seconds: Iterable[int] = ()) -> None:
        """Rows may have come into a table. One that is rolled up goes by its name without the step, and `seconds` are
        those that its rows are of."""
        with self._guard:
            self._number += 1
            self._tables[table] = self._number
            self._rolled.setdefault(table, _Moments()).told(seconds, self._number)

    def of(self, tables: Iterable[str]) -> int:
        """The latest change of some tables."""
        with self._guard:
            return max(self._whole, *(self._tables.get(name, 0) for name in tables))

    def within(self, name: str, start: int, end: int) -> int:
        """The latest change of rows of a rolled table in some seconds, or in a minute or an hour that is just these."""
        with self._guard:
            moments = self._rolled.get(name)
            return max(self._whole, moments.within(start, end) if moments else 0)


class _Moments:
    """The latest change of each second of one table."""

    def __init__(self) -> None:
        self._seconds: dict[int, int] = {}
        self._known_from, self._before = 0, 0

    def told(self, seconds: Iterable[int], number: int) -> None:
        for second in seconds:
            if second < self._known_from:
                self._before = number
            else:
                self._seconds[second] = number
        if len(self._seconds) > _MOST_SECONDS:
            oldest = sorted(self._seconds)[: _MOST_SECONDS // 2]
            self._known_from = oldest[-1] + 1
            self._before = max(self._before, *(self._seconds.pop(second) for second in oldest))

    def within(self, start: int, end: int) -> int:
        before = self._before if start < self._known_from else 0
        return max(before, max(map(self._seconds.get, range(start, end), repeat(0)), default=0))
