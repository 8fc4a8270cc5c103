"""The kernel's shared arrays as numpy: what changed since the last look."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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

    def __init__(
        self, slots: mmap, slot: np.dtype[Any], connections: mmap, connection: np.dtype[Any], count: int
    ) -> None:
        self.live = np.frombuffer(slots, slot, count)
        self.cold = np.frombuffer(connections, connection, count)
        self.seen = self.live.copy()
        self.seen["moved"] = 0
        self.seen["generation"] = 0
        self._replaced: dict[tuple[int, int], tuple[int, int]] = {}
        # One pass over words side by side finds what changed: 3 times faster than one over each column.
        self._words = np.frombuffer(slots, np.uint64, count * slot.itemsize // 8).reshape(count, -1)
        self._last = np.zeros_like(self._words)

    def _touched(self) -> npt.NDArray[np.intp]:
        """Slots of which any word differs from the last scan."""
        words = np.flatnonzero(self._words != self._last) // self._words.shape[1]
        return words[np.append(True, words[1:] != words[:-1])] if len(words) else words

    def _with_peers(self, touched: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Beside slots with a new connection, those of their other ends."""
        new = touched[self.live["generation"][touched] != self.seen["generation"][touched]]
        # A client's slot is taken before its server's, but this pass may have been by when it was.
        paired = self.cold["peer_generation"][new] != 0
        return np.union1d(touched, self.cold["peer_slot"][new[paired]].astype(np.intp)) if paired.any() else touched

    def scan(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[Any], Moves]:
        """Slots with a new connection or a new owner, the cold halves of these, and the moves of all.

        A new connection's moves count from zero. A slot that is free now is left for its closing record.
        """
        touched = self._with_peers(self._touched())
        words = self._words[touched]
        self._last[touched] = words
        now, seen = words.view(self.live.dtype).reshape(-1), self.seen
        used = now["sk"] != 0
        new = used & (now["generation"] != seen["generation"][touched])
        to_learn = np.flatnonzero(new | (used & (now["tgid"] != seen["tgid"][touched])))
        cold = self.cold[touched[to_learn]]
        # Closed, and maybe taken by another connection, while we read: its closing record tells all.
        stays = self.live["generation"][touched[to_learn]] == now["generation"][to_learn]
        used[to_learn[~stays]] = False
        to_learn, cold = to_learn[stays], cold[stays]
        learned, new_ones = touched[to_learn], touched[to_learn[new[to_learn]]]
        for index in new_ones[(seen["generation"][new_ones] != 0) & seen["moved"][new_ones].any(axis=1)]:
            # Its closing record is still in the ring: what was counted of it must not be counted again.
            last = seen[index]
            self._replaced[int(index), int(last["generation"])] = int(last["moved"][0]), int(last["moved"][1])
        seen["moved"][new_ones] = 0
        delta = now["moved"] - seen["moved"][touched]
        has_moved = used & delta.any(axis=1)
        changed, delta = touched[has_moved], delta[has_moved]
        writes, written = unpack(delta[:, 0])
        reads, got = unpack(delta[:, 1])
        for name in ("sk", "generation", "tgid"):
            seen[name][learned] = now[name][to_learn]
        seen["moved"][changed] = now["moved"][has_moved]
        return learned, cold, Moves(changed.astype(np.int64), writes, written, reads, got)

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

    def names(self, index: int, generation: int) -> bool:
        """Whether the slot still belongs to this connection, as of the last scan."""
        return bool(self.seen["generation"][index] == generation)


@dataclass(frozen=True, slots=True)
class Times:
    """Time statistics that grew since the last scan, of one row and one kind of duration."""

    row: int
    kind: str
    timed: int
    ns: int
    histogram: npt.NDArray[np.uint32]


class Rows:
    """The histogram rows, with the values of the last scan."""

    def __init__(self, rows: mmap, row: np.dtype[Any], count: int) -> None:
        live = np.frombuffer(rows, row, count)
        self._kinds = {
            "write": live["move"][:, 0],
            "read": live["move"][:, 1],
            "write_rtt": live["rtt"],
            "close_call": live["close_call"],
        }
        self._ns = {kind: part["ns"].copy() for kind, part in self._kinds.items()}
        # The rows that were ever used: most never are, and a copy of all of them would cost megabytes.
        self._last: dict[tuple[str, int], npt.NDArray[np.uint32]] = {}

    def scan(self) -> list[Times]:
        """What grew. Buckets are 32 bits wide and wrap as the kernel's do."""
        grown = []
        for kind, live in self._kinds.items():
            ns = live["ns"].copy()
            for row in np.flatnonzero(ns != self._ns[kind]).tolist():
                now = live["histogram"][row].copy()
                histogram = now - self._last.get((kind, row), np.zeros_like(now))
                more = (int(ns[row]) - int(self._ns[kind][row])) % (1 << 64)
                grown.append(Times(row, kind, int(histogram.sum()), more, histogram))
                self._last[kind, row] = now
            self._ns[kind] = ns
        return grown
