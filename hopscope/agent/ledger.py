"""Which edge a connection belongs to, and what is known of its ends. Pure.

Law: an edge's key is (the initiator's group on this host, else its address; dialed address and port). Both are known as
soon as either half is, so the id never changes when the other half appears. Who answered is learned and no part of the
key; only where a second group answers at the same dialed address does that group get an edge of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from hopscope.agent.connections import (
    CLIENT,
    LISTENER,
    OVERFLOW,
    SERVER,
    Connection,
    Connections,
    Owner,
    address_text,
    ip_text,
)
from hopscope.agent.protocols import UNKNOWN, Label
from hopscope.edges.identity import edge_id

CLIENT_SIDE, SERVER_SIDE = 0, 1
OVERFLOW_PEER = "connections without a slot of their own"
PEERS = 256
"""Peers that one group has by their addresses; more are taken together by network, then all in one."""

Key = tuple[str, str]


@dataclass(slots=True, eq=False)
class Line:
    """An edge as the agent keeps it. Its sides are 2 * number (client) and 2 * number + 1 (server)."""

    number: int
    key: Key
    id: str
    client_address: str
    dialed: str
    client: Owner | None = None
    server: Owner | None = None
    listen: str | None = None
    label: Label = UNKNOWN
    sni: set[str] = field(default_factory=set)
    alpn: set[str] = field(default_factory=set)
    live: int = 0
    pids: tuple[Counter[int], Counter[int]] = field(default_factory=lambda: (Counter(), Counter()))
    left: tuple[dict[int, int], dict[int, int]] = field(default_factory=lambda: ({}, {}))  # tgid: tick

    def processes(self, side: int, since: int) -> set[int]:
        """The processes that had a connection on a side at `since` or later."""
        return {*self.pids[side], *(tgid for tgid, tick in self.left[side].items() if tick >= since)} - {0}

    def forget_processes(self, before: int) -> None:
        """Drops those whose last connection left before a tick."""
        for left in self.left:
            for tgid in [tgid for tgid, tick in left.items() if tick < before]:
                del left[tgid]


def network_of(address: bytes) -> str:
    """The /24 or /64 of an address."""
    text = ip_text(address)
    return text.rpartition(".")[0] + ".0/24" if ":" not in text else ip_text(address[:8] + b"\0" * 8) + "/64"


class Peers:
    """Names for the peers of each group, so few that a scan of the whole internet does not fill the memory."""

    def __init__(self, limit: int = PEERS) -> None:
        self._limit = limit
        self._known: dict[tuple[str, int], set[str]] = {}
        self.aggregated = 0

    def name(self, group: str, side: int, address: bytes, port: int | None) -> str:
        """The peer's address, or what it is taken together with."""
        own = ip_text(address) if port is None else address_text(address, port)
        known = self._known.setdefault((group, side), set())
        if own in known:
            return own
        if len(known) < self._limit:
            known.add(own)
            return own
        self.aggregated += 1
        ending = "" if port is None else f":{port}"
        network = network_of(address) + ending
        if network in known or len(known) < 2 * self._limit:
            known.add(network)
            return network
        return ("0.0.0.0/0" if "." in network else "::/0") + ending

    def forget(self, group: str, side: int, name: str) -> None:
        """A peer that nothing is left of."""
        known = self._known.get((group, side))
        if known is not None:
            known.discard(name)
            if not known:
                del self._known[group, side]


