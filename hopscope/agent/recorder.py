"""One tick: from what the kernel's tables and ring say to the sums of every side of every edge."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.books import Books
from hopscope.agent.closings import book_end, book_numbers, book_opening
from hopscope.agent.connections import CLIENT, ESTABLISHED, LISTENER, SERVER, Connection, Connections, Owner
from hopscope.agent.drained import Records, closing_records, hear, sort
from hopscope.agent.ended import Ended
from hopscope.agent.halves import Times, connections_of, times_of
from hopscope.agent.hellos import Hellos
from hopscope.agent.kernel import Kernel
from hopscope.agent.ledger import Ledger
from hopscope.agent.listeners import Listeners
from hopscope.agent.looks import due
from hopscope.agent.processes import Processes
from hopscope.agent.protocols import DECIDED, UNKNOWN, label_of
from hopscope.agent.rows import HistogramRows
from hopscope.agent.sharing import End, SharedSockets
from hopscope.agent.strays import TIDY_UP, Strays
from hopscope.agent.tables import BYTES_MASK, CALLS_SHIFT, Moves
from hopscope.agent.truths import TcpTruths
from hopscope.agent.witnesses import Witnesses

RETIRE_EVERY, KEEP_IDLE = 10, 60
"""Ticks between two looks for edges that nothing is left of; ticks that such an edge keeps its labels."""
NO_SLOT = 0xFFFFFFFF

Array = npt.NDArray[Any]


class Recorder:
    """Everything known since the start. Not thread-safe: one caller at a time."""

    def __init__(
        self,
        kernel: Kernel,
        processes: Processes,
        dialed_port: Callable[[Connection, int], int | None] = lambda _, __: None,
    ) -> None:
        self.kernel, self.processes = kernel, processes
        self.connections = Connections()
        self.ledger = Ledger(self.connections, self._owner_of, dialed_port)
        self.books = Books()
        self.listeners = Listeners()
        self.strays = Strays()
        self.rows = HistogramRows(kernel, self.books)
        self.truths = TcpTruths(kernel.layouts["truths"], kernel.count)
        self.side = np.full(kernel.count, -1, np.int64)
        self.active = np.zeros(kernel.count, np.bool_)
        self.moved = np.zeros((kernel.count, 4), np.int64)
        """By slot, what its connection's calls moved: write calls, bytes, read calls, bytes."""
        self.ended = Ended()
        self.seen_connections = self.without_owner = self.unknown_drops = 0
        self.witnesses = Witnesses(self.ledger, self.connections)
        self._hellos = Hellos(self.connections, self.ledger)
        self._early: list[tuple[int, int, str, int]] = []
        self._generation = np.zeros(kernel.count, np.uint32)
        self._word = np.zeros(kernel.count, np.uint32)
        self._is_shared = np.zeros(kernel.count, np.bool_)
        self._shared = SharedSockets(self.connections, self.truths, self._is_held)
        self._turn = 0
        # Read, maybe when it was not known whose they are.
        self._unbooked = np.zeros(kernel.count, np.bool_)
        self._later: Records = []
        self._pending: dict[int, Connection] = {}
        self._unsettled: dict[int, Connection] = {}

    def _owner_of(self, connection: Connection) -> Owner | None:
        return self.processes.owner_of(connection.tgid, connection.comm, connection.cgroup)

    def tick(self) -> None:
        """Reads everything that happened since the last tick."""
        self.books.tick += 1
        self.ledger.tick += 1
        closed, hellos = sort(self.kernel, [*self._later, *hear(self.kernel, self.processes)])
        learned, cold, moves = self.kernel.slots.scan()
        self._later = hear(self.kernel, self.processes)  # who owns a slot was born before the scan met it
        ended = self._ended(closed)
        slots = self.kernel.slots.seen[learned]
        met = connections_of(learned.tolist(), slots, cold)
        # These first: of one that closes right after the scan, too, the calls that the scan saw are still to be booked.
        new = [self._learn(made) for made in met]
        partners = [self._learn(made, True) for made in self._closed_meanwhile([*met, *ended])]
        self._settle([*partners, *new, *self._moved_by_exec(), *ended])
        self._close(ended, closed)
        for shared in self._shared.closed():
            shared.close(self.books)
        self._begin(new, cold)
        self._hellos.hear(hellos)
        self._book_moves(moves)
        self._book_truths(moves.index)
        self.rows.book()
        self._book_drops()
        self.listeners.look(self.connections.listeners.values(), self.kernel.slots.cold, self.ledger.owner)
        self.strays.remember(self.connections.forget_left(), self.ledger.tick)
        self.processes.forget()
        if self.ledger.tick % RETIRE_EVERY == 0:
            self._retire()

    def _learn(self, made: Connection, ended: bool = False) -> Connection:
        connection = self.connections.learn(made, ended)
        if connection is made:
            self.seen_connections += 1
            first = self._shared.meet(connection)
            if first is not None and self._is_held(first.index, first.generation):
                self._is_shared[first.index] = True
        return connection

    def _closed_meanwhile(self, fresh: Sequence[Connection]) -> list[Connection]:
        """The other ends and listeners of these that closed before a scan met them; their closing is for next time.

        Without them a server's end would be taken for one whose initiator is elsewhere, or for nobody's.
        """
        if not self._later:
            return []
        awaited = {made.peer for made in fresh if made.peer is not None and self.connections.get(*made.peer) is None}
        accepted = any(made.role == SERVER and not made.tgid for made in fresh)
        if not awaited and not accepted:
            return []
        closed = closing_records(self.kernel, self._later)
        ends = connections_of(closed["index"].tolist(), closed["slot"], closed["connection"])
        return [
            made for made in ends if (made.index, made.generation) in awaited or (accepted and made.role == LISTENER)
        ]

    def _is_held(self, index: int, generation: int) -> bool:
        return 0 <= index < len(self._generation) and bool(self._generation[index] == generation)

    def _ended(self, closed: Array) -> list[Connection]:
        """The connections of closing records."""
        indices = closed["index"].tolist()
        if NO_SLOT in indices:
            # Connects that failed before they had a slot: each is one of its own.
            indices = [-1 - at if index == NO_SLOT else index for at, index in enumerate(indices)]
        ended = []
        for made in connections_of(indices, closed["slot"], closed["connection"]):
            connection = self.connections.get(made.index, made.generation)
            if connection is None or connection.tgid != made.tgid:
                connection = self._learn(made, True)
            connection.flags |= made.flags
            if made.role == CLIENT and made.local_port and not connection.local_port:
                self.connections.readdress(connection, made.local, made.local_port)
            ended.append(connection)
        return ended

    def _settle(self, fresh: Sequence[Connection]) -> None:
        cold = self.kernel.slots.cold
        for index, connection in list(self._pending.items()):
            half = cold[index]
            if self.kernel.slots.live["generation"][index] != connection.generation:
                continue
            if half["local_port"] and not connection.local_port:
                self.connections.readdress(connection, half["local"].tobytes(), int(half["local_port"]))
            connection.flags |= int(half["flags"])
            if connection.flags & ESTABLISHED:
                del self._pending[index]
                if half["peer_generation"]:
                    connection.peer = int(half["peer_slot"]), int(half["peer_generation"])
                self.ledger.settle(connection)
                self._open(connection, times_of(cold[index : index + 1])[0])
        for connection in fresh:
            self.connections.correct_role(connection)
        # Clients first, for they know what was dialed.
        for connection in sorted((*fresh, *self._unsettled.values()), key=lambda connection: connection.role):
            if connection.side < 0 or connection.counted_as != connection.tgid or connection.owner is None:
                self.ledger.settle(connection)
        self.books.make_room(2 * len(self.ledger))
        for connection in self.ledger.moved:
            if self._is_held(connection.index, connection.generation):
                self._place(connection)
            self.witnesses.see(connection)
        self.ledger.moved.clear()
        self._unsettled = {
            index: connection
            for index, connection in self._unsettled.items()
            if connection.side < 0 and self._lives(connection)
        }

    def _moved_by_exec(self) -> list[Connection]:
        """Connections whose process may belong to another group now: they are settled anew."""
        moved, self.processes.moved = self.processes.moved, set()
        if not moved:
            return []
        found = []
        for index in np.flatnonzero(np.isin(self.kernel.slots.seen["tgid"], list(moved))).tolist():
            connection = self.connections.live.get(index)
            if connection is not None and connection.tgid in moved:
                connection.owner = None
                if connection.side >= 0:
                    found.append(connection)
        return found

    def _lives(self, connection: Connection) -> bool:
        return self.connections.live.get(connection.index) is connection

    def _place(self, connection: Connection) -> None:
        self.side[connection.index] = connection.side
        if connection.side >= 0 and connection.tgid:
            # Until a process claims it a slot still names the row of its last connection.
            self.rows.assign(connection.index, connection.side)

    def _open(self, connection: Connection, times: Times) -> None:
        self.books.make_room(2 * len(self.ledger))
        book_opening(self.books, connection, times)
        self.witnesses.see(connection)
        if self._lives(connection) and connection.role in (CLIENT, SERVER):
            shared = self._shared.of(connection)
            self.active[connection.index] = shared is None or shared.members[0] is connection

    def _begin(self, new: Sequence[Connection], cold: Array) -> None:
        """The slots now belong to these; until here what was read of their last connections was needed."""
        fresh = [at for at, it in enumerate(new) if not self._is_held(it.index, it.generation)]
        if fresh:
            indices = np.array([new[at].index for at in fresh])
            before = self._generation[indices]
            self._generation[indices] = [new[at].generation for at in fresh]
            self._word[indices] = 0
            self.moved[indices] = 0
            self.active[indices] = False
            self._is_shared[indices] = [self._shared.of(new[at]) is not None for at in fresh]
            self.truths.begin(indices, cold["base"][fresh], before)
        for connection, times in zip(new, times_of(cold), strict=True):
            if not self._lives(connection):
                continue
            self._place(connection)
            if connection.side < 0 and connection.role in (CLIENT, SERVER):
                self._unsettled[connection.index] = connection
            if connection.flags & ESTABLISHED:
                self._open(connection, times)
            elif connection.role == CLIENT:
                self._pending[connection.index] = connection

    def _close(self, ended: Sequence[Connection], closed: Array) -> None:
        if not ended:
            return
        slots, halves = closed["slot"], closed["connection"]
        words, rows, errors = slots["protocol"].tolist(), slots["row"].tolist(), halves["error"].tolist()
        times, moved = times_of(halves), slots["moved"].tolist()
        plain: list[int] = []
        amounts: list[tuple[int, int, int, int]] = []
        for at, connection in enumerate(ended):
            finished = 0, 0, 0, 0
            if connection.index >= 0:
                finished = self.kernel.slots.finish(connection.index, connection.generation, tuple(moved[at]))
            if connection.side < 0:
                self.without_owner += connection.role in (CLIENT, SERVER)
                continue
            self._unlabelled(connection, words[at])
            if connection.tgid:
                self.rows.belongs(rows[at], connection.side)
            if self.ended:
                self._look_back(connection, closed[at : at + 1], moved[at], finished)
            self._open(connection, times[at])
            group = self._shared.ends(connection, End(halves[at : at + 1], errors[at], times[at]))
            if group is not None:
                group.moved(self.books, connection, finished)
            elif connection.role != LISTENER:
                book_end(self.books, connection, errors[at], times[at])
                plain.append(at)
                amounts.append(finished)
        if plain:
            self._close_plain([ended[at] for at in plain], halves[plain], np.array(amounts))
        for connection in ended:
            self._leave(connection)

    def _look_back(
        self, connection: Connection, record: Array, packed: list[int], last: tuple[int, int, int, int]
    ) -> None:
        # Of one whose slot is another's already there are only the packed counters, which wrap.
        calls = tuple(part for word in packed for part in (word >> CALLS_SHIFT, word & BYTES_MASK))
        if self._is_held(connection.index, connection.generation):
            calls = tuple((self.moved[connection.index] + last).tolist())
        self.ended.hear(connection, self.ledger.line_of(connection), record, calls, time.monotonic_ns())

    def _close_plain(self, ended: Sequence[Connection], halves: Array, amounts: Array) -> None:
        generation = np.array([it.generation for it in ended])
        live = (self._generation[[max(0, it.index) for it in ended]] == generation) & (generation != 0)
        book_numbers(self.books, self.truths, ended, live, halves, amounts)

    def _leave(self, connection: Connection) -> None:
        index = connection.index
        if self._is_held(index, connection.generation):
            self.side[index] = -1
            self.active[index] = self._is_shared[index] = self.truths.moving[index] = False
            self._generation[index] = 0
        for table in (self._pending, self._unsettled):
            if table.get(index) is connection:
                del table[index]
        self.ledger.leave(connection)
        self.connections.leave(connection)

    def _unlabelled(self, connection: Connection, word: int) -> None:
        line = self.ledger.line_of(connection)
        if line is not None and line.label is UNKNOWN:
            line.label = label_of(word, self.kernel.protocols, closed=True)

    def _book_moves(self, moves: Moves) -> None:
        index, live = moves.index, self.connections.live
        self.moved[index] += np.column_stack((moves.write_calls, moves.write_bytes, moves.read_calls, moves.read_bytes))
        for at in np.flatnonzero((self.side[index] < 0) | self._is_shared[index]).tolist():
            connection = live.get(int(index[at]))
            group = self._shared.of(connection) if connection is not None else None
            if connection is not None and group is not None and connection.side >= 0:
                parts = (moves.write_calls, moves.write_bytes, moves.read_calls, moves.read_bytes)
                group.moved(self.books, connection, tuple(int(part[at]) for part in parts))  # type: ignore[arg-type]
            else:
                self.without_owner += 1
        ours = np.flatnonzero((self.side[index] >= 0) & ~self._is_shared[index])
        index = index[ours]
        sides = self.side[index]
        new = self.truths.count(index, np.column_stack((moves.write_bytes[ours], moves.read_bytes[ours])))
        for column, grown in (
            ("write_calls", moves.write_calls[ours]),
            ("write_bytes", new[:, 0]),
            ("read_calls", moves.read_calls[ours]),
            ("read_bytes", new[:, 1]),
        ):
            self.books.add_at(sides, column, grown)
        self._label(index)

    def _label(self, index: Array) -> None:
        """The lines of connections whose protocol was decided since the last scan."""
        slots = self.kernel.slots.live
        words = slots["protocol"][index]
        # A slot that another connection took meanwhile has that one's word.
        own = slots["generation"][index] == self._generation[index]
        index, words = index[own], words[own]
        for at in np.flatnonzero((words != self._word[index]) & (words & DECIDED != 0)).tolist():
            connection = self.connections.live.get(int(index[at]))
            line = self.ledger.line_of(connection) if connection is not None else None
            label = label_of(int(words[at]), self.kernel.protocols)
            if line is not None and label != UNKNOWN:
                line.label = label
        self._word[index] = words

    def _book_truths(self, changed: Array) -> None:
        slots = self.kernel.slots
        busy = self.truths.moving.copy()
        busy[changed] = True
        busy[list(self.connections.listeners)] = True
        chosen, self._turn = due(np.flatnonzero(self._generation[: self.kernel.limits.slots] != 0), busy, self._turn)
        refreshed = self.kernel.look(chosen)
        self.truths.moving[chosen] &= refreshed | self._is_shared[chosen]
        self._unbooked[chosen] |= refreshed
        read = chosen[self._unbooked[chosen] & (self.side[chosen] >= 0) & ~self._is_shared[chosen]]
        now, flags = slots.cold["truths"][read], slots.cold["flags"][read]
        # A slot that another connection took meanwhile is left to the closing record.
        same = now["generation"] == self._generation[read]
        read, now, flags = read[same], now[same], flags[same]
        self._unbooked[read] = False
        self.truths.book(self.books, read, self.side[read], now, flags)
        for shared in self._shared:
            first = shared.members[0]
            half = slots.cold[first.index : first.index + 1].copy()
            if half["truths"]["at"][0] and half["truths"]["generation"][0] == first.generation:
                shared.book(self.books, half["truths"], int(half["flags"][0]))

    def _book_drops(self) -> None:
        before, self._early = self._early, []
        for fresh, drop in (*((True, drop) for drop in self.kernel.drops()), *((False, drop) for drop in before)):
            index, generation, reason, packets = drop
            connection = self.connections.get(index, generation)
            if connection is not None and connection.side >= 0:
                self._book_drop(connection.side, reason, packets)
            elif fresh:
                # It came and went while we read; its closing record is for the next tick.
                self._early.append(drop)
            elif connection is None:
                self.unknown_drops += packets
        for side, stray in self.strays.find(self.kernel.strays(), self.connections.opened_by(), self.ledger.tick):
            self._book_drop(side, stray.reason, stray.packets)

    def _book_drop(self, side: int, reason: str, packets: int) -> None:
        self.books.reason(side, "drop", f"tidy_up.{reason}" if reason in TIDY_UP else reason, packets)

    def _retire(self) -> None:
        oldest = min(self.books.oldest(), self.ledger.tick - KEEP_IDLE)
        gone: set[int] = set()
        for line in list(self.ledger):
            line.forget_processes(self.books.oldest())
            sides = 2 * line.number, 2 * line.number + 1
            if not line.live and max(int(self.books.touched[side]) for side in sides) <= oldest:
                self.ledger.retire(line)
                gone.update(sides)
        if gone:
            self.books.clear(gone)
            self.rows.forget(gone)
