"""When each agent was heard of last: read once, and what came since then added.

Law: of two rows the later counts, so that it does no harm when one is taken twice.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from hopscope.server.storage.recent import Mark, Piece
from hopscope.server.storage.store import Store

_AGAIN_SECONDS = 3600
"""So long one that is gone for three days may still be told of."""
Moments = tuple[int, int]
"""The last second that an agent reported, by its clock, and when it came, Unix ms by the server's clock."""


@dataclass(frozen=True, slots=True)
class _Read:
    hour: int
    mark: Mark
    by_host: Mapping[int, Moments]


class Heard:
    """Of one store. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._guard = threading.Lock()
        self._read: _Read | None = None

    def moments(self, now: float) -> Mapping[int, Moments]:
        """Of each agent that was heard of in three days. Raises StoreError."""
        recent = self._store.recent
        if recent is None:
            return self._all()
        with self._guard:
            # Taken first: what comes from now on is added the next time.
            mark, known = recent.mark("seen"), self._read
            new = recent.since("seen", known.mark) if known and known.hour == now // _AGAIN_SECONDS else None
            by_host = self._all() if known is None or new is None else dict(known.by_host)
            for piece in new or ():
                _add(by_host, piece)
            self._read = _Read(int(now // _AGAIN_SECONDS), mark, by_host)
        return by_host

    def _all(self) -> dict[int, Moments]:
        rows = self._store.query(
            "SELECT host AS id, max(state).1 AS second, max(skew).1 AS received FROM seen_1h"
            " WHERE ts >= now() - INTERVAL 3 DAY GROUP BY id"
        )
        return {row["id"]: (row["second"], row["received"]) for row in rows}


def _add(by_host: dict[int, Moments], piece: Piece) -> None:
    held = piece.columns
    told = (held["host"], held["state"][0], held["skew"][0])
    for host, second, received in zip(*(np.asarray(column).tolist() for column in told), strict=True):
        before = by_host.get(host, (0, 0))
        by_host[host] = max(before[0], second), max(before[1], received)
