"""The way of a batch: checked, into the spool, into the store, out of the spool, acknowledged."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from google.protobuf.message import DecodeError

from hopscope.server.analysis.bounds import Bounds
from hopscope.server.analysis.tables import Told, inserts, together
from hopscope.server.groups import Arrived, Groups, Made, store_group
from hopscope.server.ledger import Ledger, Number
from hopscope.server.measures import Measures
from hopscope.server.singly import Singly
from hopscope.server.spool import Received, Spool, SpoolFull
from hopscope.server.storage.store import Insert, Store, StoreError
from hopscope.wire.hopscope.v1 import collector_pb2 as wire


class Malformed(ValueError):
    """A batch that can never be stored."""


_TABLES = 16
"""Tables that are inserted into side by side."""
_OUTCOMES = {Malformed: "malformed", SpoolFull: "spool full", StoreError: "store failed"}


class Ingest:
    """Takes batches from any thread. A batch is stored whole or, until it is, kept in the spool. Close it, after the
    last batch was given.

    A store that is ours `alone` gets groups of batches. Else other servers may get a batch again that we got: each is
    stored under its own token, and the engine knows which it has.
    """

    def __init__(self, store: Store, spool: Spool, ledger: Ledger, alone: bool) -> None:
        self._store, self._spool, self._ledger = store, spool, ledger
        self._bounds = Bounds()
        self._guard = threading.Lock()
        self._under_way: set[str] = set()
        self._given: dict[Future[None], float] = {}
        self._tables = ThreadPoolExecutor(_TABLES, "hopscope-table")
        self.trouble: str | None = None
        self.measures = Measures()
        self._groups = Groups(self._read, self._make, self._store_group, spool, ledger, self._again) if alone else None
        self._stores: Groups | Singly = self._groups or Singly(self._alone)

    def close(self) -> None:
        """Stores what was given."""
        self._stores.close()
        self._tables.shutdown()

    def give(self, data: bytes, received_ms: int, sent_ms: int | None) -> Future[None]:
        """Stores a batch; it is safe when this is done. It may raise Malformed, SpoolFull, StoreError."""
        self.measures.bytes.inc(len(data))
        arrived = Arrived(data, received_ms, sent_ms, Future())
        # Nobody can cancel it any more.
        arrived.done.set_running_or_notify_cancel()
        self._given[arrived.done] = time.monotonic()
        arrived.done.add_done_callback(self._count)
        self._stores.give(arrived)
        return arrived.done

    def take(self, data: bytes, received_ms: int, sent_ms: int | None) -> None:
        """Stores a batch; it is safe when this returns. Raises Malformed, SpoolFull, StoreError."""
        self.give(data, received_ms, sent_ms).result()

    @property
    def waiting_seconds(self) -> float:
        """How long the oldest batch has waited that is neither stored nor refused."""
        # A copy, which no other thread can change.
        return time.monotonic() - min(self._given.copy().values(), default=time.monotonic())

    def _count(self, done: Future[None]) -> None:
        del self._given[done]
        error = done.exception()
        known = [said for kind, said in _OUTCOMES.items() if isinstance(error, kind)]
        if known or error is None:
            self.measures.batches.labels(known[0] if known else "stored").inc()
        if isinstance(error, StoreError):
            self.trouble = str(error)
        elif error is None:
            self.trouble = None

    def _read(self, arrived: Arrived) -> tuple[Told, Received]:
        batch = _parse(arrived.data)
        self.measures.lag_seconds.observe(max(0.0, arrived.received_ms / 1000 - batch.second - 1))
        skew_ms = 0 if arrived.sent_ms is None else arrived.received_ms - arrived.sent_ms
        received = Received((batch.boot, batch.sequence), arrived.received_ms, skew_ms, arrived.data)
        return Told(batch, arrived.received_ms, skew_ms), received

    def _make(self, said: Sequence[tuple[Told, Received]]) -> tuple[Made, dict[Number, Exception]]:
        """Rows of all that can be stored."""
        try:
            rows = _rows([told for told, _ in said])
        except Malformed as error:
            if len(said) == 1:
                return Made(), {said[0][1].number: error}
            # One of them is: each by itself, then.
            each = [self._make([one]) for one in said]
            whole = Made(
                [batch for made, _ in each for batch in made.batches], together([made.rows for made, _ in each])
            )
            return whole, {number: why for _, refused in each for number, why in refused.items()}
        kept = [self._within(*one) for one in said]
        if any(was is not now for (_, was), (_, now) in zip(said, kept, strict=True)):
            rows = _rows([told for told, _ in kept])
        return Made([received for _, received in kept], rows), {}

    def _within(self, told: Told, received: Received) -> tuple[Told, Received]:
        """A well-formed batch without what is beyond its agent's bounds."""
        if self._bounds.keep(told.batch):
            # What is spooled is what is stored, also when it is stored again with nothing remembered.
            received = replace(received, data=told.batch.SerializeToString())
        return told, received

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
            rows = _rows([Told(_parse(one.data), one.received_ms, one.skew_ms) for one in group])
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

    def _alone(self, arrived: Arrived) -> None:
        said = self._read(arrived)
        made, refused = self._make([said])
        for why in refused.values():
            raise why
        (received,) = made.batches
        if received.number in self._ledger:
            # Stored here before the data moved to where they are shared.
            return
        with self._guard:
            self._under_way.add(received.token)
        try:
            token = self._spool.write([received])
            self._store_group(made.rows, token)
            self._spool.remove(token)
        finally:
            with self._guard:
                self._under_way.discard(received.token)

    def _store_group(self, rows: Sequence[Insert], token: str) -> None:
        with self.measures.insert_seconds.time():
            store_group(self._store, rows, token, self._tables)
        self.measures.rows.inc(sum(insert.rows for insert in rows))


def _parse(data: bytes) -> wire.Batch:
    try:
        batch = wire.Batch.FromString(data)
    except DecodeError as error:
        raise Malformed("not a batch of hopscope.v1") from error
    if not batch.sequence:
        raise Malformed("a batch without a sequence number")
    return batch


def _rows(told: Sequence[Told]) -> list[Insert]:
    try:
        return inserts(told)
    except ValueError as error:
        raise Malformed(str(error)) from error