class Ledger:
    """All edges, and the connections that belong to them."""

    def __init__(
        self,
        connections: Connections,
        owner_of: Callable[[Connection], Owner | None],
        dialed_port: Callable[[Connection, int], int | None] = lambda _, __: None,
        peers: int = PEERS,
    ) -> None:
        self._connections, self._owner_of, self._dialed_port = connections, owner_of, dialed_port
        self.peers = Peers(peers)
        self._lines: dict[Key, Line] = {}
        self._numbered: list[Line | None] = []
        self._free: list[int] = []
        self.tick = 0
        self.moved: list[Connection] = []
        """Connections whose side changed; whoever keeps sides empties it."""

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.values())

    def __len__(self) -> int:
        return len(self._numbered)

    def at(self, number: int) -> Line | None:
        """The edge of a number; None when it is gone."""
        return self._numbered[number]

    def owner(self, connection: Connection) -> Owner | None:
        """Whose connection it is: the process's, or while none has used it the listener's; None if nobody knows."""
        if connection.owner is None:
            if connection.tgid:
                connection.owner = self._owner_of(connection)
            elif (listener := self._connections.listener_of(connection)) is not None:
                return self._owner_of(listener)
        return connection.owner

    def settle(self, connection: Connection) -> int:
        """The side that a connection's numbers go to from now on; -1 while its process is not known."""
        owner = self.owner(connection)
        if owner is None or connection.role == LISTENER:
            return -1
        if connection.role == OVERFLOW:
            line = self._line((owner.id, OVERFLOW_PEER), "", OVERFLOW_PEER, None)
            line.client = owner
        elif connection.role == CLIENT:
            line = self._client_line(connection, owner)
        elif connection.role == SERVER:
            line = self._server_line(connection, owner)
        else:
            return -1
        self._move(connection, line)
        return connection.side

    def _client_line(self, connection: Connection, owner: Owner) -> Line:
        partner = self._connections.partner(connection)
        server = self.owner(partner) if partner is not None else None
        dialed = self.peers.name(owner.id, CLIENT_SIDE, connection.remote, connection.remote_port)
        line = self._line((owner.id, dialed), ip_text(connection.local), dialed, server)
        line.client = owner
        if partner is not None and server is not None and partner.side >= 0 and partner.side // 2 != line.number:
            # It was there first, when nobody knew whose connection it was.
            line.listen = address_text(partner.local, partner.local_port)
            self._move(partner, line)
        return line

    def _server_line(self, connection: Connection, owner: Owner) -> Line:
        partner = self._connections.partner(connection)
        client = self.owner(partner) if partner is not None else None
        listen = address_text(connection.local, connection.local_port)
        if partner is not None and client is not None:
            dialed = self.peers.name(client.id, CLIENT_SIDE, partner.remote, partner.remote_port)
            line = self._line((client.id, dialed), ip_text(partner.local), dialed, owner)
            line.client = client
            if partner.side >= 0 and partner.side // 2 != line.number:
                # Another group than before answers at this address, which shows only now.
                self._move(partner, line)
        elif (before := self.line_of(connection)) is not None and before.client is not None:
            # Its initiator was known and is gone: it closed before this end was accepted, or given to another process.
            line = self._line((before.client.id, before.dialed), before.client_address, before.dialed, owner)
            line.client = before.client
        else:
            peer = self.peers.name(owner.id, SERVER_SIDE, connection.remote, None)
            if not connection.redirected_from:
                listener = self._connections.listener_of(connection)
                tgid = connection.tgid or (listener.tgid if listener is not None else 0)
                connection.redirected_from = self._dialed_port(connection, tgid) or connection.local_port
            dialed = address_text(connection.local, connection.redirected_from)
            line = self._line((peer, dialed), peer, dialed, owner)
        line.listen = listen
        return line

    def _line(self, key: Key, client_address: str, dialed: str, server: Owner | None) -> Line:
        line = self._lines.get(key)
        if line is not None and server is not None and line.server is not None and line.server.id != server.id:
            key = (key[0], f"{key[1]} {server.id}")
            line = self._lines.get(key)
        if line is None:
            number = self._free.pop() if self._free else len(self._numbered)
            line = Line(number, key, edge_id(*key), client_address, dialed)
            self._lines[key] = line
            if number == len(self._numbered):
                self._numbered.append(line)
            else:
                self._numbered[number] = line
        if server is not None:
            line.server = server
        return line

    def _move(self, connection: Connection, line: Line) -> None:
        which = SERVER_SIDE if connection.role == SERVER else CLIENT_SIDE
        side = 2 * line.number + which
        if connection.side == side and connection.counted_as == connection.tgid:
            return
        if connection.left:
            connection.side = side
            return
        self.release(connection)
        connection.side, connection.counted_as = side, connection.tgid
        self.moved.append(connection)
        line.live += 1
        line.pids[which][connection.tgid] += 1

    def release(self, connection: Connection) -> None:
        """A connection leaves its edge."""
        line = self.line_of(connection)
        if line is None or connection.left:
            return
        which, tgid = connection.side % 2, connection.counted_as
        connection.side = -1
        line.live -= 1
        line.pids[which][tgid] -= 1
        if not line.pids[which][tgid]:
            del line.pids[which][tgid]
            line.left[which][tgid] = self.tick

    def leave(self, connection: Connection) -> None:
        """A connection closed; late news of it still go to its side."""
        side = connection.side
        self.release(connection)
        connection.side, connection.left = side, True

    def line_of(self, connection: Connection) -> Line | None:
        """The edge that a connection belongs to."""
        return self._numbered[connection.side // 2] if connection.side >= 0 else None

    def retire(self, line: Line) -> None:
        """An edge that nothing is left of: no connection, and nobody who would still ask for its numbers."""
        del self._lines[line.key]
        self._numbered[line.number] = None
        self._free.append(line.number)
        if line.key[1] != OVERFLOW_PEER:
            if line.client is not None:
                self.peers.forget(line.client.id, CLIENT_SIDE, line.dialed)
            elif line.server is not None:
                self.peers.forget(line.server.id, SERVER_SIDE, line.key[0])
