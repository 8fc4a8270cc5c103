"""What the kernel itself keeps of each connection, by slot: what grew since the last look, and bytes that no hook saw.

Law: of a connection as many bytes are booked as its calls moved or its own totals say, whichever is more; both only
grow, so each byte is booked once, and bytes that no hook saw (splice, io_uring) are booked without calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.books import TRUTHS, Books
from hopscope.agent.connections import ESTABLISHED, LAYERED, Connection

UNKNOWN_RTT = 0xFFFFFFFF
BYTES = ("write_bytes", "read_bytes")

Array = npt.NDArray[Any]


def totals(truths: Any) -> Array:
    """Bytes sent and received, as the sequence numbers say; shape (n, 2)."""
    return np.column_stack((truths["sent"], truths["received"])).astype(np.int64)


def are_exact(flags: Array) -> Array:
    """Whose totals are what the application moved: not kTLS, which puts its records into the sequence space."""
    return np.asarray((flags & ESTABLISHED != 0) & (flags & LAYERED == 0))


def book_grown(books: Books, sides: Array, before: Array, now: Array) -> Array:
    """Books what grew between two readings; returns where anything is under way."""
    moving = np.zeros(len(sides), np.bool_)
    for name in TRUTHS:
        # Counters of 32 bits, which wrap.
        grown = now[name] - before[name]
        moving |= (grown != 0) if name in ("busy", "segments_out") else False
        books.add_at(sides, name, grown)
    again = now["retransmitted_bytes"].astype(np.int64) - before["retransmitted_bytes"].astype(np.int64)
    books.add_at(sides, "retransmitted_bytes", np.maximum(again, 0))
    return moving


def book_last(books: Books, sides: Array, now: Array) -> None:
    """The last truths of connections that closed count among the gauges of that window."""
    read = np.flatnonzero((now["at"] != 0) & (now["srtt_us"] != 0))
    sides, now = sides[read], now[read]
    books.add_at(sides, "srtt_sum", now["srtt_us"])
    books.add_at(sides, "rttvar_sum", now["rttvar_us"])
    books.add_at(sides, "rtt_readings", np.ones(len(read), np.int64))
    for side, least in zip(sides.tolist(), now["min_rtt_us"].tolist(), strict=True):
        if least not in (0, UNKNOWN_RTT):
            books.least(side, least)


@dataclass(slots=True)
class Known:
    """The last reading, the bytes that calls moved, those that are booked, and where totals begin."""

    seen: Array
    counted: Array
    booked: Array
    base: Array


class TcpTruths:
    """The last reading of every slot, and how many bytes of its connection are booked."""

    def __init__(self, truths: np.dtype[Any], count: int) -> None:
        self._replaced: dict[tuple[int, int], Known] = {}
        self.seen = np.zeros(count, truths)
        self.counted = np.zeros((count, 2), np.int64)
        self.booked = np.zeros((count, 2), np.int64)
        self.base = np.zeros((count, 2), np.int64)
        self.moving = np.zeros(count, np.bool_)

    def begin(self, indices: Array, base: Array, before: Array) -> None:
        """Connections took these slots. `base`: what their truths were before that; `before`: the generations of those
        whose closing records are still to come, 0 where none is."""
        for at in np.flatnonzero(before).tolist():
            self._replaced[int(indices[at]), int(before[at])] = self._at(int(indices[at]))
        self.seen[indices] = base
        self.seen["at"][indices] = 0
        self.counted[indices] = self.booked[indices] = 0
        self.base[indices] = totals(base)
        self.moving[indices] = True

    def _at(self, index: int) -> Known:
        at = slice(index, index + 1)
        return Known(*(table[at].copy() for table in (self.seen, self.counted, self.booked, self.base)))

    def known(self, index: int, generation: int, live: bool, base: Array | None = None) -> Known:
        """What is known of one connection, for good. `live`: its slot is still its own; `base`: its truths at first."""
        if live:
            return self._at(index)
        if (replaced := self._replaced.pop((index, generation), None)) is not None:
            return replaced
        seen = np.zeros(1, self.seen.dtype) if base is None else base.copy()
        return Known(seen, np.zeros((1, 2), np.int64), np.zeros((1, 2), np.int64), totals(seen))

    def replaced(self, ended: Sequence[Connection], live: Array) -> list[int]:
        """Which of these connections have lost their slots to others before their closing records were read."""
        if not self._replaced:
            return []
        gone = np.flatnonzero(~live).tolist()
        return [at for at in gone if (ended[at].index, ended[at].generation) in self._replaced]

    def count(self, indices: Array, moved: Array) -> Array:
        """Bytes that calls moved, shape (n, 2), each slot once; returns those of them that are not booked yet."""
        self.counted[indices] += moved
        new: Array = np.maximum(self.counted[indices] - self.booked[indices], 0)
        self.booked[indices] += new
        return new

    def book(self, books: Books, indices: Array, sides: Array, now: Array, flags: Array) -> None:
        """Books what grew in these slots. `now`: their truths, `sides`: whom they belong to, all of one length."""
        grown = book_grown(books, sides, self.seen[indices], now)
        self.moving[indices] = grown | (now["unacked"] != 0) | (now["unread"] != 0)
        self.seen[indices] = now
        exact = np.flatnonzero(are_exact(flags))
        indices, sides = indices[exact], sides[exact]
        new = np.maximum(totals(now[exact]) - self.base[indices] - self.booked[indices], 0)
        self.booked[indices] += new
        for direction, column in enumerate(BYTES):
            books.add_at(sides, column, new[:, direction])

    def gauges(self, sides: Array) -> dict[str, Array]:
        """Sums of the gauges of the connections that are open, by side; `sides`: of every slot, -1: none."""
        # A reading is two cache lines: three words of those that somebody has, and no copy of the rest.
        held, length = np.flatnonzero(sides >= 0), int(sides.max(initial=-1)) + 1
        held = held[self.seen["at"][held] != 0]
        srtt, rttvar, least_us = (self.seen[name][held] for name in ("srtt_us", "rttvar_us", "min_rtt_us"))
        owners, read, known = sides[held], srtt != 0, (srtt != 0) & (least_us != 0)
        least = np.full(length, UNKNOWN_RTT, np.int64)
        np.minimum.at(least, owners[known], least_us[known].astype(np.int64))
        return {
            "srtt": np.bincount(owners[read], srtt[read], length),
            "rttvar": np.bincount(owners[read], rttvar[read], length),
            "readings": np.bincount(owners[read], minlength=length),
            "min_rtt": least,
        }
