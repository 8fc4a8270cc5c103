"""Which batches are stored already: for each boot of an agent the ranges of its sequence numbers, in one small file.

The file is lines of three hexadecimal numbers (boot, first, last), added at its end and synced; when it is long it is
written anew, shorter. A line that was cut by a crash is ignored: what it said is still in the spool.
"""

from __future__ import annotations

import bisect
import errno
import os
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

from hopscope.server import ServerError

_LINE = re.compile(rb"^([0-9a-f]{16}) ([0-9a-f]{16}) ([0-9a-f]{16})$")
_LONGEST = 8_000_000
"""Bytes of the file after which it is written anew, shorter."""
_BOOTS = 20_000
"""Boots that are remembered, those heard of last; an agent that begins anew has another."""
Number = tuple[int, int]


class Ranges:
    """A set of numbers of which most follow each other."""

    def __init__(self) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []

    def __contains__(self, number: int) -> bool:
        at = bisect.bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return iter(zip(self._firsts, self._lasts, strict=True))

    def add(self, first: int, last: int) -> None:
        """Adds a range; it may touch or cover others."""
        begin = bisect.bisect_left(self._lasts, first - 1)
        end = bisect.bisect_right(self._firsts, last + 1)
        if begin < end:
            first, last = min(first, self._firsts[begin]), max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]


class Ledger:
    """The batches that are stored. Raises ServerError when its file cannot be used."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._guard = threading.Lock()
        self._boots: dict[int, Ranges] = {}
        try:
            data = file.read_bytes() if file.exists() else b""
            self._open = file.open("ab", buffering=0)
        except OSError as error:
            raise ServerError(f"cannot use {file}: {error.strerror}") from error
        for line in data.splitlines():
            if found := _LINE.match(line):
                boot, first, last = (int(part, 16) for part in found.groups())
                self._add(boot, first, last)
        self._cut = not data.endswith(b"\n")

    def __contains__(self, number: Number) -> bool:
        with self._guard:
            known = self._boots.get(number[0])
            return known is not None and number[1] in known

    def add(self, numbers: Iterable[Number]) -> None:
        """Remembers stored batches (boot, sequence); on disk when it returns. Raises OSError."""
        ranges: dict[int, Ranges] = {}
        for boot, sequence in numbers:
            ranges.setdefault(boot, Ranges()).add(sequence, sequence)
        lines = b"".join(_line(boot, *one) for boot, held in ranges.items() for one in held)
        with self._guard:
            before, self._cut = b"\n" if self._cut else b"", True
            if self._open.write(before + lines) != len(before + lines):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fdatasync(self._open.fileno())
            self._cut = False
            for boot, held in ranges.items():
                for first, last in held:
                    self._add(boot, first, last)
            if self._open.tell() > _LONGEST:
                self._shorten()

    def close(self) -> None:
        """Nothing can be added any more."""
        self._open.close()

    def _add(self, boot: int, first: int, last: int) -> None:
        held = self._boots.pop(boot, None) or Ranges()
        held.add(first, last)
        # Last in order: of too many boots those not heard of for longest are forgotten.
        self._boots[boot] = held
        if len(self._boots) > _BOOTS:
            del self._boots[next(iter(self._boots))]

    def _shorten(self) -> None:
        written = self._file.with_name(self._file.name + ".part")
        with written.open("wb") as file:
            file.writelines(_line(boot, *one) for boot, held in self._boots.items() for one in held)
            file.flush()
            os.fsync(file.fileno())
        written.rename(self._file)
        self._open.close()
        self._open = self._file.open("ab", buffering=0)


def _line(boot: int, first: int, last: int) -> bytes:
    return f"{boot:016x} {first:016x} {last:016x}\n".encode()
