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
    """All of them, by the socket's number: it may be another connection's before all is known of how this one ended."""

    def __init__(self, connections: Connections, truths: TcpTruths, is_held: Callable[[int, int], bool]) -> None:
        self._connections, self._truths, self._is_held = connections, truths, is_held
        self._groups: dict[int, list[Shared]] = {}
        self._ending: dict[int, Shared] = {}

    def __iter__(self) -> Iterator[Shared]:
        return (shared for groups in self._groups.values() for shared in groups)

    def of(self, connection: Connection) -> Shared | None:
        """The socket that a connection is a use of; None when it is its only one."""
        groups = self._groups.get(connection.sk, ()) if self._groups else ()
        return next((shared for shared in groups if connection in shared.members), None)

    def meet(self, connection: Connection) -> Connection | None:
        """A new connection may be a further use; returns the first one when that is known as shared only now."""
        if not connection.flags & (EXTRA | TAKEN_OVER) or connection.role not in (CLIENT, SERVER):
            return None
        for shared in self._groups.get(connection.sk, ()):
            if shared.members[0].initiator == connection.initiator:
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
        groups = self._groups.setdefault(connection.sk, [])
        for before in [it for it in groups if id(it) not in self._ending and not self._is_known(it)]:
            groups.remove(before)
        groups.append(Shared([connection], connection, known))
        return groups[-1]

    def _is_known(self, shared: Shared) -> bool:
        return any(self._connections.get(it.index, it.generation) is it for it in shared.members)

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
        self._ending[id(shared)] = shared
        return shared

    def closed(self) -> Iterator[Shared]:
        """Once a tick: the sockets that nothing is awaited of any more."""
        for number, shared in list(self._ending.items()):
            shared.waited += 1
            if shared.complete or shared.waited > PATIENCE:
                del self._ending[number]
                self._forget(shared)
                yield shared

    def _forget(self, shared: Shared) -> None:
        sk = shared.members[0].sk
        self._groups[sk].remove(shared)
        if not self._groups[sk]:
            del self._groups[sk]
