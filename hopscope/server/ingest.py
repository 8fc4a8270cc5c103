"""The way of a batch: checked, into the spool, into the store, out of the spool, acknowledged."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace

from google.protobuf.message import DecodeError

from hopscope.server.analysis.bounds import Bounds
from hopscope.server.analysis.tables import inserts
from hopscope.server.groups import Groups, store_group
from hopscope.server.ledger import Ledger
from hopscope.server.measures import Measures
from hopscope.server.spool import Received, Spool, SpoolFull
from hopscope.server.storage.store import Insert, Store, StoreError
from hopscope.wire.hopscope.v1 import collector_pb2 as wire


class Malformed(ValueError):
    """A batch that can never be stored."""


_OUTCOMES = {Malformed: "malformed", SpoolFull: "spool full", StoreError: "store failed"}


class Ingest:
    """Takes batches from any thread. A batch is stored whole or, until it is, kept in the spool.

    A store that is ours `alone` gets groups of batches. Else other servers may get a batch again that we got: each is
    stored under its own token, and the engine knows which it has.
    """

    def __init__(self, store: Store, spool: Spool, ledger: Ledger, alone: bool) -> None:
        self._store, self._spool, self._ledger = store, spool, ledger
        self._groups = Groups(self._store_group, spool, ledger, self._again) if alone else None
        self._bounds = Bounds()
        self._guard = threading.Lock()
        self._under_way: set[str] = set()
        self.trouble: str | None = None
        self.measures = Measures()

    def take(self, data: bytes, received_ms: int, sent_ms: int | None) -> None:
        """Stores a batch; it is safe when this returns. Raises Malformed, SpoolFull, StoreError."""
        self.measures.bytes.inc(len(data))
        try:
            self._take(data, received_ms, sent_ms)
        except tuple(_OUTCOMES) as error:
            self.measures.batches.labels(
                next(said for kind, said in _OUTCOMES.items() if isinstance(error, kind))
            ).inc()
            raise
        self.measures.batches.labels("stored").inc()

    def _take(self, data: bytes, received_ms: int, sent_ms: int | None) -> None:
        received, rows = self._checked(data, received_ms, sent_ms)
        try:
            if self._groups is not None:
                self._groups.store(received, rows)
            else:
                self._alone(received, rows)
        except StoreError as error:
            self.trouble = str(error)
            raise
        self.trouble = None

    def _checked(self, data: bytes, received_ms: int, sent_ms: int | None) -> tuple[Received, list[Insert]]:
        batch = _parse(data)
        self.measures.lag_seconds.observe(max(0.0, received_ms / 1000 - batch.second - 1))
        skew_ms = 0 if sent_ms is None else received_ms - sent_ms
        received = Received((batch.boot, batch.sequence), received_ms, skew_ms, data)
        rows = _rows(batch, received)
        if self._bounds.keep(batch):
            # What is spooled is what is stored, also when it is stored again with nothing remembered.
            received = replace(received, data=batch.SerializeToString())
            rows = _rows(batch, received)
        return received, rows

    def replay(self) -> int:
        """Stores what is in the spool and not under way; returns how many batches that were. Raises StoreError, when
        the rest is stored."""
        stored: list[int] = []
        if self._groups is not None:
            self._groups.alone(lambda: stored.append(self._replay()))
        else:
            stored.append(self._replay())
        return sum(stored)

    def _replay(self) -> int:
        stored, failed = 0, None
        for token in self._spool.tokens():
            with self._guard:
                if token in self._under_way:
                    continue
            try:
                stored += self._again(token)
            except (StoreError, OSError) as error:
                failed = StoreError(str(error))
        if failed is not None:
            self.trouble = str(failed)
            raise failed
        self.trouble = None
        return stored

    def _again(self, token: str) -> int:
        """Stores a group of the spool; returns how many batches it has."""
        group = self._spool.read(token)
        try:
            rows = [_rows(_parse(received.data), received) for received in group]
        except Malformed as error:
            self._spool.set_aside(token, str(error))
            return 0
        if not group:
            return 0
        self._store_group(rows, token)
        if self._groups is not None:
            self._ledger.add(received.number for received in group)
        self._spool.remove(token)
        self.measures.replayed.inc(len(group))
        return len(group)

    def _alone(self, received: Received, rows: Sequence[Insert]) -> None:
        if received.number in self._ledger:
            # Stored here before the data moved to where they are shared.
            return
        with self._guard:
            self._under_way.add(received.token)
        try:
            token = self._spool.write([received])
            self._store_group([rows], token)
            self._spool.remove(token)
        finally:
            with self._guard:
                self._under_way.discard(received.token)

    def _store_group(self, batches: Sequence[Sequence[Insert]], token: str) -> None:
        with self.measures.insert_seconds.time():
            store_group(self._store, batches, token)
        self.measures.rows.inc(sum(insert.rows for rows in batches for insert in rows))


def _parse(data: bytes) -> wire.Batch:
    try:
        batch = wire.Batch.FromString(data)
    except DecodeError as error:
        raise Malformed("not a batch of hopscope.v1") from error
    if not batch.sequence:
        raise Malformed("a batch without a sequence number")
    return batch


def _rows(batch: wire.Batch, received: Received) -> list[Insert]:
    try:
        return inserts(batch, received.received_ms, received.skew_ms)
    except ValueError as error:
        raise Malformed(str(error)) from error
