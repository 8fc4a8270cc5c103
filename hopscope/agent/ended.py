"""Connections that ended while somebody looked at their edge or process: kept for a moment, and no others."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy.typing as npt

from hopscope.agent.closings import cause_of
from hopscope.agent.connections import (
    CLOSED,
    ESTABLISHED,
    FAILED,
    RELEASED,
    RESET_APP,
    RESET_KERNEL,
    RESET_PEER,
    Connection,
)
from hopscope.agent.ledger import Line

KEPT = 500
"""Of those that ended well, and as many of the others."""
SECOND = 1_000_000_000
_RESETS = {
    RESET_PEER: "reset by the peer",
    RESET_APP: "reset by this end's application",
    RESET_KERNEL: "reset by this end's kernel",
}

Array = npt.NDArray[Any]


def how(flags: int, error: int) -> str | None:
    """How a connection ended; None: it goes on, with another process or without our looking."""
    if flags & FAILED:
        return f"failed: {cause_of(error)}"
    for flag, word in _RESETS.items():
        if flags & flag:
            return word
    return "closed" if flags & (CLOSED | ESTABLISHED) and not flags & RELEASED else None


@dataclass(frozen=True, slots=True)
class End:
    """A connection that ended, `at` ns of the kernel's clock. `half`: its cold half, of length 1; `moved`: write calls,
    bytes, read calls, bytes."""

    connection: Connection
    line: Line
    half: Array
    word: int
    how: str
    moved: tuple[int, int, int, int]
    at: int


class Ended:
    """Those of what `want` names; as long as that is nothing, nothing is kept and no time is spent."""

    def __init__(self) -> None:
        self._edges: frozenset[str] = frozenset()
        self._processes: frozenset[str] = frozenset()
        self._well: deque[End] = deque(maxlen=KEPT)
        self._badly: deque[End] = deque(maxlen=KEPT)
        self._counts: Counter[tuple[int, int]] = Counter()

    def want(self, edges: frozenset[str], processes: frozenset[str]) -> None:
        """From now on those of these edges and process groups, by their ids."""
        self._edges, self._processes = edges, processes
        if not self:
            for kept in (self._well, self._badly, self._counts):
                kept.clear()

    def __bool__(self) -> bool:
        return bool(self._edges or self._processes)

    def hear(self, connection: Connection, line: Line | None, record: Array, moved: Iterable[int], now: int) -> None:
        """A connection ended; `record`: its closing record, of length 1; `now`: ns of the kernel's clock."""
        if line is None or not self._wants(line, connection.side):
            return
        half = record["connection"].copy()
        said = how(connection.flags, int(half["error"][0]))
        if said is None:
            return
        closing = int(half["closing"][0])
        at = closing + int(half["close_ns"][0]) if closing else now
        write_calls, written, read_calls, read = moved
        end = End(
            connection,
            line,
            half,
            int(record["slot"]["protocol"][0]),
            said,
            (write_calls, written, read_calls, read),
            at,
        )
        (self._well if said == "closed" else self._badly).append(end)
        self._counts[connection.side, at // SECOND] += 1

    def _wants(self, line: Line, side: int) -> bool:
        owner = line.server if side % 2 else line.client
        return line.id in self._edges or (owner is not None and owner.id in self._processes)

    def of(self, sides: Collection[int], since: int) -> tuple[int, list[End]]:
        """How many connections of these sides ended at a moment or later, and of those that are kept the bad ones, then
        the latest, first."""
        for key in [key for key in self._counts if key[1] < since // SECOND]:
            del self._counts[key]
        kept = [end for end in chain(self._badly, self._well) if end.at >= since and end.connection.side in sides]
        kept.sort(key=lambda end: (end.how == "closed", -end.at))
        return sum(count for (side, _), count in self._counts.items() if side in sides), kept
