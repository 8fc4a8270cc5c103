"""Which processes the kernel traces: its tables of cgroups and marks, and the byte of each that it decides by them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hopscope.agent.looks import Looks
from hopscope.agent.tables import RESERVED
from hopscope.libbpf import LibbpfError, Object, Variables

PROCESS_BYTES = 64
"""Processes of one element of `processes`; tables.bpf.h has the same name."""
NAMED, UNJUDGED = 1, 2
"""enum mark of records.h."""

Indices = npt.NDArray[np.intp]


def chunks() -> int:
    """Elements of `processes` that the largest process number needs."""
    return int(Path("/proc/sys/kernel/pid_max").read_text()) // PROCESS_BYTES + 1


class Filter:
    """The tables. What changes in them counts once `decide` was called. Raises LibbpfError."""

    def __init__(self, loaded: Object, looks: Looks) -> None:
        self._object, self._looks = loaded, looks
        processes = loaded.maps["processes"]
        self._bytes = np.frombuffer(processes.mmap(), np.uint8, processes.max_entries * PROCESS_BYTES)
        self._cgroups: dict[int, int] = {}

    def everything(self, on: bool) -> None:
        """All processes are traced, whatever the tables say."""
        self._set("everything", on)

    def judge(self, execs: bool, moves: bool) -> None:
        """Whether a process that becomes another program, or goes to a cgroup of an old hierarchy, is marked UNJUDGED
        and so traced until it is judged."""
        self._set("judge_execs", execs)
        self._set("judge_moves", moves)

    def _set(self, name: str, on: bool) -> None:
        assert isinstance(self._object.bss, Variables)
        self._object.bss.set(name, int(on))

    def want_cgroups(self, wanted: Mapping[int, bool]) -> tuple[bool, set[int]]:
        """Whether the processes in these cgroups are traced, by number; of another one the nearest above decides.

        Returns whether anything changed, and those for which there is no room.
        """
        table, before = self._object.maps["cgroups"], self._cgroups
        self._cgroups, refused = {number: int(it) for number, it in wanted.items()}, set()
        for number in before.keys() - self._cgroups.keys():
            table.delete(number.to_bytes(8, "little"))
        for number, value in self._cgroups.items():
            if before.get(number) != value:
                try:
                    table.update(number.to_bytes(8, "little"), value.to_bytes(4, "little"))
                except LibbpfError:
                    refused.add(number)
        changed = before != self._cgroups
        for number in refused:
            del self._cgroups[number]
        return changed, refused

    def marks(self) -> dict[int, int]:
        """The marked processes and why; their children are marked when they are born."""
        found = self._object.maps["marked"].items()
        return {int.from_bytes(key, "little"): int.from_bytes(value, "little") for key, value in found}

    def mark(self, tgid: int) -> str | None:
        """Names a process. Returns why it cannot be."""
        if tgid >= len(self._bytes):
            return "its number is beyond the process table: kernel.pid_max was raised after the agent started"
        try:
            self._object.maps["marked"].update(tgid.to_bytes(4, "little"), NAMED.to_bytes(4, "little"))
        except LibbpfError:
            return "the process table is full"
        return None

    def unmark(self, tgids: Iterable[int]) -> None:
        """Takes marks away."""
        for tgid in tgids:
            self._object.maps["marked"].delete(tgid.to_bytes(4, "little"))

    def decide(self) -> None:
        """Has the kernel decide for all processes by what the tables say now."""
        deciding = self._object.programs["decide_all"].attach_iter()
        try:
            deciding.read()
        finally:
            deciding.close()

    def traced(self, tgids: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
        """Which of these processes are traced."""
        if self._object.bss["everything"]:
            return np.ones(len(tgids), np.bool_)
        inside = tgids < len(self._bytes)
        return np.asarray(inside & (self._bytes[np.where(inside, tgids, 0)] != 0), np.bool_)

    def untraced(self, sk: npt.NDArray[np.uint64], tgid: npt.NDArray[np.uint32]) -> Indices:
        """The slots whose process is not traced (any more)."""
        used = np.flatnonzero((sk > RESERVED) & (tgid != 0))
        return used[~self.traced(tgid[used])]

    def release(self, indices: Indices) -> None:
        """Lets go of connections; their closing records come by the ring as if they had ended."""
        self._looks.look(indices, self._object.programs["release"])

    def close(self) -> None:
        """Lets go of the shared memory; twice is harmless."""
        self._bytes = np.empty(0, np.uint8)
