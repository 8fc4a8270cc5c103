"""Batches of many agents stored together: whoever comes while one group is being stored is in the next.

An insert costs the engine a dozen files and their syncs however few its rows are; so a server that is alone with its
store gives it groups. A group has a token of its own, and the ledger says which batches were in a stored one: a batch
that is sent again is then answered without asking the engine.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hopscope.server.ledger import Ledger
from hopscope.server.spool import Received, Spool, SpoolFull
from hopscope.server.storage.native import joined
from hopscope.server.storage.store import Insert, Store, StoreError

_ROWS = 100_000
"""Rows of a group, unless one batch has more."""


@dataclass(slots=True, eq=False)
class _Waiting:
    batch: Received
    rows: Sequence[Insert]
    done: bool = False
    error: Exception | None = field(default=None)


class Groups:
    """Stores batches in groups, one group at a time.

    `store`: stores the rows of batches under a token; `again`: a group of the spool by its token.
    """

    def __init__(
        self, store: Callable[[Sequence[Sequence[Insert]], str], None], spool: Spool, ledger: Ledger,
        again: Callable[[str], int],
    ) -> None:  # fmt: skip
        self._store, self._spool, self._ledger, self._again = store, spool, ledger, again
        self._turn = threading.Condition()
        self._busy = False
        self._waiting: list[_Waiting] = []

    def store(self, batch: Received, rows: Sequence[Insert]) -> None:
        """Stores a batch, alone or with others; it is safe when this returns. Raises SpoolFull, StoreError."""
        mine = _Waiting(batch, rows)
        with self._turn:
            self._waiting.append(mine)
        while group := self._turn_of(mine):
            self._settle(group)
        if mine.error is not None:
            raise mine.error

    def _turn_of(self, mine: _Waiting) -> list[_Waiting]:
        """The next group to store; none when ours is stored."""
        with self._turn:
            self._turn.wait_for(lambda: mine.done or not self._busy)
            if mine.done:
                return []
            self._busy = True
            return self._next()

    def alone(self, work: Callable[[], None]) -> None:
        """Does something between two groups."""
        with self._turn:
            self._turn.wait_for(lambda: not self._busy)
            self._busy = True
        try:
            work()
        finally:
            self._free()

    def _next(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        rows = 0
        for one in self._waiting:
            rows += sum(insert.rows for insert in one.rows)
            if group and rows > _ROWS:
                break
            group.append(one)
        del self._waiting[: len(group)]
        return group

    def _settle(self, group: list[_Waiting]) -> None:
        error: Exception | None = StoreError("it broke off")
        try:
            self._commit(group)
            error = None
        except (SpoolFull, StoreError) as failed:
            error = failed
        except OSError as failed:
            error = StoreError(failed.strerror or str(failed))
        finally:
            for one in group:
                one.error, one.done = error, True
            self._free()

    def _free(self) -> None:
        with self._turn:
            self._busy = False
            self._turn.notify_all()

    def _commit(self, group: list[_Waiting]) -> None:
        new: dict[tuple[int, int], _Waiting] = {}
        for one in group:
            # Of a group that failed before: it is stored as that group or not at all.
            if held := self._spool.holding(one.batch.number):
                self._again(held)
            if one.batch.number not in self._ledger:
                new.setdefault(one.batch.number, one)
        if not new:
            return
        token = self._spool.write([one.batch for one in new.values()])
        self._store([one.rows for one in new.values()], token)
        self._ledger.add(new)
        self._spool.remove(token)


def store_group(store: Store, batches: Sequence[Sequence[Insert]], token: str) -> None:
    """Stores the rows of batches, an insert for each table. Raises StoreError."""
    by_table: dict[str, list[Insert]] = {}
    for insert in (insert for rows in batches for insert in rows):
        by_table.setdefault(insert.table, []).append(insert)
    # What has a name before the numbers of it.
    for table, inserts in sorted(by_table.items(), key=lambda held: held[0].endswith("_1s")):
        columns = inserts[0].columns if len(inserts) == 1 else joined([insert.columns for insert in inserts])
        store.insert(Insert(table, columns, sum(insert.rows for insert in inserts)), token)
