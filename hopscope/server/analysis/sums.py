"""Sums of many lines as columns: how rows of tables/lines add up outside the engine. Pure.

Law: they are what the engine would make of the same rows. A row of the result is one line and side; its key is four
times the line's place in `ids`, and the side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hopscope.server.analysis.columns import percentiles
from hopscope.server.analysis.distribution import Distribution
from hopscope.server.storage.native import CODED, Coded, Lists
from hopscope.server.storage.tables.lines import COLUMNS, Summed

SIDES = 4
_HOW = {"sum": np.add, "min": np.minimum, "max": np.maximum}
_NOTHING: Mapping[Any, int] = {}


@dataclass(frozen=True, slots=True)
class Cells:
    """A column of maps: the row of each entry, its key (a bucket, or the place of a word) and its count."""

    rows: Any
    keys: Any
    counts: Any
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sums:
    """Rows in the order of their keys; `values` by column: an array, Cells, or the seconds and values of a `last`."""

    keys: Any
    values: Mapping[str, Any]

    @property
    def bytes(self) -> int:
        """About what it takes."""
        held: int = self.keys.nbytes
        for value in self.values.values():
            parts = (value.rows, value.keys, value.counts) if isinstance(value, Cells) else value
            held += sum(part.nbytes for part in parts) if isinstance(parts, tuple) else parts.nbytes
        return held

    def of(self, places: Any) -> Sums:
        """The rows of some lines."""
        (chosen,) = np.nonzero(np.isin(self.keys // SIDES, places))
        row = np.full(len(self.keys), -1)
        row[chosen] = np.arange(len(chosen))
        values: dict[str, Any] = {}
        for name, value in self.values.items():
            if isinstance(value, Cells):
                some = row[value.rows] >= 0
                values[name] = Cells(row[value.rows[some]], value.keys[some], value.counts[some], value.words)
            elif isinstance(value, tuple):
                values[name] = tuple(part[chosen] for part in value)
            else:
                values[name] = value[chosen]
        return Sums(self.keys[chosen], values)

    def p99(self, name: str) -> Any:
        """Of a column of histograms the ns below which 99 of 100 lie, for each row; NaN: it is empty."""
        return _p99(self.values[name], len(self.keys))

    def rows(self, ids: Sequence[int]) -> Iterator[Mapping[str, Any]]:
        """Its rows as the engine answers them."""
        count = len(self.keys)
        columns: dict[str, Any] = {
            "line": [ids[place] for place in (self.keys // SIDES).tolist()],
            "side": (self.keys % SIDES).tolist(),
        }
        for column in COLUMNS:
            value = self.values[column.name]
            if column.name == "rtt":
                columns["rtt"] = _distributions(value, count)
            elif isinstance(value, Cells):
                columns[column.name] = _maps(value, count)
            elif isinstance(value, tuple):
                columns[column.name] = [list(pair) for pair in zip(*(part.tolist() for part in value), strict=True)]
            elif column.part == "least":
                columns[column.name] = np.where(np.isfinite(value), value, 0.0).tolist()
            else:
                columns[column.name] = value.tolist()
        names = tuple(columns)
        for held in zip(*columns.values(), strict=True):
            yield dict(zip(names, held, strict=True))


CODED_COUNTS = f"Map({CODED}, UInt64)"
"""As which `read` gets the columns of maps by words from the engine."""


def read(columns: Mapping[str, Any], ids: Any, chosen: Any = slice(None)) -> Sums:
    """Some rows of the table, by their places, as sums. `ids`: the lines, in order, of which the rows are."""
    if not columns:
        return NOTHING
    keys = np.searchsorted(ids, columns["line"][chosen]) * SIDES + columns["side"][chosen]
    values: dict[str, Any] = {}
    for column in COLUMNS:
        value = columns[column.name]
        if isinstance(value, Lists):
            values[column.name] = _cells(value, chosen)
        elif isinstance(value, tuple):
            values[column.name] = tuple(part[chosen] for part in value)
        else:
            values[column.name] = value[chosen]
    return _added(Sums(keys, values), len(ids))


def merged(several: Sequence[Sums], lines: int) -> Sums:
    """Several sums of the same lines, so many, as one."""
    several = [one for one in several if len(one.keys)]
    if len(several) < 2:
        return several[0] if several else NOTHING
    offsets = np.cumsum([0, *(len(one.keys) for one in several)])
    values: dict[str, Any] = {}
    for column in COLUMNS:
        held = [one.values[column.name] for one in several]
        if isinstance(held[0], Cells):
            values[column.name] = _joined(held, offsets)
        elif isinstance(held[0], tuple):
            values[column.name] = tuple(np.concatenate(parts) for parts in zip(*held, strict=True))
        else:
            values[column.name] = np.concatenate(held)
    return _added(Sums(np.concatenate([one.keys for one in several]), values), lines)


def _empty(column: Summed) -> Any:
    none = np.zeros(0)
    if column.how == "sumMap":
        return Cells(none.astype("<i4"), none.astype("<u2"), none.astype("<u8"))
    return (none.astype("<u4"), none) if column.part == "last" else none


NOTHING = Sums(np.zeros(0, "<i8"), {column.name: _empty(column) for column in COLUMNS})
"""No row."""


def _added(rows: Sums, lines: int) -> Sums:
    present = np.zeros(lines * SIDES, bool)
    present[rows.keys] = True
    keys = np.flatnonzero(present)
    place = (np.cumsum(present) - 1)[rows.keys]
    return Sums(keys, {column.name: _of(column, rows.values[column.name], place, len(keys)) for column in COLUMNS})


def _of(column: Summed, value: Any, place: Any, count: int) -> Any:
    if isinstance(value, Cells):
        # Of the keys that there could be hardly any occur.
        used, key = np.unique(value.keys, return_inverse=True)
        found = np.bincount(place[value.rows] * len(used) + key, value.counts, count * len(used))
        (filled,) = np.nonzero(found)
        rows, held = np.divmod(filled, max(1, len(used)))
        return Cells(rows.astype("<i4"), used[held], found[filled].astype("<u8"), value.words)
    if isinstance(value, tuple):
        seconds, last = value
        latest = np.zeros(count, seconds.dtype)
        np.maximum.at(latest, place, seconds)
        new = seconds == latest[place]
        found = np.full(count, -np.inf)
        np.maximum.at(found, place[new], last[new])
        return latest, found
    made = np.full(count, np.inf) if column.part == "least" else np.zeros(count, value.dtype)
    _HOW[column.how].at(made, place, value)
    return made


def _cells(value: Lists, chosen: Any) -> Cells:
    counts, entries = value.entries(chosen)
    keys: Any
    keys, held = value.parts
    words: tuple[str, ...] = ()
    if isinstance(keys, Coded):
        keys, words = np.asarray(keys.codes), tuple(keys.words)
    elif isinstance(keys, list):
        # As they were inserted.
        words = tuple(dict.fromkeys(keys))
        codes = {word: code for code, word in enumerate(words)}
        keys = np.array([codes[word] for word in keys], "<u2")
    return Cells(np.repeat(np.arange(len(counts)), counts), keys[entries], held[entries], words)


def _joined(several: Sequence[Cells], offsets: Any) -> Cells:
    words = tuple(dict.fromkeys(word for one in several for word in one.words))
    keys = [one.keys for one in several]
    if words:
        places = {word: number for number, word in enumerate(words)}
        keys = [
            np.array([places[word] for word in one.words], "<u2")[one.keys] if one.words else one.keys
            for one in several
        ]
    rows = [one.rows + offset for one, offset in zip(several, offsets[:-1].tolist(), strict=True)]
    return Cells(np.concatenate(rows), np.concatenate(keys), np.concatenate([one.counts for one in several]), words)


def _maps(cells: Cells, count: int) -> list[Mapping[Any, int]]:
    made: list[Any] = [_NOTHING] * count
    words = cells.words
    for row, key, held in zip(cells.rows.tolist(), cells.keys.tolist(), cells.counts.tolist(), strict=True):
        if made[row] is _NOTHING:
            made[row] = {}
        made[row][words[key] if words else str(key)] = held
    return made


def _distributions(cells: Cells, count: int) -> list[Mapping[Any, int]]:
    made: list[Any] = [_NOTHING] * count
    ends = np.cumsum(np.bincount(cells.rows, minlength=count)).tolist()
    start = 0
    for row, (end, ns) in enumerate(zip(ends, _p99(cells, count).tolist(), strict=True)):
        if end > start:
            made[row] = Distribution(cells.keys[start:end], cells.counts[start:end], ns)
        start = end
    return made


def _p99(cells: Cells, count: int) -> Any:
    used, place = np.unique(cells.keys, return_inverse=True)
    if not len(used):
        return np.full(count, np.nan)
    dense = np.bincount(cells.rows * len(used) + place, cells.counts, count * len(used)).astype(np.int64)
    (found,) = percentiles(dense.reshape(count, len(used)), used.astype(np.int64), (0.99,))
    return found
