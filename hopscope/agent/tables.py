"""The kernel's shared arrays as numpy: what changed since the last look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from mmap import mmap

CALLS_SHIFT = 38
"""Bits below the call count in a packed counter; records.h has the same name."""
BYTES_MASK = (1 << CALLS_SHIFT) - 1
RESERVED = 2
"""slot.sk up to this is no socket address: 0 free, 1 overflow slot, 2 finished and waiting for us."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Moves:
    """What connections moved since the last scan; arrays of one length, by slot."""

    index: Ints
    write_calls: Ints
    write_bytes: Ints
    read_calls: Ints
    read_bytes: Ints


def unpack(delta: npt.NDArray[np.uint64]) -> tuple[Ints, Ints]:
    """Calls and bytes of differences of packed counters. The subtraction wraps as the kernel's addition does."""
    calls = (delta >> np.uint64(CALLS_SHIFT)).astype(np.int64)
    return calls, (delta & np.uint64(BYTES_MASK)).astype(np.int64)


class Slots:
    """The slot array and its cold half, with the values of the last scan."""

    def __init__(self, slots: mmap, slot: np.dtype, connections: mmap, connection: np.dtype, count: int) -> None:
        self.live = np.frombuffer(slots, slot, count)
        self.cold = np.frombuffer(connections, connection, count)
        self.seen = self.live.copy()
        self.seen_flags = self.cold["flags"].copy()
        self.seen_cold = np.zeros(count, connection)
        self.seen["moved"] = 0
        self.seen["generation"] = 0
        self._replaced: dict[tuple[int, int], tuple[int, int]] = {}

    def scan(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Moves]:
        """Slots with a new connection or a new owner, slots whose connection changed its flags, and the moves of all.

        A new connection's moves count from zero. A slot that is free now is left for its closing record.
        """
        now = self.live.copy()
        flags = self.cold["flags"].copy()
        used = now["sk"] != 0
        new = used & (now["generation"] != self.seen["generation"])
        claimed = used & ~new & (now["tgid"] != self.seen["tgid"])
        fresh = np.flatnonzero(new | claimed)
        self.seen_cold[fresh] = self.cold[fresh]
        # Closed, and maybe taken by another connection, while we read: its closing record tells all.
        gone = fresh[self.live["generation"][fresh] != now["generation"][fresh]]
        used[gone] = new[gone] = claimed[gone] = False
        for index in np.flatnonzero(new & (self.seen["generation"] != 0) & self.seen["moved"].any(axis=1)):
            # Its closing record is still in the ring: what was counted of it must not be counted again.
            last = self.seen[index]
            self._replaced[int(index), int(last["generation"])] = int(last["moved"][0]), int(last["moved"][1])
        self.seen["moved"][new] = 0
        delta = now["moved"] - self.seen["moved"]
        changed = np.flatnonzero(used & (delta.any(axis=1)))
        flagged = np.flatnonzero(used & ~new & (flags != self.seen_flags))
        writes, written = unpack(delta[changed, 0])
        reads, got = unpack(delta[changed, 1])
        self.seen[used] = now[used]
        self.seen_flags = flags
        return np.flatnonzero(new | claimed), flagged, Moves(changed.astype(np.int64), writes, written, reads, got)

    def finish(self, index: int, generation: int, moved: tuple[int, int]) -> tuple[int, int, int, int]:
        """What a closed connection moved since the last scan: write calls, bytes, read calls, bytes."""
        if self.seen["generation"][index] == generation:
            last = int(self.seen["moved"][index, 0]), int(self.seen["moved"][index, 1])
            self.seen["moved"][index] = 0
            self.seen["generation"][index] = 0
        else:
            last = self._replaced.pop((index, generation), (0, 0))
        delta = (moved[0] - last[0]) % (1 << 64), (moved[1] - last[1]) % (1 << 64)
        return (
            delta[0] >> CALLS_SHIFT,
            delta[0] & BYTES_MASK,
            delta[1] >> CALLS_SHIFT,
            delta[1] & BYTES_MASK,
        )


@dataclass(frozen=True, slots=True)
class Times:
    """Time statistics that grew since the last scan, of one row and one kind (0 write, 1 read, 2 write_rtt)."""

    row: int
    kind: int
    timed: int
    ns: int
    histogram: npt.NDArray[np.uint32]


class Rows:
    """The histogram rows, with the values of the last scan."""

    def __init__(self, rows: mmap, row: np.dtype, count: int) -> None:
        live = np.frombuffer(rows, row, count)
        self._kinds = (live["move"][:, 0], live["move"][:, 1], live["rtt"])
        self._timed = [kind["timed"].copy() for kind in self._kinds]
        self._ns = [kind["ns"].copy() for kind in self._kinds]
        self._histogram = [kind["histogram"].copy() for kind in self._kinds]

    def scan(self) -> list[Times]:
        """What grew. Buckets are 32 bits wide and wrap as the kernel's do."""
        grown = []
        for kind, live in enumerate(self._kinds):
            timed = live["timed"].copy()
            for row in np.flatnonzero(timed != self._timed[kind]):
                ns, histogram = int(live["ns"][row]), live["histogram"][row].copy()
                grown.append(
                    Times(
                        int(row),
                        kind,
                        int(timed[row] - self._timed[kind][row]),
                        (ns - int(self._ns[kind][row])) % (1 << 64),
                        histogram - self._histogram[kind][row],
                    )
                )
                self._ns[kind][row], self._histogram[kind][row] = ns, histogram
            self._timed[kind] = timed
        return grown
