"""Batches that are stored each by itself, with a thread for each, and for so many bytes at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from hopscope.server.groups import Arrived
from hopscope.server.refusals import bare

_THREADS = 256
_UNPACKED_BYTES = 8_000_000
"""Bytes of batches that are in a thread, unless one batch has more: there each takes 20 times as much."""


class Singly:
    """Stores batches in turns. Close it, after the last batch was given. `store` raises what its sender is told."""

    def __init__(self, store: Callable[[Arrived], None]) -> None:
        self._store = store
        self._threads = ThreadPoolExecutor(_THREADS, "hopscope-batch")
        self._turn, self._room, self._unpacked = threading.Lock(), threading.Condition(), 0

    def give(self, arrived: Arrived) -> None:
        """A batch to be stored."""
        self._threads.submit(self._in_turn, arrived)

    def close(self) -> None:
        """Stores what was given."""
        self._threads.shutdown()

    def _in_turn(self, arrived: Arrived) -> None:
        size = len(arrived.data)
        # The first lock keeps the order: a large batch is not passed by small ones for ever.
        with self._turn, self._room:
            self._room.wait_for(lambda: not self._unpacked or self._unpacked + size <= _UNPACKED_BYTES)
            self._unpacked += size
        error: Exception | None = None
        try:
            self._store(arrived)
        except Exception as failed:
            # Raised where its sender waits for it.
            error = failed
        with self._room:
            self._unpacked -= size
            self._room.notify_all()
        if error is None:
            arrived.done.set_result(None)
        else:
            arrived.done.set_exception(bare(error))
