"""Connections as processes use them: roles, the two ends of one connection on this host, listeners.

Law: the initiator's address and port name a connection at both of its ends, whatever REDIRECT or DNAT did to the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Any

CLIENT, SERVER, LISTENER, OVERFLOW = 1, 2, 3, 4
ROLES = {"ROLE_CLIENT": CLIENT, "ROLE_SERVER": SERVER, "ROLE_LISTENER": LISTENER, "ROLE_OVERFLOW": OVERFLOW}
OLDER, EXTRA, FAILED, ESTABLISHED, CLOSED, RESET_APP, RESET_KERNEL, RESET_PEER = 1, 2, 4, 8, 16, 32, 64, 128
FINISHED, ACCEPTED, LAYERED, FIN_SENT, TAKEN_OVER, RELEASED = 256, 512, 1024, 2048, 4096, 8192
FLAGS = {
    "CONNECTION_OLDER": OLDER,
    "CONNECTION_EXTRA": EXTRA,
    "CONNECTION_FAILED": FAILED,
    "CONNECTION_ESTABLISHED": ESTABLISHED,
    "CONNECTION_CLOSED": CLOSED,
    "CONNECTION_RESET_APP": RESET_APP,
    "CONNECTION_RESET_KERNEL": RESET_KERNEL,
    "CONNECTION_RESET_PEER": RESET_PEER,
    "CONNECTION_FINISHED": FINISHED,
    "CONNECTION_ACCEPTED": ACCEPTED,
    "CONNECTION_LAYERED": LAYERED,
    "CONNECTION_FIN_SENT": FIN_SENT,
    "CONNECTION_TAKEN_OVER": TAKEN_OVER,
    "CONNECTION_RELEASED": RELEASED,
}
"""enum role and enum connection_flag of records.h, compared with the object's BTF when it is loaded."""

_V4 = b"\0" * 10 + b"\xff\xff"
_ANY = (b"\0" * 16, _V4 + b"\0" * 4)
_LOOPBACK6 = b"\0" * 15 + b"\1"
INIT = 1


@lru_cache(4096)
def ip_text(address: bytes) -> str:
    """An address; IPv4-mapped as IPv4."""
    if address[:12] == _V4:
        return "{}.{}.{}.{}".format(*address[12:])
    return str(IPv6Address(address))


@lru_cache(4096)
def address_text(address: bytes, port: int) -> str:
    """`ip:port`, IPv6 in brackets."""
    text = ip_text(address)
    return f"[{text}]:{port}" if ":" in text else f"{text}:{port}"


def is_loopback(address: bytes) -> bool:
    """Whether an address means another host in each network namespace."""
    return address == _LOOPBACK6 or (address[:12] == _V4 and address[12] == 127)


@dataclass(frozen=True, slots=True)
class Owner:
    """The process group behind one end."""

    id: str
    name: str
    service: str | None = None
    instance: str | None = None
    container: str | None = None
    cgroup: str | None = None
    own: bool = False
    layer: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Connection:
    """One connection as one process uses it. tgid 0: accepted, used by no process yet."""

    index: int
    generation: int
    tgid: int
    role: int
    local: bytes
    local_port: int
    remote: bytes
    remote_port: int
    netns: int
    flags: int
    sk: int = 0
    peer: tuple[int, int] | None = None
    cgroup: int = 0
    comm: str = ""
    owner: Owner | None = None
    side: int = -1
    counted_as: int = 0
    opening_booked: bool = False
    left: bool = False  # closed; its side is still the one that late news of it goes to
    redirected_from: int = 0

    @property
    def initiator(self) -> tuple[bytes, int, int]:
        """Address and port of the end that opened it, and the network namespace where the address is loopback."""
        address, port = (self.local, self.local_port) if self.role == CLIENT else (self.remote, self.remote_port)
        return address, port, self.netns if is_loopback(address) else 0


def _likeness(one: Connection, other: Connection) -> int:
    """How well two ends fit: the address, the ports, the namespace. REDIRECT changes the first two or the second."""
    client, server = (one, other) if one.role == CLIENT else (other, one)
    mirrored = server.local_port == client.remote_port
    return 4 * (client.remote == server.local) + 2 * mirrored + (client.netns == server.netns)


