"""The agent's hand on the kernel: loads the programs, reads the tables and the ring, keeps the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from hopscope.agent.connections import CLIENT, ESTABLISHED, LISTENER, OVERFLOW, Connection, EdgeBook, Ledger, Side
from hopscope.agent.looks import Looks
from hopscope.agent.probes import OBJECT, Choice
from hopscope.agent.tables import RESERVED, Rows, Slots
from hopscope.libbpf import Object, RingBuffer, btf_enum

OVERFLOW_SLOTS = 64
_TRUTHS = (
    "srtt_us",
    "rttvar_us",
    "min_rtt_us",
    "segments_out",
    "retransmitted",
    "retransmitted_bytes",
    "lost",
    "out_of_order",
    "busy",
    "rwnd_limited",
    "sndbuf_limited",
    "zero_window_probes",
)


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of the kernel's tables; all powers of two."""

    slots: int = 16384
    rows: int = 2048
    ring_bytes: int = 1 << 20


class Recorder:
    """Everything between loading and unloading. Not thread-safe: one caller."""

    def __init__(self, choice: Choice, limits: Limits, processes: Any) -> None:
        self.choice = choice
        self.processes = processes
        self._object = Object.open(OBJECT)
        self._configure(limits)
        self._object.load()
        layouts, maps = self._object.layouts, self._object.maps
        self.limits = limits
        self._slot, self._connection = layouts.dtype("slot"), layouts.dtype("connection")
        self._closed = layouts.dtype("closed_record")
        self._exec, self._process = layouts.dtype("exec_record"), layouts.dtype("process_record")
        self._hello = layouts.dtype("hello_record")
        self._kinds = layouts.enum("record_kind")
        self.protocols = {value: name for name, value in layouts.enum("protocol").items()}
        count = limits.slots + OVERFLOW_SLOTS
        self._maps = [maps[name].mmap() for name in ("slots", "connections", "rows")]
        self.slots = Slots(self._maps[0], self._slot, self._maps[1], self._connection, count)
        self.rows = Rows(self._maps[2], layouts.dtype("row"), limits.rows)
        for row in range(1, limits.rows):
            maps["free_rows"].push(row.to_bytes(4, "little"))
        self.hertz = 250
        self._jiffies = (0, 0)
        self._ring = RingBuffer(maps["ring"])
        self._row_side: dict[int, tuple[Side, Connection]] = {}
        self._reasons = {value: name for name, value in btf_enum("skb_drop_reason").items()}
        self.ledger = Ledger(self._owner_of)
        self._links: list[Any] = []
        self._timers: list[Any] = []
        self._attach()

    def _configure(self, limits: Limits) -> None:
        maps = self._object.maps
        for name in ("slots", "connections"):
            maps[name].set_max_entries(limits.slots + OVERFLOW_SLOTS)
        for name in ("rows", "row_keys", "free_rows"):
            maps[name].set_max_entries(limits.rows)
        maps["initiators"].set_max_entries(limits.slots)
        maps["ring"].set_max_entries(limits.ring_bytes)
        constants = {
            "slot_bits": limits.slots.bit_length() - 1,
            "slot_mask": limits.slots - 1,
            "overflow_first": limits.slots,
            "overflow_mask": OVERFLOW_SLOTS - 1,
            **self.choice.rodata,
        }
        for name, value in constants.items():
            self._object.set_rodata(name, value)
        for name, program in self._object.programs.items():
            program.set_autoload(name in self.choice.programs)

    def _attach(self) -> None:
        programs = self._object.programs
        iterators = {"prime", "look"}
        timers = set(self.choice.rung.timers)
        for name in self.choice.programs:
            if name not in iterators and name not in timers:
                self._links.append(programs[name].attach())
        self._looks = Looks(programs["look"], self._object.maps["wanted"])
        prime = programs["prime"].attach_iter()
        prime.read()
        prime.close()

    @property
    def ring_fd(self) -> int:
        """Readable when the kernel wants the ring read at once."""
        return self._ring.fd

    def ring_half_full(self) -> bool:
        """Whether half of the ring waits to be read."""
        return self._ring.waiting > self.limits.ring_bytes // 2

    def take_times(self, on: bool) -> None:
        """Attaches or detaches the hooks at which timed calls begin."""
        if on and not self._timers:
            self._timers = [self._object.programs[name].attach() for name in self.choice.rung.timers]
        elif not on:
            for link in self._timers:
                link.close()
            self._timers = []

    def _owner_of(self, connection: Connection) -> Any:
        return self.processes.owner_of(connection.tgid)

    def tick(self) -> None:
        """Reads everything that happened since the last tick into the ledger."""
        used = np.flatnonzero(self.slots.live["sk"] > RESERVED)
        self._looks.look(used)
        self._learn_hertz()
        records = self._ring.drain()
        closed = self._sort_records(records)
        new, flagged, moves = self.slots.scan()
        for connection, _ in closed:
            if self.ledger.get(connection.index, connection.generation) is None:
                self.ledger.learn(connection)
        self._learn(new)  # after those whose slots they took
        self._settle(new, flagged)
        self._book_moves(moves)
        self._book_live()
        for _, record in closed:
            self._close(record)
        self._book_times()
        self._book_drops()
        self._free_finished()
        self.ledger.forget_left()
        self.processes.forget()

    def _learn_hertz(self) -> None:
        """How many jiffies a second has: the choices of the kernel's configuration are far enough apart."""
        now = self._object.bss["jiffies_now"], self._object.bss["jiffies_at"]
        if not self._jiffies[1]:
            self._jiffies = now
        elif (seconds := (now[1] - self._jiffies[1]) / 1e9) > 0.1:
            self.hertz = min(
                (100, 250, 300, 1000), key=lambda hertz: abs((now[0] - self._jiffies[0]) / seconds - hertz)
            )

    def _kind(self, record: bytes) -> int:
        return int.from_bytes(record[:4], "little")

    def _sort_records(self, records: Iterable[bytes]) -> list[tuple[Connection, Any]]:
        closed = []
        kinds = self._kinds
        for record in records:
            kind = self._kind(record)
            if kind == kinds["RECORD_CLOSED"]:
                r = np.frombuffer(record, self._closed, 1)[0]
                closed.append((self._connection_of(int(r["index"]), r["slot"], r["connection"]), r))
            elif kind == kinds["RECORD_EXEC"]:
                self.processes.observe_exec_record(np.frombuffer(record, self._exec, 1)[0])
            elif kind in (kinds["RECORD_FORK"], kinds["RECORD_EXIT"]):
                self.processes.observe_process_record(
                    kind == kinds["RECORD_FORK"], np.frombuffer(record, self._process, 1)[0]
                )
        return closed

    def _connection_of(self, index: int, slot: Any, cold: Any) -> Connection:
        peer = (int(cold["peer_slot"]), int(cold["peer_generation"])) if cold["peer_generation"] else None
        return Connection(
            index,
            int(slot["generation"]),
            int(slot["tgid"]),
            int(cold["role"]),
            bytes(cold["local"]),
            int(cold["local_port"]),
            bytes(cold["remote"]),
            int(cold["remote_port"]),
            int(cold["netns"]),
            int(cold["flags"]),
            peer,
        )

    def _learn(self, new: Any) -> None:
        for index in new:
            self.ledger.learn(self._connection_of(int(index), self.slots.seen[index], self.slots.seen_cold[index]))

    def _settle(self, new: Any, flagged: Any) -> None:
        order = sorted((int(i) for i in (*new, *flagged)), key=lambda i: -int(self.slots.cold["role"][i]))
        for index in order:
            connection = self.ledger.live.get(index)
            if connection is None:
                continue
            cold = self.slots.cold[index]
            if connection.role == CLIENT and cold["local_port"] and not connection.local_port:
                self.ledger.readdress(connection, bytes(cold["local"]), int(cold["local_port"]))
            connection.flags = int(cold["flags"])
            connection.protocol = int(self.slots.live["protocol"][index]) & 0xFF
            side = self.ledger.settle(connection)
            if side is not None and connection.flags & ESTABLISHED:
                self.ledger.book_open(connection, side, self._times(cold))
        for index in order:
            self._assign_row(index)

    def _assign_row(self, index: int) -> None:
        connection = self.ledger.live.get(index)
        if connection is not None and connection.side is not None:
            self._row_side[int(self.slots.live["row"][index])] = connection.side, connection

    @staticmethod
    def _times(cold: Any) -> dict[str, int]:
        return {name: int(cold[name]) for name in ("connect_ns", "accept_ns", "accept_queue_ns", "close_ns")}

    def _book_moves(self, moves: Any) -> None:
        columns = zip(
            moves.index.tolist(),
            moves.write_calls.tolist(),
            moves.write_bytes.tolist(),
            moves.read_calls.tolist(),
            moves.read_bytes.tolist(),
            strict=True,
        )
        for index, *amounts in columns:
            connection = self.ledger.live.get(index)
            if connection is None:
                continue
            if not connection.protocol:
                connection.protocol = int(self.slots.live["protocol"][index]) & 0xFF
            side = connection.side or self.ledger.settle(connection)
            if side is not None:
                self._add(side, *amounts)

    @staticmethod
    def _add(side: Side, writes: int, written: int, reads: int, got: int) -> None:
        side.write_calls += writes
        side.write_bytes += written
        side.read_calls += reads
        side.read_bytes += got
        side.seen = True

    def _book_live(self) -> None:
        for index, connection in self.ledger.live.items():
            if connection.role in (LISTENER, OVERFLOW):
                continue
            truths = self.slots.cold["truths"][index]
            if truths["at"] and truths["generation"] == connection.generation:
                self.ledger.book_truths(connection, {name: int(truths[name]) for name in _TRUTHS})

    def _close(self, r: Any) -> None:
        index, generation = int(r["index"]), int(r["slot"]["generation"])
        connection = self.ledger.get(index, generation)
        moved = int(r["slot"]["moved"][0]), int(r["slot"]["moved"][1])
        amounts = self.slots.finish(index, generation, moved)
        if connection is None:
            return
        cold = r["connection"]
        connection.tgid, connection.flags = int(r["slot"]["tgid"]), int(cold["flags"])
        connection.protocol = int(r["slot"]["protocol"]) & 0xFF or connection.protocol
        side = self.ledger.settle(connection)
        if side is not None:
            self._row_side[int(r["slot"]["row"])] = side, connection
            self._add(side, *amounts)
            if cold["truths"]["at"]:
                self.ledger.book_truths(connection, {name: int(cold["truths"][name]) for name in _TRUTHS})
        self.ledger.close(connection, int(cold["error"]), self._times(cold))

    def _book_times(self) -> None:
        names = ("write", "read", "write_rtt")
        for times in self.rows.scan():
            known = self._row_side.get(times.row)
            if known is None:
                continue
            side = known[0].edge.side(known[0].role)
            timing = side.timing(names[times.kind])
            timing.timed += times.timed
            timing.ns += times.ns
            for bucket in np.flatnonzero(times.histogram):
                timing.buckets[int(bucket)] += int(times.histogram[bucket])

    def _book_drops(self) -> None:
        drops = self._object.maps["drops"]
        for key, value in drops.items():
            index, generation, reason = (int.from_bytes(key[i : i + 4], "little") for i in (0, 4, 8))
            connection = self.ledger.get(index, generation)
            drops.delete(key)
            if connection is not None and connection.side is not None:
                name = self._reasons.get(reason, str(reason)).removeprefix("SKB_DROP_REASON_").lower()
                connection.side.drops[name] += int.from_bytes(value, "little")

    def _free_finished(self) -> None:
        """Closed connections for which the ring had no room."""
        for index in np.flatnonzero(self.slots.live["sk"] == RESERVED):
            cold, slot = self.slots.cold[index].copy(), self.slots.live[index].copy()
            r = np.zeros(1, self._closed)[0]
            r["index"], r["slot"], r["connection"] = index, slot, cold
            self._close(r)
            self.slots.live["sk"][index] = 0

    def take_window(self) -> list[EdgeBook]:
        """The edges since the last call."""
        books = self.ledger.take_window()
        self._row_side = {row: (side.edge.side(side.role), c) for row, (side, c) in self._row_side.items()}
        return books

    def queue(self, listener: Connection) -> tuple[int, int, int]:
        """Accept queue of a listener: length, limit, overflows."""
        truths = self.slots.cold["truths"][listener.index]
        return int(truths["accept_queue"]), int(truths["accept_queue_limit"]), int(truths["overflows"])

    def lost(self) -> dict[str, int]:
        """What each queue, ring and table could not take, since the start."""
        bss = self._object.bss
        return {
            name: int(bss[name]) for name in ("lost_rows", "lost_drops", "lost_initiators", "overflowed", "uncounted")
        }

    def close(self) -> None:
        """Detaches and unloads everything; twice is harmless."""
        self.take_times(False)
        for link in self._links:
            link.close()
        self._links = []
        self._looks.close()
        self._object.close()
