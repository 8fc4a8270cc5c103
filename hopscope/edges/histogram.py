"""The log-linear histogram: 8 buckets per octave from 128 ns to 2^36 ns, one below, one above."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate

LOWEST_OCTAVE, HIGHEST_OCTAVE, PER_OCTAVE = 7, 36, 8
BUCKETS = 2 + PER_OCTAVE * (HIGHEST_OCTAVE - LOWEST_OCTAVE)
FOREVER = (1 << 63) - 1
Triple = tuple[int, int, int]


def index_of(ns: int) -> int:
    """The bucket that a duration falls into; the kernel computes the same."""
    if ns < 1 << LOWEST_OCTAVE:
        return 0
    if ns >= 1 << HIGHEST_OCTAVE:
        return BUCKETS - 1
    log = ns.bit_length() - 1
    return 1 + PER_OCTAVE * (log - LOWEST_OCTAVE) + ((ns >> (log - 3)) & 7)


def bounds(index: int) -> tuple[int, int]:
    """Lower bound (inclusive) and upper bound (exclusive) of a bucket, in ns. Raises IndexError."""
    if not 0 <= index < BUCKETS:
        raise IndexError(f"no bucket {index}")
    if index == 0:
        return 0, 1 << LOWEST_OCTAVE
    if index == BUCKETS - 1:
        return 1 << HIGHEST_OCTAVE, FOREVER
    octave, part = divmod(index - 1, PER_OCTAVE)
    step = 1 << (octave + LOWEST_OCTAVE - 3)
    return (PER_OCTAVE + part) * step, (PER_OCTAVE + part + 1) * step


def triples(buckets: Sequence[int]) -> tuple[Triple, ...]:
    """The buckets that hold something, as (low_ns, high_ns, count)."""
    return tuple((*bounds(index), int(count)) for index, count in enumerate(buckets) if count)


def percentile(histogram: Iterable[Triple], share: float) -> float | None:
    """The value in ns below which `share` (0 to 1) of the durations lie, interpolated in its bucket; None if empty."""
    filled = sorted(histogram)
    return _at([count for _, _, count in filled], share, lambda at: filled[at][:2])


def percentile_by_index(counts: Mapping[int, int], share: float) -> float | None:
    """The same of the buckets that hold something, by their indexes."""
    indexes = sorted(counts)
    return _at([counts[index] for index in indexes], share, lambda at: bounds(indexes[at]))


def _at(counts: list[int], share: float, bounds_of: Callable[[int], tuple[int, int]]) -> float | None:
    reached = list(accumulate(counts))
    if not reached or not reached[-1]:
        return None
    wanted = share * reached[-1]
    at = min(bisect_left(reached, wanted), len(counts) - 1)
    low, high = bounds_of(at)
    high = low * 2 if high == FOREVER else high
    return low + (high - low) * max(0.0, wanted - (reached[at] - counts[at])) / counts[at]


def merge(first: Iterable[Triple], second: Iterable[Triple]) -> tuple[Triple, ...]:
    """Both histograms in one."""
    joined = {triple[0]: triple for triple in first}  # a bucket's lower bound names it
    for triple in second:
        low, high, count = triple
        joined[low] = (low, high, joined[low][2] + count) if low in joined else triple
    return tuple(sorted(joined.values()))
