"""Sockets that several processes use, by fork or by a descriptor passed on: one connection, a slot for each user.

Law: each call counts for its caller; the connection's own totals, its truths and its end count for the last user, once
the closing records of all users are there: the ring may be read between two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.books import Books
from hopscope.agent.closings import book_end
from hopscope.agent.connections import CLIENT, EXTRA, SERVER, TAKEN_OVER, Connection, Connections
from hopscope.agent.truths import BYTES, Known, TcpTruths, are_exact, book_grown, book_last, totals

PATIENCE = 5
"""Ticks until a user whose closing record does not come is not waited for any more."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class End:
    """A user's closing record: the connection in it, of length 1, its error, its times."""

    connection: Array
    error: int
    times: dict[str, int]


@dataclass(slots=True, eq=False)
class Shared:
    """One socket with its users."""

    members: list[Connection]
    last_user: Connection
    known: Known
    left: list[Connection] = field(default_factory=list)
    end: End | None = None
    waited: int = 0

    @property
    def complete(self) -> bool:
        """Whether all users' records came. One whose socket was taken over has a user after it."""
        return len(self.left) == len(self.members) and not all(member.flags & EXTRA for member in self.members)

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
        self.known.counted += np.array((amounts[1], amounts[3]))
        self._book(books, user, self.known.counted)

    def book(self, books: Books, now: Array, flags: int) -> None:
        """The socket's truths; `now` has one element."""
        side = np.array([self.last_user.side])
        book_grown(books, side, self.known.seen, now)
        self.known.seen[:] = now
        if are_exact(np.array([flags])).all():
            self._book(books, self.last_user, totals(now) - self.known.base)

    def close(self, books: Books) -> None:
        """The connection's last numbers, and how it ended."""
        if self.end is None:
            return
        user, now = self.last_user, self.end.connection["truths"]
        user.flags |= int(self.end.connection["flags"][0])
        if now["at"][0]:
            self.book(books, now, user.flags)
            book_last(books, np.array([user.side]), now)
        book_end(books, user, self.end.error, self.end.times)

    def _book(self, books: Books, user: Connection, amounts: Array) -> None:
        new = np.maximum(amounts - self.known.booked, 0)
        self.known.booked += new
        for direction, column in enumerate(BYTES):
            books.add(user.side, column, int(new[0, direction]))


class SharedSockets:
    """All of them, by the socket's number."""

    def __init__(self, connections: Connections, truths: TcpTruths, is_held: Callable[[int, int], bool]) -> None:
        self._connections, self._truths, self._is_held = connections, truths, is_held
        self._groups: dict[int, Shared] = {}
        self._ending: dict[int, Shared] = {}
        self._done: list[Shared] = []

    def __iter__(self) -> Iterator[Shared]:
        return iter(self._groups.values())

    def of(self, connection: Connection) -> Shared | None:
        """The socket that a connection is a use of; None when it is its only one."""
        shared = self._groups.get(connection.sk) if self._groups else None
        return shared if shared is not None and connection in shared.members else None

    def meet(self, connection: Connection) -> Connection | None:
        """A new connection may be a further use; returns the first one when that is known as shared only now."""
        if not connection.flags & (EXTRA | TAKEN_OVER) or connection.role not in (CLIENT, SERVER):
            return None
        shared = self._groups.get(connection.sk)
        if shared is not None and shared.members[0].initiator == connection.initiator:
            shared.join(connection)
            return None
        others = [other for other in self._connections.sharing(connection) if other is not connection]
        if not others:
            return None
        self._first(others[0], None).join(connection)
        return others[0]

    def _first(self, connection: Connection, base: Array | None) -> Shared:
        index, generation = connection.index, connection.generation
        known = self._truths.known(index, generation, self._is_held(index, generation), base)
        if connection.sk in self._groups:
            self._give_up(connection.sk)
        shared = self._groups[connection.sk] = Shared([connection], connection, known)
        return shared

    def ends(self, connection: Connection, end: End) -> Shared | None:
        """A connection's closing record came; returns its socket, None when it is the only user."""
        shared = self.of(connection)
        if shared is None:
            if not connection.flags & EXTRA or connection.role not in (CLIENT, SERVER):
                return None
            # Who took it over was met by nobody yet: its record is to come.
            shared = self._first(connection, end.connection["base"])
        if connection not in shared.left:
            shared.left.append(connection)
        shared.end = end
        self._ending[connection.sk] = shared
        return shared

    def closed(self) -> Iterator[Shared]:
        """Once a tick: the sockets that nothing is awaited of any more."""
        for sk, shared in list(self._ending.items()):
            shared.waited += 1
            if shared.complete or shared.waited > PATIENCE:
                self._give_up(sk)
        done, self._done = self._done, []
        yield from done

    def _give_up(self, sk: int) -> None:
        shared = self._groups.pop(sk)
        if self._ending.pop(sk, None) is not None:
            self._done.append(shared)