class Connections:
    """All connections that are open, and those that closed in the last tick."""

    def __init__(self) -> None:
        self.live: dict[int, Connection] = {}
        self.listeners: dict[int, Connection] = {}
        self._named: dict[tuple[int, int], Connection] = {}
        self._by_initiator: dict[tuple[bytes, int, int], list[Connection]] = {}
        self._by_port: dict[tuple[int, int], list[Connection]] = {}
        self._leaving: list[Connection] = []
        self._left: list[Connection] = []

    def get(self, index: int, generation: int) -> Connection | None:
        """The connection that (slot, generation) names, if it is known."""
        return self._named.get((index, generation))

    def learn(self, connection: Connection, ended: bool = False) -> Connection:
        """Takes in a connection that is new, or that a process has claimed; returns the one to go on with.

        `ended`: it is over already, and its slot may be another's by now.
        """
        known = self._named.get((connection.index, connection.generation))
        if known is not None:
            known.tgid, known.cgroup, known.comm = connection.tgid, connection.cgroup, connection.comm
            known.flags |= connection.flags
            known.owner = None
            return known
        self._named[connection.index, connection.generation] = connection
        if not ended:
            self.live[connection.index] = connection
        if connection.role == LISTENER:
            if not ended:
                self.listeners[connection.index] = connection
            self._by_port.setdefault((connection.netns, connection.local_port), []).append(connection)
        elif connection.role in (CLIENT, SERVER):
            self._by_initiator.setdefault(connection.initiator, []).append(connection)
        return connection

    def readdress(self, connection: Connection, local: bytes, port: int) -> None:
        """The initiator's own address, which it gets only while it connects."""
        self._unlist(connection)
        connection.local, connection.local_port = local, port
        self._by_initiator.setdefault(connection.initiator, []).append(connection)

    def correct_role(self, connection: Connection) -> None:
        """An older connection that looks like a client's but whose port is listened on: its listener's limit was 0."""
        if (
            connection.role == CLIENT
            and connection.flags & OLDER
            and any(map(self._listens, self.listeners_at(connection)))
        ):
            self._unlist(connection)
            connection.role = SERVER
            self._by_initiator.setdefault(connection.initiator, []).append(connection)

    def listeners_at(self, connection: Connection) -> Iterator[Connection]:
        """The listeners that a connection may have come in by, also those that closed in the last tick."""
        for listener in self._by_port.get((connection.netns, connection.local_port), ()):
            if listener.local == connection.local or listener.local in _ANY:
                yield listener

    def listener_of(self, connection: Connection) -> Connection | None:
        """Whose listener accepted it, for one that no process has used yet. Not init's, which holds those of others."""
        found = None
        # A closed one only where no other listens: the connection may have ended in the same moment as it.
        for listener in sorted(self.listeners_at(connection), key=self._listens, reverse=True):
            if found is None or (
                self._listens(listener) == self._listens(found)
                and (found.tgid == INIT or (listener.tgid != INIT and listener.local == connection.local))
            ):
                found = listener
        return found

    def _listens(self, listener: Connection) -> bool:
        return self.listeners.get(listener.index) is listener

    def partner(self, connection: Connection) -> Connection | None:
        """The other end if it is on this host: as the kernel paired it, else by the initiator's address.

        One address and port may be the initiator's of several connections that go to different places, for example an
        application's and its sidecar's. An end that is another's, or fits another better, is not taken.
        """
        if connection.peer is not None:
            paired = self._named.get(connection.peer)
            if paired is not None:
                return paired
        ends = self._by_initiator.get(connection.initiator, ())
        rivals = [rival for rival in ends if rival.role == connection.role and rival.sk != connection.sk]
        found, best = None, -1
        for other in ends:
            if (
                other.role not in (CLIENT, SERVER)
                or other.role == connection.role
                or self._is_anothers(other, connection)
            ):
                continue
            likeness = _likeness(connection, other)
            if likeness >= best and not any(_likeness(rival, other) > likeness for rival in rivals):
                found, best = other, likeness
        return found

    def _is_anothers(self, other: Connection, connection: Connection) -> bool:
        paired = self._named.get(other.peer) if other.peer is not None else None
        return paired is not None and paired.sk != connection.sk

    def sharing(self, connection: Connection) -> list[Connection]:
        """All users of the same socket, this one among them."""
        ends = self._by_initiator.get(connection.initiator, ())
        return [other for other in ends if other.sk == connection.sk and other.role == connection.role]

    def leave(self, connection: Connection) -> None:
        """It closed; its other end may still ask for it until the tick after this one."""
        if self.live.get(connection.index) is connection:
            del self.live[connection.index]
        if self.listeners.get(connection.index) is connection:
            del self.listeners[connection.index]
        self._leaving.append(connection)

    def opened_by(self) -> Mapping[tuple[bytes, int, int], list[Connection]]:
        """The known ends by who opened the connection: address, port, namespace of a loopback address."""
        return self._by_initiator

    def forget_left(self) -> list[Connection]:
        """Once a tick: drops those that closed before the last one, and returns them."""
        for connection in self._left:
            self._named.pop((connection.index, connection.generation), None)
            if connection.role == LISTENER:
                self._remove(self._by_port, (connection.netns, connection.local_port), connection)
            else:
                self._unlist(connection)
        gone, self._left, self._leaving = self._left, self._leaving, []
        return gone

    def _unlist(self, connection: Connection) -> None:
        self._remove(self._by_initiator, connection.initiator, connection)

    @staticmethod
    def _remove(table: dict[Any, list[Connection]], key: Any, connection: Connection) -> None:
        ends = table.get(key)
        if ends and connection in ends:
            ends.remove(connection)
            if not ends:
                del table[key]
