"""What was read from a store and is still what it would say.

Law: nothing here changes an answer, only what it costs. What was read is given again only while the store knows that no
row of the tables that it was read from changed (storage/changes). Of a store that others write to, too, it is read anew
for each answer, once: several parts of an answer need the same names.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

from hopscope.server.storage.store import Store

_MOST = 40_000
"""Rows, about 1 KiB each, of all that is remembered; what nobody asked for the longest time goes first."""
_ANSWER: ContextVar[dict[Hashable, Any] | None] = ContextVar("answer", default=None)
Found = TypeVar("Found")


@contextmanager
def one_answer() -> Iterator[None]:
    """The parts of one answer are made in the block."""
    token = _ANSWER.set({})
    try:
        yield
    finally:
        _ANSWER.reset(token)


class Remembered:
    """Of one store. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._changes = store.changes
        self._guard = threading.Lock()
        self._held: OrderedDict[Hashable, tuple[int, Any, int]] = OrderedDict()
        self._rows = 0

    def read(
        self, key: Hashable, tables: Iterable[str], read: Callable[[], Found], rows: Callable[[Any], int] = len
    ) -> Found:
        """What `read` gives, which the key and the rows of some tables decide, and which nobody changes. `rows`: how
        many of them it keeps."""
        if self._changes is None:
            return once(key, read)
        with self._guard:
            held = self._held.get(key)
            if held is not None and self._changes.of(tables) <= held[0]:
                self._held.move_to_end(key)
                known: Found = held[1]
                return known
        # Taken before: what changes while it is read, or after, counts as newer.
        number = self._changes.number
        found = read()
        self._keep(key, number, found, rows(found) + 1)
        return found

    def _keep(self, key: Hashable, number: int, found: object, rows: int) -> None:
        with self._guard:
            before = self._held.pop(key, None)
            self._rows += rows - (before[2] if before else 0)
            self._held[key] = number, found, rows
            while self._rows > _MOST:
                self._rows -= self._held.popitem(last=False)[1][2]


def once(key: Hashable, read: Callable[[], Found]) -> Found:
    """What is read under a key, of this answer the first time."""
    known = _ANSWER.get()
    if known is None:
        return read()
    if key not in known:
        known[key] = read()
    found: Found = known[key]
    return found
