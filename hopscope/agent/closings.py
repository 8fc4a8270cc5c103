"""Connections that ended since the last tick, out of their closing records: their last numbers, and how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.books import Books
from hopscope.agent.connections import (
    CLIENT,
    CLOSED,
    ESTABLISHED,
    FAILED,
    OLDER,
    OVERFLOW,
    RELEASED,
    RESET_APP,
    RESET_KERNEL,
    RESET_PEER,
    TAKEN_OVER,
    Connection,
)
from hopscope.agent.truths import BYTES, TcpTruths, are_exact, book_grown, book_last, totals

_CAUSES = {0: "aborted", 104: "reset", 110: "timed out", 111: "refused", 101: "unreachable", 113: "unreachable"}
_RESETS = {RESET_APP: "local application", RESET_KERNEL: "local kernel", RESET_PEER: "peer"}

Array = npt.NDArray[Any]


def cause_of(error: int) -> str:
    """Why a connect failed, from the socket's errno; 0: the application closed it before there was an answer."""
    return _CAUSES.get(error, f"errno {error}")


def book_opening(books: Books, connection: Connection, times: dict[str, int]) -> None:
    """Books that a connection was established, once, if that was seen: for who opened it, whoever uses it then."""
    if connection.opening_booked or connection.side < 0 or connection.flags & (OLDER | TAKEN_OVER):
        return
    if not connection.flags & ESTABLISHED:
        return
    connection.opening_booked = True
    client = connection.role == CLIENT
    books.add(connection.side, "opened", 1)
    books.duration(connection.side, "connect" if client else "accept", times["connect_ns" if client else "accept_ns"])
    if times.get("connect_call_ns"):
        books.duration(connection.side, "connect_call", times["connect_call_ns"])


def book_end(books: Books, connection: Connection, error: int, times: dict[str, int]) -> None:
    """Books how a connection ended."""
    side, flags = connection.side, connection.flags
    if side < 0 or connection.role == OVERFLOW or flags & RELEASED:
        return
    if times["accept_queue_ns"]:
        books.duration(side, "queue", times["accept_queue_ns"])
    if flags & FAILED:
        books.reason(side, "failed", cause_of(error))
        return
    if flags & (CLOSED | ESTABLISHED):
        books.add(side, "closed", 1)
    if flags & CLOSED:
        books.duration(side, "close", times["close_ns"])
    for flag, sender in _RESETS.items():
        if flags & flag:
            books.reason(side, "reset", sender)


def book_numbers(
    books: Books, truths: TcpTruths, ended: Sequence[Connection], live: Array, cold: Array, moved: Array
) -> None:
    """Books the last calls, bytes and truths of connections.

    `live`: whose slot still holds what was read of them before; `moved`: what their calls moved since then: write
    calls, bytes, read calls, bytes. All of one length.
    """
    sides = np.array([it.side for it in ended])
    index = np.array([max(0, it.index) for it in ended])
    books.add_at(sides, "write_calls", moved[:, 0])
    books.add_at(sides, "read_calls", moved[:, 2])
    base, before = cold["base"], cold["base"].copy()
    before[live] = truths.seen[index[live]]
    which = live[:, np.newaxis]
    booked = np.where(which, truths.booked[index], 0)
    counted = np.where(which, truths.counted[index], 0)
    for at in truths.replaced(ended, live):
        known = truths.known(ended[at].index, ended[at].generation, False)
        before[at], booked[at], counted[at] = known.seen[0], known.booked[0], known.counted[0]
    amounts = counted + moved[:, (1, 3)]
    now = cold["truths"]
    read = now["at"] != 0
    exact = read & are_exact(cold["flags"])
    amounts[exact] = np.maximum(amounts[exact], totals(now[exact]) - totals(base[exact]))
    new = np.maximum(amounts - booked, 0)
    for direction, column in enumerate(BYTES):
        books.add_at(sides, column, new[:, direction])
    book_grown(books, sides[read], before[read], now[read])
    book_last(books, sides[read], now[read])
