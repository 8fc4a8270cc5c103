"""The rows of seconds that came last, as the engine was given them, for whoever asks for the newest again and again.

Law: a second is told only when all its rows are here: none of it was stored before, no insert of it failed or was given
twice, none had to make room. Who is told nothing asks the engine.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np

from hopscope.server.storage.blocks import columns

TABLES = ("line", "seen")
"""Of which it is kept, without their step: those that each topology asks for."""
_MOST_BYTES = 16_000_000
"""Of each table: ten seconds of 100 k rows a second."""
_MOST_PIECES, _MOST_SECONDS = 2000, 20_000


class Piece:
    """The rows of one insert. Its columns are as the engine answers them, and nobody changes them."""

    def __init__(self, token: str, seconds: Sequence[int], data: bytes | None) -> None:
        self.token, self.seconds, self.data = token, seconds, data

    @cached_property
    def columns(self) -> Mapping[str, Any]:
        """All of it."""
        return columns(self.data or b"")

    def of(self, second: int) -> Any:
        """The places of the rows of a second."""
        return np.flatnonzero(self.columns["ts"] == second)


Mark = tuple[int, int]
"""How often a table was forgotten, and how many pieces it had since then."""


class Recent:
    """Of a store that only this process writes to. Safe to use from several threads. `newest`: the latest second of
    which a table of seconds has a row, raises StoreError."""

    def __init__(self, newest: Callable[[str], int]) -> None:
        self._newest = newest
        self._tables = {name: _Table() for name in TABLES}

    def forget(self) -> None:
        """Any row of any table may be another one."""
        for table in self._tables.values():
            table.forget()

    @contextmanager
    def inserting(self, name: str, seconds: Sequence[int], token: str) -> Iterator[Callable[[bytes], None]]:
        """Rows of some seconds come into a table while the block runs, which gives their bytes once they are stored.
        Raises StoreError."""
        table = self._tables.get(name)
        if table is None:
            yield lambda data: None
            return
        # One at a time: what another one stores meanwhile is neither before this one nor here.
        with table.inserting:
            begun = table.begin(lambda: self._newest(name))
            stored: list[bytes] = []
            try:
                yield stored.append
            finally:
                table.put(begun, Piece(token, seconds, stored[0] if stored else None))

    def mark(self, name: str) -> Mark:
        """What came into a table until now."""
        return self._tables[name].mark()

    def since(self, name: str, mark: Mark) -> list[Piece] | None:
        """What came into it since then; None: not all of that is here."""
        return self._tables[name].since(mark)

    def second(self, name: str, second: int) -> list[Piece] | None:
        """What has all rows of a second; None: the engine is to be asked."""
        return self._tables[name].of(second)


class _Table:
    """The pieces of one table, the oldest first, and by second; None: not all of its rows are here."""

    def __init__(self) -> None:
        self.inserting = threading.Lock()
        self._guard = threading.Lock()
        self._pieces: deque[Piece] = deque()
        self._tokens: set[str] = set()
        self._seconds: dict[int, list[Piece] | None] = {}
        self._bytes = self._times = self._gone = 0
        # The second from which on there was nothing before; None: this is not known yet.
        self._from: int | None = None

    def forget(self) -> None:
        with self._guard:
            self._pieces.clear()
            self._tokens.clear()
            self._seconds.clear()
            self._bytes = self._gone = 0
            self._times += 1
            self._from = None

    def mark(self) -> Mark:
        with self._guard:
            return self._times, self._gone + len(self._pieces)

    def since(self, mark: Mark) -> list[Piece] | None:
        with self._guard:
            times, number = mark
            if times != self._times or number < self._gone:
                return None
            found = list(islice(self._pieces, number - self._gone, None))
        return None if any(piece.data is None for piece in found) else found

    def begin(self, newest: Callable[[], int]) -> int:
        """How often it was forgotten before."""
        with self._guard:
            times, known = self._times, self._from is not None
        if not known:
            first = newest() + 1
            with self._guard:
                if self._times == times:
                    self._from = first
        return times

    def put(self, begun: int, piece: Piece) -> None:
        with self._guard:
            if self._times != begun:
                return
            self._pieces.append(piece)
            self._bytes += len(piece.data or b"")
            # Of what comes again the engine takes what it does not have.
            whole = piece.data is not None and piece.token not in self._tokens
            self._tokens.add(piece.token)
            for second in piece.seconds:
                held = self._seconds.setdefault(second, [])
                if held is None or not whole:
                    self._seconds[second] = None
                else:
                    held.append(piece)
            self._bound()

    def of(self, second: int) -> list[Piece] | None:
        with self._guard:
            if self._from is None or second < self._from:
                return None
            held = self._seconds.get(second, [])
            return None if held is None else list(held)

    def _bound(self) -> None:
        while (self._bytes > _MOST_BYTES or len(self._pieces) > _MOST_PIECES) and len(self._pieces) > 1:
            gone = self._pieces.popleft()
            self._gone += 1
            self._tokens.discard(gone.token)
            self._bytes -= len(gone.data or b"")
            self._seconds.update(dict.fromkeys(gone.seconds))
        if len(self._seconds) > _MOST_SECONDS:
            oldest = sorted(self._seconds)[: _MOST_SECONDS // 2]
            self._from = max(self._from or 0, oldest[-1] + 1)
            for second in oldest:
                del self._seconds[second]
