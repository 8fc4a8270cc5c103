"""A few connections whose other end is elsewhere, by their two addresses: a server joins the halves by them. Pure.

Law: both ends of a connection choose by its initiator's address and port alone, so that of many connections they choose
the same few.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from zlib import crc32

from hopscope.agent.connections import CLIENT, ESTABLISHED, SERVER, Connection, Connections, address_text, is_loopback
from hopscope.agent.ledger import Ledger, Line

EACH, AT_ONCE = 4, 2000
"""Witnesses of a half-edge when it is new and in a minute; of all half-edges in a second."""
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Witness:
    """One connection at one end. `initiator`: whether this end opened it; ends as `ip:port`."""

    edge: str
    initiator: bool
    client: str
    server: str


class Witnesses:
    """The chosen ones of this minute."""

    def __init__(self, ledger: Ledger, connections: Connections) -> None:
        self._ledger, self._connections = ledger, connections
        self._minute = -1
        self._lowest: dict[int, dict[int, Connection]] = {}
        self._new: set[int] = set()
        self._told: set[int] = set()
        self._waiting: list[Witness] = []

    def see(self, connection: Connection) -> None:
        """A connection that was just opened or enrolled, or is still open when a minute ends."""
        if self._half(connection) is None:
            return
        chosen = self._lowest.setdefault(connection.side, {})
        chosen[crc32(address_text(*connection.initiator[:2]).encode())] = connection
        if len(chosen) > EACH:
            del chosen[max(chosen)]
        if connection.side not in self._told:
            self._new.add(connection.side)

    def _half(self, connection: Connection) -> Line | None:
        """The edge of a connection of which only this end is known."""
        if (
            connection.role not in (CLIENT, SERVER)
            or not connection.flags & ESTABLISHED
            or is_loopback(connection.remote)
            or self._connections.partner(connection) is not None
        ):
            return None
        return self._ledger.line_of(connection)

    def take(self, now: float, live: Iterable[Connection]) -> tuple[Witness, ...]:
        """Once a second: those of half-edges that are new, and at a minute's end of all that were used in it."""
        minute = int(now) // _MINUTE
        if minute != self._minute:
            self._minute = minute
            for connection in live:
                line = self._ledger.line_of(connection)
                # A quick look first: there may be 100 000 of them.
                if line is not None and (line.server is None or line.client is None):
                    self.see(connection)
            self._tell(self._lowest)
            self._told &= self._lowest.keys()
            self._lowest = {}
        else:
            self._tell(self._new)
        self._new.clear()
        found, self._waiting = self._waiting[:AT_ONCE], self._waiting[AT_ONCE:]
        return tuple(found)

    def _tell(self, sides: Iterable[int]) -> None:
        for side in sides:
            self._told.add(side)
            for connection in self._lowest.get(side, {}).values():
                line = self._half(connection)
                # A side's number may be another edge's by now.
                if line is not None and connection.side == side and len(self._waiting) < 2 * AT_ONCE:
                    self._waiting.append(_witness(connection, line))


def _witness(connection: Connection, line: Line) -> Witness:
    if connection.role == CLIENT:
        client = address_text(connection.local, connection.local_port)
        return Witness(line.id, True, client, address_text(connection.remote, connection.remote_port))
    port = connection.redirected_from or connection.local_port
    return Witness(
        line.id, False, address_text(connection.remote, connection.remote_port), address_text(connection.local, port)
    )
