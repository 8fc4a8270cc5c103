"""ClickHouse's Native format: a block of columns as the bytes that the engine reads. Pure.

A block is the number of columns and of rows, then for each column its name, its type, and all its values:

    numbers                  little-endian, side by side
    String                   length and bytes of each
    Array(T)                 end offset of each (UInt64), then all elements as a column of T
    Map(K, V)                as an Array of keys and values: end offsets, keys, values
    LowCardinality(String)   version 1, flags, dictionary (its first entry the default), then an index for each row

Lengths are LEB128. The engine converts a plain type to the column's aggregate type.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

NUMBERS = {
    "UInt8": "<u1", "UInt16": "<u2", "UInt32": "<u4", "UInt64": "<u8", "Int64": "<i8", "Float64": "<f8",
    "DateTime": "<u4", "DateTime64(3)": "<i8",
}  # fmt: skip
_DICTIONARY_VERSION = 1
_ADDITIONAL_KEYS = 0x200
CODED = "LowCardinality(String)"
WIDTHS = ((1 << 8, 0, "<u1"), (1 << 16, 1, "<u2"), (1 << 32, 2, "<u4"))
"""Of the indices of CODED: below how many words, the number that says so, and how they are written."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `values`: numbers or strings, one a row; see `Lists` and `Coded` for the others; or bytes, which are
    all of them as `written`."""

    name: str
    type: str
    values: Any


@dataclass(frozen=True, slots=True)
class Lists:
    """Values of an Array (one part) or a Map (keys, values): where each row's end, and all of them in order."""

    ends: Any
    parts: tuple[Any, ...]

    def entries(self, rows: Any = slice(None)) -> tuple[Any, Any]:
        """How many values some rows have, and the places of these in the parts, row by row."""
        ends = self.ends.astype("<i8")
        counts = np.diff(ends, prepend=0)[rows]
        return counts, places(ends[rows] - counts, counts)


@dataclass(frozen=True, slots=True)
class Coded:
    """Values of a LowCardinality(String): for each row the index of its word."""

    words: Sequence[str]
    codes: Any


def places(begins: Any, counts: Any) -> Any:
    """Where the values of rows are of which each begins somewhere and has so many, row by row."""
    return np.repeat(begins - (np.cumsum(counts) - counts), counts) + np.arange(counts.sum())


def lists(rows: Sequence[Sequence[Any]]) -> Lists:
    """Rows of values as an Array's."""
    return Lists(np.cumsum([len(row) for row in rows], dtype="<u8"), ([item for row in rows for item in row],))


def joined(columns: Sequence[Sequence[Column]]) -> tuple[Column, ...]:
    """Several rows of columns of the same names and types as one."""
    return tuple(
        Column(same[0].name, same[0].type, _joined(same[0].type, [column.values for column in same]))
        for same in zip(*columns, strict=True)
    )


def _joined(kind: str, values: Sequence[Any]) -> Any:
    if kind in NUMBERS:
        return np.concatenate([np.asarray(one, NUMBERS[kind]) for one in values])
    if kind == "String":
        return [text for one in values for text in one]
    if kind == CODED:
        words = {
            word: number for number, word in enumerate(dict.fromkeys(word for one in values for word in one.words))
        }
        codes = [np.asarray([words[word] for word in one.words], "<u8")[np.asarray(one.codes, "<u8")] for one in values]
        return Coded(list(words), np.concatenate(codes))
    outer, kinds = parts(kind)
    if outer == "Tuple":
        return tuple(_joined(part, [one[at] for one in values]) for at, part in enumerate(kinds))
    counts = [int(one.ends[-1]) if len(one.ends) else 0 for one in values]
    before = np.cumsum([0, *counts[:-1]], dtype="<u8")
    ends = np.concatenate([np.asarray(one.ends, "<u8") + first for one, first in zip(values, before, strict=True)])
    return Lists(ends, tuple(_joined(part, [one.parts[at] for one in values]) for at, part in enumerate(kinds)))


def parts(kind: str) -> tuple[str, list[str]]:
    """A type that is made of others, and those."""
    outer, _, inner = kind.removesuffix(")").partition("(")
    return outer, [part.strip() for part in inner.split(",")]


def block(columns: Sequence[Column], rows: int) -> bytes:
    """The bytes of a block."""
    written = [_length(len(columns)), _length(rows)]
    for column in columns:
        written += [_string(column.name), _string(column.type), _values(column.type, column.values)]
    return b"".join(written)


def written(column: Column) -> bytes:
    """The values of a column as they are in a block."""
    return _values(column.type, column.values)


def _values(kind: str, values: Any) -> bytes:
    if isinstance(values, bytes):
        return values
    if kind in NUMBERS:
        return np.ascontiguousarray(values, NUMBERS[kind]).tobytes()
    if kind == "String":
        # Most texts are said again and again.
        written = {text: _string(text) for text in dict.fromkeys(values)}
        return b"".join([written[text] for text in values])
    if kind == CODED:
        return _coded(values)
    outer, kinds = parts(kind)
    if outer == "Tuple":
        return b"".join(_values(part, held) for part, held in zip(kinds, values, strict=True))
    ends = np.ascontiguousarray(values.ends, "<u8").tobytes()
    return ends + b"".join(_values(part, held) for part, held in zip(kinds, values.parts, strict=True))


def _coded(values: Coded) -> bytes:
    if not len(values.codes):
        return b""
    words = ["", *values.words]
    _, number, width = next(kind for kind in WIDTHS if len(words) <= kind[0])
    codes = (np.asarray(values.codes, "<u8") + 1).astype(width)
    head = np.array([_DICTIONARY_VERSION, _ADDITIONAL_KEYS | number, len(words)], "<u8").tobytes()
    return head + b"".join(map(_string, words)) + np.array([len(codes)], "<u8").tobytes() + codes.tobytes()


def _string(text: str) -> bytes:
    data = text.encode()
    return _length(len(data)) + data


def _length(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
