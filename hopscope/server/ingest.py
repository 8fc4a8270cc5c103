"""The way of a batch: checked, into the spool, into the store, out of the spool, acknowledged."""

from __future__ import annotations

import threading

from google.protobuf.message import DecodeError

from hopscope.server.analysis.tables import inserts
from hopscope.server.measures import Measures
from hopscope.server.spool import Received, Spool, SpoolFull
from hopscope.server.storage.store import Insert, Store, StoreError
from hopscope.wire.hopscope.v1 import collector_pb2 as wire


class Malformed(ValueError):
    """A batch that can never be stored."""


_OUTCOMES = {Malformed: "malformed", SpoolFull: "spool full", StoreError: "store failed"}


class Ingest:
    """Takes batches from any thread. A batch is stored whole or, until it is, kept in the spool."""

    def __init__(self, store: Store, spool: Spool) -> None:
        self._store = store
        self._spool = spool
        self._guard = threading.Lock()
        self._under_way: set[str] = set()
        self.trouble: str | None = None
        self.measures = Measures()

    def take(self, data: bytes, received_ms: int, sent_ms: int | None) -> None:
        """Stores a batch; it is safe when this returns. Raises Malformed, SpoolFull, StoreError."""
        self.measures.bytes.inc(len(data))
        try:
            self._take(data, received_ms, sent_ms)
        except (Malformed, SpoolFull, StoreError) as error:
            self.measures.batches.labels(_OUTCOMES[type(error)]).inc()
            raise
        self.measures.batches.labels("stored").inc()

    def _take(self, data: bytes, received_ms: int, sent_ms: int | None) -> None:
        batch = _parse(data)
        self.measures.lag_seconds.observe(max(0.0, received_ms / 1000 - batch.second - 1))
        skew_ms = 0 if sent_ms is None else received_ms - sent_ms
        received = Received(f"{batch.boot:016x}-{batch.sequence}", received_ms, skew_ms, data)
        rows = _rows(batch, received)
        with self._guard:
            self._under_way.add(received.token)
        try:
            self._spool.write(received)
            self._insert(rows, received.token)
        finally:
            with self._guard:
                self._under_way.discard(received.token)

    def replay(self) -> int:
        """Stores what is in the spool and not under way; returns how many batches that were. Raises StoreError."""
        stored = 0
        for received in self._spool.left():
            with self._guard:
                if received.token in self._under_way:
                    continue
            try:
                rows = _rows(_parse(received.data), received)
            except Malformed as error:
                self._spool.set_aside(received.token, str(error))
                continue
            self._insert(rows, received.token)
            self.measures.replayed.inc()
            stored += 1
        return stored

    def _insert(self, rows: list[Insert], token: str) -> None:
        try:
            with self.measures.insert_seconds.time():
                for insert in rows:
                    self._store.insert(insert, token)
        except StoreError as error:
            self.trouble = str(error)
            raise
        self.trouble = None
        self.measures.rows.inc(sum(insert.rows for insert in rows))
        self._spool.remove(token)


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
