"""The loaded BPF object: its programs on their hooks, its tables as memory, its ring as records."""

from __future__ import annotations

import errno
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hopscope.agent import AgentError
from hopscope.agent.connections import FLAGS, ROLES
from hopscope.agent.filter import Filter, chunks
from hopscope.agent.looks import Looks
from hopscope.agent.probes import OBJECT, RUN, SELECTING, Choice
from hopscope.agent.strays import Stray, reason_name
from hopscope.agent.tables import RESERVED, Rows, Slots
from hopscope.libbpf import LibbpfError, Link, Object, Program, RingBuffer, btf_enum, missed

OVERFLOW_SLOTS = 64
_HERTZ = (100, 250, 300, 1000)
_LEARN_HERTZ_NS = 200_000_000
_GRACE, _PATIENCE = 0.02, 2.0
"""Seconds: until a program that was let go has surely ended; for a hook that is held."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes of the kernel's tables; those of the first three are powers of two.

    `trace_all`: every process is traced, else those that the filter names. `marks`: how many those may be beside the
    ones in cgroups that are wanted as a whole.
    """

    slots: int = 16384
    rows: int = 2048
    ring_bytes: int = 1 << 23
    trace_all: bool = True
    marks: int = 8192


class Kernel:
    """Everything between loading and unloading. Raises LibbpfError. Not thread-safe.

    Loaded it costs memory and nothing else; hooks run from `start`, which comes at once where `started` says so, to
    `stop`. Each start begins with empty tables.
    """

    def __init__(self, choice: Choice, limits: Limits, started: bool = True) -> None:
        self.choice, self.limits = choice, limits
        self._object = Object.open(OBJECT)
        self._links: dict[str, Link] = {}
        self._timers: dict[str, Link] = {}
        self._looks: Looks | None = None
        self.filter: Filter | None = None
        self._stopped_at: float | None = None
        self._jiffies: tuple[int, int] | None = None
        self.hertz: int | None = None
        try:
            self._load()
            if started:
                self.start()
        except BaseException:
            self.close()
            raise

    def _load(self) -> None:
        self._configure()
        self._object.load()
        layouts, maps, limits = self._object.layouts, self._object.maps, self.limits
        self._check(layouts.enum("role"), ROLES)
        self._check(layouts.enum("connection_flag"), FLAGS)
        self.layouts = {
            name: layouts.dtype(name)
            for name in (
                "slot",
                "connection",
                "truths",
                "closed_record",
                "exec_record",
                "process_record",
                "hello_record",
                "stray_key",
            )
        }
        self.kinds = {number: name for name, number in layouts.enum("record_kind").items()}
        self.protocols = {number: name for name, number in layouts.enum("protocol").items()}
        self.count = limits.slots + OVERFLOW_SLOTS
        self._memory = {name: maps[name].mmap() for name in ("slots", "connections", "rows")}
        self._begin()
        self._ring = RingBuffer(maps["ring"])
        self._reasons = {number: name for name, number in btf_enum("skb_drop_reason").items()}
        self._looks = Looks(self._object.programs["look"], maps["wanted"])
        if not limits.trace_all:
            self.filter = Filter(self._object, self._looks)

    @staticmethod
    def _check(found: dict[str, int], wanted: dict[str, int]) -> None:
        if different := {name for name, number in wanted.items() if found.get(name) != number}:
            raise AgentError(f"the BPF object is another version's ({', '.join(sorted(different))}): run `make bpf`")

    def _configure(self) -> None:
        maps, limits = self._object.maps, self.limits
        for name in ("slots", "connections"):
            maps[name].set_max_entries(limits.slots + OVERFLOW_SLOTS)
        for name in ("rows", "row_keys", "free_rows"):
            maps[name].set_max_entries(limits.rows)
        maps["initiators"].set_max_entries(limits.slots)
        if limits.trace_all:
            for name in ("processes", "cgroups", "marked", "listening"):
                maps[name].set_max_entries(1)
        else:
            maps["processes"].set_max_entries(chunks())
            maps["marked"].set_max_entries(limits.marks)
        maps["ring"].set_max_entries(limits.ring_bytes)
        constants = {
            "slot_shift": 65 - limits.slots.bit_length(),
            "slot_mask": limits.slots - 1,
            "overflow_first": limits.slots,
            "overflow_mask": OVERFLOW_SLOTS - 1,
            "trace_all": int(limits.trace_all),
            **self.choice.rodata,
        }
        for name, value in constants.items():
            self._object.set_rodata(name, value)
        for name, program in self._object.programs.items():
            program.set_autoload(name in self._programs())

    def _programs(self) -> tuple[str, ...]:
        return self.choice.programs + (() if self.limits.trace_all else SELECTING)

    def _begin(self) -> None:
        """The views of tables that are empty."""
        layouts, memory = self.layouts, self._memory
        self.slots = Slots(memory["slots"], layouts["slot"], memory["connections"], layouts["connection"], self.count)
        self.rows = Rows(memory["rows"], self._object.layouts.dtype("row"), self.limits.rows)
        for row in range(1, self.limits.rows):
            self.free_row(row)

    def start(self) -> None:
        """Puts the programs on their hooks, and enrols the connections that are open already. Raises LibbpfError."""
        if self._stopped_at is not None:
            # A program that was taken off its hook may still be on its way out of it.
            time.sleep(max(0.0, self._stopped_at + _GRACE - time.monotonic()))
            self._empty()
            self._begin()
        try:
            for name in self.choice.programs:
                if name not in (*RUN, *self.choice.rung.timers, *self._links):
                    self._links[name] = self._attached(name)
            self.prime()
        except BaseException:
            self.stop()
            raise

    def _attached(self, name: str) -> Link:
        """A hook that was let go may be held for a moment by a child that was forked then, as in `take_times`."""
        patience = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._object.programs[name].attach()
            except LibbpfError as error:
                if error.errno not in (errno.EBUSY, errno.EEXIST) or time.monotonic() > patience:
                    raise
            time.sleep(_GRACE)

    def stop(self) -> None:
        """Takes the programs off their hooks; twice is harmless."""
        self.take_times(False)
        if self._links:
            self._stopped_at = time.monotonic()
        self._let_go(self._links)

    def _let_go(self, links: dict[str, Link]) -> None:
        """Takes off their hooks those programs that may come again; the others stay until the end."""
        for name in list(links):
            if self.choice.again or not self._object.programs[name].section.startswith(("fentry", "fexit")):
                links.pop(name).close()

    def _empty(self) -> None:
        maps = self._object.maps
        for memory in self._memory.values():
            memory[:] = bytes(len(memory))
        for name in ("row_keys", "initiators", "drops", "strays", "listening"):
            maps[name].clear()
        while maps["free_rows"].pop() is not None:
            pass
        for _ in self._ring.drain():
            pass

    def prime(self) -> None:
        """Enrols connections that traced processes have open and that no hook has met yet."""
        prime = self._object.programs["prime"].attach_iter()
        prime.read()
        prime.close()

    @property
    def programs(self) -> Mapping[str, Program]:
        """The loaded programs and those that are not, by name."""
        return self._object.programs

    @property
    def ring_fd(self) -> int:
        """Readable when the kernel wants the ring read at once."""
        return self._ring.fd

    def ring_half_full(self) -> bool:
        """Whether half of the ring waits to be read."""
        return self._ring.waiting > self.limits.ring_bytes // 2

    def take_times(self, on: bool) -> None:
        """Puts the programs at which timed calls begin on their hooks, or takes them off.

        Off and at once on again may leave them off: until its exec, a child that was forked meanwhile holds the hooks
        that were left, and the kernel takes a program only once on a fentry hook. The next call tries again.
        Where a program comes to its hook only once, it stays there: all calls are timed from then on.
        """
        if not on:
            self._let_go(self._timers)
            return
        try:
            for name in self.choice.rung.timers:
                if name not in self._timers:
                    self._timers[name] = self._object.programs[name].attach()
        except LibbpfError as error:
            self._let_go(self._timers)
            if error.errno not in (errno.EBUSY, errno.EEXIST):
                raise

    @property
    def takes_times(self) -> bool:
        """Whether calls that begin now are timed."""
        return len(self._timers) == len(self.choice.rung.timers)

    def look(self, indices: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
        """Has the kernel write the truths of these slots; returns which have a new reading."""
        assert self._looks is not None
        refreshed = self._looks.look(indices)
        self._learn_hertz()
        return refreshed

    def _learn_hertz(self) -> None:
        now = self._object.bss["jiffies_now"], self._object.bss["jiffies_at"]
        if self.hertz is not None or not now[1]:
            return
        if self._jiffies is None:
            self._jiffies = now
        elif (passed := now[1] - self._jiffies[1]) > _LEARN_HERTZ_NS:
            measured = (now[0] - self._jiffies[0]) * 1e9 / passed
            self.hertz = min(_HERTZ, key=lambda hertz: abs(hertz - measured))

    def drain(self) -> Iterator[tuple[str, bytes]]:
        """The ring's records, oldest first, each with its kind."""
        for record in self._ring.drain():
            yield self.kinds.get(int.from_bytes(record[:4], "little"), ""), record

    def drops(self) -> Iterator[tuple[int, int, str, int]]:
        """Drops since the last call: slot, generation, reason, packets."""
        for key, packets in self._taken("drops"):
            index, generation, reason = (int.from_bytes(key[at : at + 4], "little") for at in (0, 4, 8))
            yield index, generation, self._reason(reason), packets

    def strays(self) -> Iterator[Stray]:
        """Drops since the last call of packets that had no socket of ours."""
        for raw, packets in self._taken("strays"):
            key = np.frombuffer(raw, self.layouts["stray_key"], 1)[0]
            yield Stray(
                (key["source"].tobytes(), int(key["source_port"])),
                (key["destination"].tobytes(), int(key["destination_port"])),
                int(key["netns"]),
                self._reason(int(key["reason"])),
                packets,
            )

    def _taken(self, name: str) -> Iterator[tuple[bytes, int]]:
        counts = self._object.maps[name]
        for key, _ in list(counts.items()):
            if (value := counts.take(key)) is not None:
                yield key, int.from_bytes(value, "little")

    def _reason(self, number: int) -> str:
        return reason_name(self._reasons.get(number, str(number)))

    def finished(self) -> npt.NDArray[np.intp]:
        """Slots of closed connections for which the ring had no room; `free_slots` them when they are read."""
        return np.flatnonzero(self.slots.live["sk"] == RESERVED)

    def free_slots(self, indices: npt.NDArray[np.intp]) -> None:
        """Finished slots that were read."""
        self.slots.live["sk"][indices] = 0

    def free_row(self, row: int) -> None:
        """A histogram row that nobody uses."""
        self._object.maps["free_rows"].push(row.to_bytes(4, "little"))

    def take_row(self) -> int | None:
        """A free histogram row; None when there is none."""
        value = self._object.maps["free_rows"].pop()
        return int.from_bytes(value, "little") if value is not None else None

    def row_keys(self) -> list[tuple[bytes, int]]:
        """Which half-edges, by the kernel's key, have which rows."""
        return [(key, int.from_bytes(value, "little")) for key, value in self._object.maps["row_keys"].items()]

    def forget_row_key(self, key: bytes) -> None:
        """The half-edge gets another row when it next needs one."""
        self._object.maps["row_keys"].delete(key)

    def lost(self) -> dict[str, int]:
        """What each ring and table could not take, since the start."""
        bss = self._object.bss
        plain = {name: bss[name] for name in bss if name.startswith("lost_") or name in ("overflowed", "uncounted")}
        found = {name.removeprefix("lost_"): number for name, number in plain.items()}
        loaded = (self._object.programs[name] for name in self._programs())
        return found | {"missed_hits": sum(map(missed, loaded))}

    def close(self) -> None:
        """Detaches and unloads everything; twice is harmless."""
        self.stop()
        for link in (*self._links.values(), *self._timers.values()):
            link.close()
        for shared in (self._looks, self.filter):
            if shared is not None:
                shared.close()
        # Memory that is shared with the kernel keeps its maps alive.
        self._looks = self.filter = None
        for name in ("slots", "rows", "_ring", "_memory"):
            self.__dict__.pop(name, None)
        self._object.close()
