"""Batches of many agents stored together: whoever comes while one group is being stored is in the next.

An insert costs the engine a dozen files and their syncs however few its rows are, and rows cost least when many are
made at once; so a server that is alone with its store gives it groups. One thread makes rows of what has come
meanwhile, another one stores what is made. A group has a token of its own, and the ledger says which batches were in a
stored one: a batch that is sent again is then answered without asking the engine.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from functools import partial

from hopscope.server.analysis.tables import Told, together
from hopscope.server.ledger import Ledger, Number
from hopscope.server.refusals import bare
from hopscope.server.spool import Received, Spool, SpoolFull
from hopscope.server.storage.rolling import SECONDS
from hopscope.server.storage.store import Insert, Store, StoreError

_ROWS = 80_000
"""Rows of a group, unless one batch has more; and so many are made beforehand."""
_PAUSE_SECONDS, _LATELY_SECONDS = 0.2, 2.0
"""A group waits for agents that were heard of lately, but not longer after the one before it began. An insert into nine
tables takes 90 ms of CPU even with one row in each, so a hundred small agents are to have five groups a second."""
_BYTES, _BATCHES = 3_000_000, 1000
"""What rows are made of at once, unless one batch is longer."""


@dataclass(frozen=True, slots=True, eq=False)
class Arrived:
    """A batch as it came, and who is told what became of it."""

    data: bytes
    received_ms: int
    sent_ms: int | None
    done: Future[None]


@dataclass(slots=True, eq=False)
class Made:
    """Batches and their rows. `held`: groups of the spool that hold batches which came again."""

    batches: list[Received] = field(default_factory=list)
    rows: list[Insert] = field(default_factory=list)
    held: dict[Number, str] = field(default_factory=dict)

    @property
    def boots(self) -> set[int]:
        """The agents that sent it."""
        return {boot for boot, _ in [*(batch.number for batch in self.batches), *self.held]}

    @property
    def size(self) -> int:
        """Its rows."""
        return sum(insert.rows for insert in self.rows)


class Groups:
    """Stores batches in groups, one group at a time. Close it, after the last batch was given.

    `read`: what an arrived batch says, raises ValueError; `make`: batches and rows of what was said, and of those that
    cannot be stored why; `store`: stores the rows of a group under its token; `again`: a group of the spool by its
    token.
    """

    def __init__(
        self, read: Callable[[Arrived], tuple[Told, Received]],
        make: Callable[[Sequence[tuple[Told, Received]]], tuple[Made, dict[Number, Exception]]],
        store: Callable[[Sequence[Insert], str], None], spool: Spool, ledger: Ledger, again: Callable[[str], int],
    ) -> None:  # fmt: skip
        self._read, self._make, self._store, self._again = read, make, store, again
        self._spool, self._ledger = spool, ledger
        self._turn, self._storing = threading.Condition(), threading.Lock()
        self._arrived: deque[Arrived] = deque()
        self._made: deque[Made] = deque()
        # Who waits for a batch that is under way: one that is sent again meanwhile has two that do.
        self._senders: dict[Number, list[Future[None]]] = {}
        self._heard: dict[int, float] = {}
        self._begun = 0.0
        self._ended = self._all_made = False
        self._threads = [
            threading.Thread(target=self._make_all, name="hopscope-rows"),
            threading.Thread(target=self._store_all, name="hopscope-store"),
        ]
        for thread in self._threads:
            thread.start()

    def give(self, arrived: Arrived) -> None:
        """A batch to be stored, alone or with others."""
        with self._turn:
            self._arrived.append(arrived)
            self._turn.notify_all()

    def alone(self, work: Callable[[], None]) -> None:
        """Does something between two groups."""
        with self._storing:
            work()

    def close(self) -> None:
        """Stores what was given."""
        with self._turn:
            self._ended = True
            self._turn.notify_all()
        for thread in self._threads:
            thread.join()

    def _make_all(self) -> None:
        while self._make_some():
            pass
        with self._turn:
            self._all_made = True
            self._turn.notify_all()

    def _make_some(self) -> bool:
        """Whether there was something to do. What it did it with is gone when it waits for more, as in the other."""
        chunk = self._next_chunk()
        made = self._rows_of(chunk)
        if made.batches or made.held:
            with self._turn:
                self._made.append(made)
                self._turn.notify_all()
        return bool(chunk)

    def _next_chunk(self) -> list[Arrived]:
        chunk: list[Arrived] = []
        with self._turn:
            self._turn.wait_for(lambda: self._ended or (self._arrived and self._waiting_rows() < _ROWS))
            size = 0
            while self._arrived and len(chunk) < _BATCHES:
                size += len(self._arrived[0].data)
                if chunk and size > _BYTES:
                    break
                chunk.append(self._arrived.popleft())
        return chunk

    def _waiting_rows(self) -> int:
        return sum(made.size for made in self._made)

    def _rows_of(self, chunk: Sequence[Arrived]) -> Made:
        said: list[tuple[Told, Received]] = []
        held: dict[Number, str] = {}
        for arrived in chunk:
            try:
                one = self._read(arrived)
            except ValueError as error:
                arrived.done.set_exception(bare(error))
                continue
            number = one[1].number
            with self._turn:
                if number in self._senders:
                    self._senders[number].append(arrived.done)
                    continue
                self._senders[number] = [arrived.done]
            # Of a group that failed before: it is stored as that group or not at all.
            if token := self._spool.holding(number):
                held[number] = token
            elif number in self._ledger:
                self._settle([number], None)
            else:
                said.append(one)
        if not said:
            return Made(held=held)
        try:
            made, refused = self._make(said)
        except Exception as error:
            # Raised where its senders wait for it.
            made, refused = Made(), dict.fromkeys([received.number for _, received in said], error)
        for number, why in refused.items():
            self._settle([number], bare(why))
        made.held = held
        return made

    def _store_all(self) -> None:
        while self._store_some():
            pass

    def _store_some(self) -> bool:
        group = self._next_group()
        with self._storing:
            for made in group:
                self._held(made)
            self._new([made for made in group if made.batches])
        return bool(group)

    def _next_group(self) -> list[Made]:
        group: list[Made] = []
        with self._turn:
            self._turn.wait_for(lambda: self._made or self._all_made)
            self._turn.wait_for(self._enough, max(0.0, self._begun + _PAUSE_SECONDS - time.monotonic()))
            self._begun, rows = time.monotonic(), 0
            while self._made:
                rows += self._made[0].size
                if group and rows > _ROWS:
                    break
                group.append(self._made.popleft())
            self._turn.notify_all()
        return group

    def _enough(self) -> bool:
        """Whether the next group has no reason to wait for more."""
        if self._all_made or self._waiting_rows() >= _ROWS // 2:
            return True
        now = time.monotonic()
        self._heard.update((boot, now) for made in self._made for boot in made.boots)
        self._heard = {boot: heard for boot, heard in self._heard.items() if now - heard < _LATELY_SECONDS}
        return len(self._heard) <= len({boot for made in self._made for boot in made.boots})

    def _held(self, made: Made) -> None:
        for number, token in made.held.items():
            error = _failed(partial(self._again, token))
            if error is None and number not in self._ledger:
                error = StoreError("it waited in a damaged group; send it again")
            self._settle([number], error)

    def _new(self, group: Sequence[Made]) -> None:
        batches = [batch for made in group for batch in made.batches]
        if batches:
            self._settle([batch.number for batch in batches], _failed(partial(self._commit, group, batches)))

    def _commit(self, group: Sequence[Made], batches: Sequence[Received]) -> None:
        token = self._spool.write(batches)
        self._store(together([made.rows for made in group]), token)
        self._ledger.add(batch.number for batch in batches)
        self._spool.remove(token)

    def _settle(self, numbers: Sequence[Number], error: Exception | None) -> None:
        """Tells who waits for batches what became of them."""
        with self._turn:
            waiting = [done for number in numbers for done in self._senders.pop(number)]
        for done in waiting:
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)


def _failed(work: Callable[[], object]) -> Exception | None:
    """Does some work; returns why it failed."""
    try:
        work()
    except (SpoolFull, StoreError) as error:
        return error
    except OSError as error:
        return StoreError(error.strerror or str(error))
    return None


def store_group(store: Store, rows: Sequence[Insert], token: str, threads: Executor) -> None:
    """Stores the rows of a group: what has a name before the numbers of it, and tables side by side, for each waits for
    syncs of its own. Raises StoreError."""
    numbers = [insert for insert in rows if insert.table.endswith(SECONDS)]
    names = [insert for insert in rows if not insert.table.endswith(SECONDS)]
    for inserts in (names, numbers):
        under_way = [threads.submit(store.insert, insert, token) for insert in inserts]
        wait(under_way)
        for done in under_way:
            done.result()
