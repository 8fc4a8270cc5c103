"""The once-a-second look at connections: a stalled one makes no call, so somebody has to ask the kernel about it.

Law: with at most BUDGET connections each is looked at every time; beyond that the busy ones are, and the rest in turn.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hopscope.libbpf import Map, Program

BUDGET = 10_000
"""Looks at idle connections in one round."""
_A_RUN = 512
"""LOOKS_A_RUN of records.h."""

Indices = npt.NDArray[np.intp]


def due(used: Indices, busy: npt.NDArray[np.bool_], turn: int, budget: int = BUDGET) -> tuple[Indices, int]:
    """Which slots to look at now, and where the next round's turn starts.

    `used`: indices of slots that hold a connection, ascending. `busy`, by slot: changed since the last round, or had
    data in flight, data unread or a call under way when last looked at; all of these are due.
    """
    if len(used) <= budget:
        return used, 0
    active, idle = used[busy[used]], used[~busy[used]]
    share = max(0, budget - len(active)) or min(len(idle), budget // 10)
    first = int(np.searchsorted(idle, turn))
    chosen = np.take(idle, np.arange(first, first + min(share, len(idle))), mode="wrap")
    following = int(chosen[-1]) + 1 if len(chosen) else 0
    return np.concatenate((active, chosen)), following


class Looks:
    """Has the kernel read the TCP truths of named slots into `connections`. One caller."""

    def __init__(self, program: Program, wanted: Map) -> None:
        self._program, self._count = program, wanted.max_entries
        self._memory = wanted.mmap()
        self._wanted = np.frombuffer(self._memory, np.dtype([("index", "u4"), ("padding", "u4")]), self._count)["index"]

    def look(self, indices: Indices, program: Program | None = None) -> npt.NDArray[np.bool_]:
        """Refreshes `truths` of these slots, or has another program run over them; returns which have a new reading.

        A reading is of the connection whose generation is `truths.generation`; an idle connection keeps its last one.
        `sent` may be one too small while a FIN is being queued. Raises LibbpfError.
        """
        refreshed = np.zeros(len(indices), np.bool_)
        for start in range(0, len(indices), self._count):
            part = indices[start : start + self._count]
            self._wanted[: len(part)] = part
            for first in range(0, len(part), _A_RUN):
                (program or self._program).run(first, min(_A_RUN, len(part) - first))
            refreshed[start : start + len(part)] = self._wanted[: len(part)] == part
        return refreshed

    def close(self) -> None:
        """Lets go of the shared memory; twice is harmless."""
        self._wanted = np.empty(0, "u4")
