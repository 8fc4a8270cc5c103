"""The sums of every side of every edge since the start; a window is the difference of two readings of them.

Law: sums only grow. A histogram is replaced, never changed, once somebody has read it: readings share what is the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.edges.histogram import BUCKETS, index_of

Ints = npt.NDArray[np.int64]

KINDS = ("write", "read", "write_rtt", "connect", "accept", "close", "connect_call", "close_call", "queue")
"""Durations: the sum of each, how many, and for all but the last three how they are distributed."""
NO_HISTOGRAM = frozenset(("connect_call", "close_call", "queue"))
TRUTHS = (
    "segments_out",
    "retransmitted",
    "lost",
    "out_of_order",
    "busy",
    "rwnd_limited",
    "sndbuf_limited",
    "zero_window_probes",
)
"""TCP truths that grow."""
COLUMNS = (
    "write_calls",
    "write_bytes",
    "read_calls",
    "read_bytes",
    "opened",
    "closed",
    "retransmitted_bytes",
    *TRUTHS,
    "srtt_sum",
    "rttvar_sum",
    "rtt_readings",
    *(f"{kind}_timed" for kind in KINDS),
    *(f"{kind}_ns" for kind in KINDS),
)
COLUMN = {name: number for number, name in enumerate(COLUMNS)}
REASONS = ("failed", "reset", "drop")


@dataclass(slots=True, eq=False)
class Reading:
    """The sums at one moment. `least`: the shortest round trip of connections that closed since."""

    tick: int
    counts: Ints
    histograms: dict[tuple[int, str], Ints]
    reasons: dict[tuple[int, str, str], int]
    least: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Grown:
    """What was added between two readings. `sides`: those that anything was added to."""

    counts: Ints
    histograms: Mapping[tuple[int, str], Ints]
    reasons: Mapping[int, Mapping[str, Counter[str]]]
    least: Mapping[int, int]
    sides: npt.NDArray[np.bool_]


class Books:
    """The sums now."""

    def __init__(self) -> None:
        self.tick = 0
        self._counts = np.zeros((64, len(COLUMNS)), np.int64)
        self.touched = np.zeros(64, np.int64)
        self._histograms: dict[tuple[int, str], Ints] = {}
        self._reasons: dict[tuple[int, str, str], int] = {}
        self._shared: set[tuple[int, str]] = set()
        self._readings: list[Reading] = []

    def make_room(self, sides: int) -> None:
        """Sides up to this number may be booked."""
        if sides > len(self._counts):
            more = max(sides, 2 * len(self._counts)) - len(self._counts)
            self._counts = np.concatenate((self._counts, np.zeros((more, len(COLUMNS)), np.int64)))
            self.touched = np.concatenate((self.touched, np.zeros(more, np.int64)))

    def add(self, side: int, column: str, amount: int) -> None:
        """Adds to one sum."""
        if amount:
            self._counts[side, COLUMN[column]] += amount
            self.touched[side] = self.tick

    def add_at(self, sides: npt.NDArray[Any], column: str, amounts: npt.NDArray[Any]) -> None:
        """Adds to one sum of many sides; a side may occur more than once."""
        some = np.flatnonzero(amounts)
        if len(some):
            np.add.at(self._counts[:, COLUMN[column]], sides[some], amounts[some].astype(np.int64))
            self.touched[sides[some]] = self.tick

    def duration(self, side: int, kind: str, ns: int) -> None:
        """Books one duration."""
        self.add(side, kind + "_timed", 1)
        self.add(side, kind + "_ns", ns)
        if kind not in NO_HISTOGRAM:
            self._histogram(side, kind)[index_of(ns)] += 1

    def durations(self, side: int, kind: str, timed: int, ns: int, histogram: npt.NDArray[Any]) -> None:
        """Books many durations of one kind."""
        self.add(side, kind + "_timed", timed)
        self.add(side, kind + "_ns", ns)
        self._histogram(side, kind)[:] += histogram

    def _histogram(self, side: int, kind: str) -> Ints:
        key = side, kind
        known = self._histograms.get(key)
        if known is None or key in self._shared:
            known = self._histograms[key] = np.zeros(BUCKETS, np.int64) if known is None else known.copy()
            self._shared.discard(key)
        return known

    def reason(self, side: int, kind: str, name: str, amount: int = 1) -> None:
        """Counts something by its cause; `kind` is one of REASONS."""
        self._reasons[side, kind, name] = self._reasons.get((side, kind, name), 0) + amount
        self.touched[side] = self.tick

    def least(self, side: int, min_rtt: int) -> None:
        """The shortest round trip of a connection that closed."""
        for reading in self._readings:
            reading.least[side] = min(reading.least.get(side, min_rtt), min_rtt)

    def read(self) -> Reading:
        """A reading; `release` it when nobody asks any more for what came after."""
        self._shared = set(self._histograms)
        reading = Reading(self.tick, self._counts.copy(), dict(self._histograms), dict(self._reasons))
        self._readings.append(reading)
        return reading

    def release(self, reading: Reading) -> None:
        """Nobody asks for this reading any more; twice is harmless."""
        if reading in self._readings:
            self._readings.remove(reading)

    def oldest(self) -> int:
        """The tick of the oldest reading; the current one when there is none."""
        return min((reading.tick for reading in self._readings), default=self.tick)

    def since(self, reading: Reading) -> Grown:
        """What was added since a reading."""
        counts = self._counts.copy()
        counts[: len(reading.counts)] -= reading.counts
        sides = np.asarray(counts.any(axis=1), np.bool_)
        histograms = {}
        for key, now in self._histograms.items():
            before = reading.histograms.get(key)
            if before is not now:
                histograms[key] = now if before is None else now - before
        reasons: dict[int, dict[str, Counter[str]]] = {}
        for (side, kind, name), number in self._reasons.items():
            grown = number - reading.reasons.get((side, kind, name), 0)
            if grown:
                reasons.setdefault(side, {}).setdefault(kind, Counter())[name] = grown
                sides[side] = True
        self._shared |= set(histograms)
        return Grown(counts, histograms, reasons, dict(reading.least), sides)

    def clear(self, sides: set[int]) -> None:
        """Forgets sides, so that their numbers can be given to others."""
        for table in (
            self._histograms,
            self._reasons,
            *(it for r in self._readings for it in (r.histograms, r.reasons)),
        ):
            for key in [key for key in table if key[0] in sides]:
                del table[key]  # type: ignore[arg-type]
        self._shared = {key for key in self._shared if key[0] not in sides}
        for side in sides:
            self._counts[side] = 0
            for reading in self._readings:
                reading.least.pop(side, None)
                if side < len(reading.counts):
                    reading.counts[side] = 0
