"""What the kernel half alone says of each connection: its slots, closing records and rows, with nothing in between."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.probes import OBJECT, Choice
from hopscope.libbpf import Object, RingBuffer, missed

SLOWER = float(os.environ.get("HOPSCOPE_TEST_SLOWER", "1"))
"""How much slower than a real one the processor is."""
CALLS_SHIFT, BYTES = 38, (1 << 38) - 1
EXTRA, LAYERED = 2, 1024
ROLES = {1: "client", 2: "server"}
TABLE: dict[tuple[str, str], tuple[tuple[str, str], ...]] = {}
"""(way, rung): for bytes, calls and times what held and, where something did not, why; printed after the tests."""
NOT_ATTACHED = {"look", "prime"}


@dataclass
class Counts:
    """One end of one connection: by process the calls and bytes that hooks saw, and what the sequence numbers say."""

    calls: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    bytes: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    total: tuple[int, int] = (0, 0)
    rows: set[int] = field(default_factory=set)
    flags: int = 0
    records: list[Any] = field(default_factory=list)


class Counting:
    """The programs of one choice, loaded and attached, every call timed."""

    def __init__(self, choice: Choice, slots: int = 65536, ring_bytes: int = 1 << 20) -> None:
        self._object, self._programs = Object.open(OBJECT), choice.programs
        for name in ("slots", "connections"):
            self._object.maps[name].set_max_entries(slots + 64)
        self._object.maps["ring"].set_max_entries(ring_bytes)
        for name, value in {**choice.rodata, "slot_shift": 65 - slots.bit_length(), "slot_mask": slots - 1}.items():
            self._object.set_rodata(name, value)
        self._object.set_rodata("overflow_first", slots)
        for name, program in self._object.programs.items():
            program.set_autoload(name in choice.programs)
        self._object.load()
        for row in range(1, 2048):
            self._object.maps["free_rows"].push(row.to_bytes(4, "little"))
        layouts = self._object.layouts
        self._closed, self._row = layouts.dtype("closed_record"), layouts.dtype("row")
        self._slots = np.frombuffer(self._object.maps["slots"].mmap(), layouts.dtype("slot"), slots + 64)
        cold = self._object.maps["connections"].mmap()
        self.cold = np.frombuffer(cold, layouts.dtype("connection"), slots + 64)
        self.rows = np.frombuffer(self._object.maps["rows"].mmap(), self._row, 2048)
        self._ring = RingBuffer(self._object.maps["ring"])
        self._links = [self._object.programs[name].attach() for name in choice.programs if name not in NOT_ATTACHED]
        prime = self._object.programs["prime"].attach_iter()
        prime.read()
        prime.close()

    def _sum(self, slots: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
        write, read = (int(word) for word in self._slots["moved"][slots].sum(axis=0))
        return write >> CALLS_SHIFT, write & BYTES, read >> CALLS_SHIFT, read & BYTES

    def moved(self, tgid: int) -> tuple[int, int, int, int]:
        """Write calls, bytes, read calls, bytes that a process's connections counted."""
        return self._sum((self._slots["sk"] > 2) & (self._slots["tgid"] == tgid))

    def used_by(self, tgid: int) -> npt.NDArray[np.intp]:
        """The slots of a process's sockets, its listeners among them."""
        return np.flatnonzero((self._slots["sk"] > 2) & (self._slots["tgid"] == tgid))

    def overflow(self, tgid: int) -> tuple[int, int, int, int]:
        """The same of its overflow slots."""
        return self._sum((self._slots["sk"] == 1) & (self._slots["tgid"] == tgid))

    def listener(self, port: int) -> int:
        """The slot of the listener on a port."""
        (index,) = np.flatnonzero(
            (self._slots["sk"] > 2) & (self.cold["role"] == 3) & (self.cold["local_port"] == port)
        )
        return int(index)

    @property
    def ring_fd(self) -> int:
        """What poll watches."""
        return self._ring.fd

    def waiting(self) -> int:
        """Bytes in the ring that nobody read."""
        return self._ring.waiting

    def records(self) -> list[Any]:
        """Closing records since the last call."""
        return [
            np.frombuffer(record, self._closed, 1)[0]
            for record in self._ring.drain()
            if int.from_bytes(record[:4], "little") == 1
        ]

    def missed(self) -> int:
        """Hits that the kernel let pass, by its own count."""
        return sum(missed(self._object.programs[name]) for name in self._programs)

    def timed(self) -> npt.NDArray[np.int64]:
        """Calls timed so far, by row and direction."""
        return self.rows["move"]["histogram"].sum(axis=-1, dtype=np.int64)

    def lost(self) -> dict[str, int]:
        """What the kernel half could not take."""
        bss = self._object.bss
        return {name: bss[name] for name in ("lost_records", "lost_rows", "overflowed", "uncounted") if bss[name]}

    def closed(self, initiators: set[int], ends: int, patience: float = 3 * SLOWER) -> dict[tuple[str, int], Counts]:
        """The connections of these initiators' ports that ended, by (role, port); waits until there are `ends`."""
        found: dict[tuple[str, int], Counts] = defaultdict(Counts)
        deadline = time.monotonic() + patience
        while True:
            for record in self.records():
                self._add(found, record, initiators)
            if len(found) >= ends or time.monotonic() > deadline:
                return dict(found)
            time.sleep(0.02)

    @staticmethod
    def _add(found: dict[tuple[str, int], Counts], record: Any, initiators: set[int]) -> None:
        cold, slot = record["connection"], record["slot"]
        role = ROLES.get(int(cold["role"]))
        initiator = int(cold["local_port"] if role == "client" else cold["remote_port"])
        if role is None or initiator not in initiators:
            return
        counts, tgid = found[role, initiator], int(slot["tgid"])
        counts.rows.add(int(slot["row"]))
        counts.records.append(record)
        for direction in (0, 1):
            moved = int(slot["moved"][direction])
            counts.calls[tgid][direction] += moved >> CALLS_SHIFT
            counts.bytes[tgid][direction] += moved & BYTES
        if int(cold["flags"]) & EXTRA:
            return
        counts.flags = int(cold["flags"])
        truths, base = cold["truths"], cold["base"]
        counts.total = (
            int(truths["sent"]) - int(base["sent"]),
            int(truths["received"]) - int(base["received"]),
        )

    def close(self) -> None:
        """Detaches and unloads."""
        for link in self._links:
            link.close()
        self._object.close()
