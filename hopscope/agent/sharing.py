"""Sockets that several processes use, by fork or by a descriptor passed on: one connection, a slot for each user.

Law: each call counts for its caller; the connection's own totals, its truths and its end count for the last user.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.books import Books
from hopscope.agent.connections import Connection
from hopscope.agent.truths import BYTES, TcpTruths, are_exact, book_grown, totals

Array = npt.NDArray[Any]


class Shared:
    """One socket with its users."""

    def __init__(self, first: Connection, truths: TcpTruths, live: bool) -> None:
        at = slice(first.index, first.index + 1)
        self.members = [first]
        self.last_user = first
        self._seen = truths.seen[at].copy() if live else np.zeros(1, truths.seen.dtype)
        self._counted = truths.counted[at].copy() if live else np.zeros((1, 2), np.int64)
        self._booked = truths.booked[at].copy() if live else np.zeros((1, 2), np.int64)
        self._base = truths.base[at].copy() if live else np.zeros((1, 2), np.int64)

    def join(self, user: Connection) -> None:
        """Another process uses the socket, from now on."""
        self.members.append(user)
        self.last_user = user

    def moved(self, books: Books, user: Connection, amounts: tuple[int, int, int, int]) -> None:
        """A user's calls: write calls, bytes, read calls, bytes."""
        if any(amounts):
            self.last_user = user
        books.add(user.side, "write_calls", amounts[0])
        books.add(user.side, "read_calls", amounts[2])
        self._counted += np.array((amounts[1], amounts[3]))
        self._book(books, user, self._counted)

    def book(self, books: Books, now: Array, flags: int) -> None:
        """The socket's truths; `now` has one element."""
        side = np.array([self.last_user.side])
        book_grown(books, side, self._seen, now)
        self._seen = now
        if are_exact(np.array([flags])).all():
            self._book(books, self.last_user, totals(now) - self._base)

    def _book(self, books: Books, user: Connection, amounts: Array) -> None:
        new = np.maximum(amounts - self._booked, 0)
        self._booked += new
        for direction, column in enumerate(BYTES):
            books.add(user.side, column, int(new[0, direction]))
