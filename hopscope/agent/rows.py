"""Which half-edge each histogram row belongs to, and when a row goes back to the free ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.books import Books
from hopscope.agent.kernel import Kernel
from hopscope.agent.tables import Times

SHARED_ROW = 0
"""The row of those that found no free one: whose durations it holds nobody knows."""
PATIENCE = 2
"""Ticks that durations wait for somebody to say whose they are."""
RECYCLE_EVERY = 10
"""Ticks between two looks for rows that no connection uses."""


class HistogramRows:
    """The rows by their owners. The kernel hands them out by process; here one that two edges share is parted."""

    def __init__(self, kernel: Kernel, books: Books) -> None:
        self._kernel, self._books = kernel, books
        self._side = np.full(kernel.limits.rows, -1, np.int64)
        self._own: dict[int, int] = {}
        self._retiring: set[int] = set()
        self._orphans: set[int] = set()
        self._waiting: list[tuple[Times, int]] = []
        self._ticks = 0
        self.unattributed = 0

    def assign(self, index: int, side: int) -> None:
        """A live connection belongs to a side now: its durations go to a row of that side."""
        row = int(self._kernel.slots.live["row"][index])
        if row != SHARED_ROW and self._side[row] in (-1, side):
            self._side[row] = side
            self._own.setdefault(side, row)
            return
        own = self._own.get(side)
        if own is None:
            own = self._kernel.take_row()
            if own is None:
                return
            self._own[side] = own
            self._side[own] = side
        self._kernel.slots.live["row"][index] = own

    def belongs(self, row: int, side: int) -> None:
        """A closed connection used this row, which perhaps nobody had before."""
        if row != SHARED_ROW and self._side[row] == -1:
            self._side[row] = side

    def book(self) -> None:
        """Once a tick, after closings: books what the rows gained."""
        waiting, self._waiting = self._waiting, []
        for times, ticks in (*((times, PATIENCE) for times in self._kernel.rows.scan()), *waiting):
            side = int(self._side[times.row])
            if side >= 0:
                self._books.durations(side, times.kind, times.timed, times.ns, times.histogram)
            elif ticks:
                # Of a connection that came and went while we read; its closing record is for the next tick.
                self._waiting.append((times, ticks - 1))
            else:
                self.unattributed += times.timed
        self._ticks += 1
        if self._ticks % RECYCLE_EVERY == 0:
            self._recycle()

    def _recycle(self) -> None:
        """Takes its key from a row that no connection uses, and frees it one round later if still none does.

        In between a connection that found the row just before its key went may have taken it, and its last durations
        are read.
        """
        used = set(np.unique(self._kernel.slots.live["row"][self._kernel.slots.live["sk"] != 0]).tolist())
        for row in self._retiring - used:
            self._free(row)
        self._retiring.clear()
        idle = {*np.flatnonzero(self._side >= 0).tolist(), *self._orphans} - used
        self._orphans &= used
        keyed: set[int] = set()
        for key, row in self._kernel.row_keys():
            keyed.add(row)
            if row not in used:
                self._kernel.forget_row_key(key)
                self._retiring.add(row)
        self._retiring |= idle - keyed

    def _free(self, row: int) -> None:
        side = int(self._side[row])
        if side >= 0 and self._own.get(side) == row:
            del self._own[side]
        self._side[row] = -1
        self._kernel.free_row(row)

    def forget(self, sides: set[int]) -> None:
        """These sides are gone; what their rows still gain is nobody's."""
        gone: npt.NDArray[Any] = np.isin(self._side, list(sides))
        self._side[gone] = -1
        for side in sides:
            row = self._own.pop(side, None)
            if row is not None:
                self._orphans.add(row)
