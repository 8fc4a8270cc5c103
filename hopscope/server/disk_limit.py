"""That the data stay below their limit."""

from __future__ import annotations

import logging

from hopscope.server.storage.care import shrink
from hopscope.server.storage.store import Store

log = logging.getLogger(__name__)


class DiskLimit:
    """`dropped`: what had to be dropped last to stay below the limit, None if nothing had to."""

    def __init__(self, store: Store, limit: int | None) -> None:
        self._store, self._limit = store, limit
        self.dropped: str | None = None

    def look(self) -> None:
        """Drops the oldest data while there are more than the limit. Raises StoreError."""
        for what in shrink(self._store, self._limit) if self._limit is not None else ():
            self.dropped = what
            log.warning(what)
