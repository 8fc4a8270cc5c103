"""The blocks of an answer in the Native format as columns: the other way of native. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from hopscope.server.storage.native import CODED, NUMBERS, WIDTHS, Coded, Column, Lists, joined, parts

_AGGREGATE = "SimpleAggregateFunction("


def columns(data: bytes) -> Mapping[str, Any]:
    """The columns of all blocks by name, each as in Column; empty: there is no row. Raises ValueError for what it
    cannot read."""
    reading, blocks = _Reading(data), []
    while reading.left:
        width, rows = reading.length(), reading.length()
        blocks.append([reading.column(rows) for _ in range(width)])
    found = blocks[0] if len(blocks) == 1 else joined(blocks)
    return {column.name: column.values for column in found}


class _Reading:
    """Bytes, and how far they are read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def column(self, rows: int) -> Column:
        name, kind = self._text(), self._text()
        if kind.startswith(_AGGREGATE):
            kind = kind.removeprefix(_AGGREGATE).removesuffix(")").partition(", ")[2]
        if kind.startswith("DateTime("):
            kind = "DateTime"
        if rows and CODED in kind:
            # Before everything else of the column, how its dictionaries are written.
            self._numbers("UInt64", 1)
        return Column(name, kind, self._values(kind, rows))

    def _values(self, kind: str, rows: int) -> Any:
        if kind in NUMBERS:
            return self._numbers(kind, rows)
        if kind == "String":
            return [self._text() for _ in range(rows)]
        if kind == CODED:
            return self._coded(rows)
        outer, kinds = parts(kind)
        if outer not in ("Tuple", "Array", "Map"):
            raise ValueError(f"a column of the type {kind}")
        if outer == "Tuple":
            return tuple(self._values(part, rows) for part in kinds)
        ends = self._numbers("UInt64", rows)
        held = int(ends[-1]) if rows else 0
        return Lists(ends, tuple(self._values(part, held) for part in kinds))

    def _coded(self, rows: int) -> Coded:
        if not rows:
            return Coded([], np.zeros(0, "<u1"))
        flags, size = self._numbers("UInt64", 2).tolist()
        words = [self._text() for _ in range(size)]
        width = next(width for _, number, width in WIDTHS if number == flags & 0xFF)
        (count,) = self._numbers("UInt64", 1).tolist()
        return Coded(words, self._array(width, count))

    def _numbers(self, kind: str, rows: int) -> Any:
        return self._array(NUMBERS[kind], rows)

    def _array(self, kind: str, count: int) -> Any:
        found = np.frombuffer(self._data, kind, count, self._at)
        self._at += found.nbytes
        return found

    def _text(self) -> str:
        length = self.length()
        self._at += length
        return self._data[self._at - length : self._at].decode()

    def length(self) -> int:
        """A LEB128."""
        number = shift = 0
        while True:
            if not self.left:
                raise ValueError("an answer that breaks off")
            byte = self._data[self._at]
            self._at += 1
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number
