"""From connections to edges: who opened what to whom, and what each side moved in a window. Pure: no clock, no kernel.

Law: a connection belongs to exactly one edge at a time; what it moves is booked on its own side of that edge.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from hopscope.edges.histogram import BUCKETS, index_of

CLIENT, SERVER, LISTENER, OVERFLOW = 1, 2, 3, 4
OLDER, EXTRA, FAILED, ESTABLISHED, CLOSED, RESET_APP, RESET_KERNEL, RESET_PEER = 1, 2, 4, 8, 16, 32, 64, 128
"""enum role and enum connection_flag of records.h; checked against the object's BTF when it is loaded."""

_CAUSES = {0: "aborted", 104: "reset", 110: "timed out", 111: "refused", 101: "unreachable", 113: "unreachable"}
_RESETS = {RESET_APP: "local application", RESET_KERNEL: "local kernel", RESET_PEER: "peer"}
_SUMMED = (
    "segments_out",
    "retransmitted",
    "lost",
    "out_of_order",
    "busy",
    "rwnd_limited",
    "sndbuf_limited",
    "zero_window_probes",
)


def address_text(address: bytes, port: int) -> str:
    """`ip:port`, IPv6 in brackets, IPv4-mapped as IPv4."""
    ip = IPv6Address(address)
    return f"{ip.ipv4_mapped}:{port}" if ip.ipv4_mapped else f"[{ip}]:{port}"


def ip_text(address: bytes) -> str:
    """The address alone."""
    ip = IPv6Address(address)
    return str(ip.ipv4_mapped or ip)


@dataclass(frozen=True, slots=True)
class Owner:
    """The process group behind one end."""

    id: str
    name: str
    service: str | None = None
    instance: str | None = None
    container: str | None = None
    own: bool = False
    cgroup: str | None = None


@dataclass(slots=True)
class Connection:
    """One connection as one process uses it."""

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
    peer: tuple[int, int] | None = None
    owner: Owner | None = None
    side: Side | None = None
    truths: dict[str, int] = field(default_factory=dict)
    spliced: int = 0
    protocol: int = 0
    sni: str | None = None
    alpn: tuple[str, ...] = ()
    counted_open: bool = False

    @property
    def initiator(self) -> tuple[bytes, int]:
        """Address and port of the end that opened it: the one thing no REDIRECT changes."""
        return (self.local, self.local_port) if self.role == CLIENT else (self.remote, self.remote_port)


class Timing:
    """Sum, number and histogram of durations in ns."""

    __slots__ = ("buckets", "ns", "timed")

    def __init__(self) -> None:
        self.timed = self.ns = 0
        self.buckets = [0] * BUCKETS

    def add(self, ns: int) -> None:
        """Books one duration."""
        self.timed += 1
        self.ns += ns
        self.buckets[index_of(ns)] += 1


@dataclass(slots=True)
class Side:
    """What one side of an edge moved in the current window."""

    edge: EdgeBook
    role: int
    pids: set[int] = field(default_factory=set)
    write_calls: int = 0
    write_bytes: int = 0
    read_calls: int = 0
    read_bytes: int = 0
    opened: int = 0
    closed: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    resets: Counter[str] = field(default_factory=Counter)
    drops: Counter[str] = field(default_factory=Counter)
    retransmitted: int = 0
    retransmitted_bytes: int = 0
    sums: Counter[str] = field(default_factory=Counter)
    timings: dict[str, Timing] = field(default_factory=dict)
    gauges: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # sum, number, minimum
    seen: bool = False

    def timing(self, name: str) -> Timing:
        """The durations of one metric."""
        return self.timings.setdefault(name, Timing())


@dataclass(slots=True)
class EdgeBook:
    """An edge's key, its ends and its two sides. Ends are learned; the key never changes."""

    client_key: str
    server_key: str
    port: int
    client: Owner | None = None
    server: Owner | None = None
    client_address: str = ""
    dialed: str = ""
    listen: str | None = None
    protocol: int = 0
    tls: bool = False
    sni: set[str] = field(default_factory=set)
    alpn: set[str] = field(default_factory=set)
    sides: dict[int, Side] = field(default_factory=dict)

    def side(self, role: int) -> Side:
        """The client's or the server's side."""
        if role not in self.sides:
            self.sides[role] = Side(self, role)
        return self.sides[role]


class Ledger:
    """All live connections and the edges they belong to."""

    def __init__(
        self, owner_of: Callable[[Connection], Owner | None], cause: Callable[[int], str] | None = None
    ) -> None:
        self._owner_of = owner_of
        self._cause = cause or (lambda error: _CAUSES.get(error, f"errno {error}"))
        self.live: dict[int, Connection] = {}
        self.edges: dict[tuple[str, str, int], EdgeBook] = {}
        self.listeners: dict[int, Connection] = {}
        self._by_initiator: dict[tuple[bytes, int], list[Connection]] = {}
        self._recent: dict[tuple[int, int], Connection] = {}
        self._leaving: list[Connection] = []
        self._left: list[Connection] = []

    def learn(self, connection: Connection) -> None:
        """A connection seen for the first time, or one that a process claimed. Book it with `settle`."""
        known = self._recent.get((connection.index, connection.generation))
        if known is not None:
            known.tgid, known.flags, known.role = connection.tgid, known.flags | connection.flags, connection.role
            known.owner = None
            self.live[connection.index] = known
            return
        self._recent[connection.index, connection.generation] = connection
        self.live[connection.index] = connection
        if connection.role == LISTENER:
            self.listeners[connection.index] = connection
        elif connection.role in (CLIENT, SERVER):
            self._by_initiator.setdefault(connection.initiator, []).append(connection)

    def readdress(self, connection: Connection, local: bytes, port: int) -> None:
        """The initiator's own address, which it gets only while it connects."""
        self._unlist(connection)
        connection.local, connection.local_port = local, port
        self._by_initiator.setdefault(connection.initiator, []).append(connection)

    def _unlist(self, connection: Connection) -> None:
        ends = self._by_initiator.get(connection.initiator)
        if ends and connection in ends:
            ends.remove(connection)
            if not ends:
                del self._by_initiator[connection.initiator]

    def listener_owner(self, connection: Connection) -> Owner | None:
        """Whose listener accepted it: for a connection that no process has used yet."""
        for listener in self.listeners.values():
            if listener.netns == connection.netns and listener.local_port == connection.local_port:
                return listener.owner or self._owner_of(listener)
        return None

    def partner(self, connection: Connection) -> Connection | None:
        """The other end, when it is on this host: as the kernel paired it, else by the initiator's address."""
        if connection.peer and connection.peer in self._recent:
            return self._recent[connection.peer]
        wanted = SERVER if connection.role == CLIENT else CLIENT
        loopback = ip_text(connection.initiator[0]).startswith("127.") or connection.initiator[0] == b"\0" * 15 + b"\1"
        for other in self._by_initiator.get(connection.initiator, ()):
            if other.role == wanted and (not loopback or other.netns == connection.netns):
                return other
        return None

    def settle(self, connection: Connection) -> Side | None:
        """The side that this connection's numbers go to now; None while its process is not known."""
        if connection.owner is None:
            connection.owner = self._owner_of(connection) if connection.tgid else self.listener_owner(connection)
        owner = connection.owner
        if owner is None or connection.role not in (CLIENT, SERVER, OVERFLOW):
            return None
        other = self.partner(connection) if connection.role != OVERFLOW else None
        if other is not None and other.owner is None:
            other.owner = self._owner_of(other) if other.tgid else self.listener_owner(other)
        book = self._book(connection, owner, other)
        side = book.side(SERVER if connection.role == SERVER else CLIENT)
        if connection.tgid:
            side.pids.add(connection.tgid)
        self._learn_labels(book, connection)
        connection.side = side
        return side

    def _book(self, connection: Connection, owner: Owner, other: Connection | None) -> EdgeBook:
        remote = address_text(connection.remote, connection.remote_port)
        local = address_text(connection.local, connection.local_port)
        peer = other.owner if other else None
        if connection.role == OVERFLOW:
            key = owner.id, "overflow", 0
        elif connection.role == CLIENT:
            key = owner.id, peer.id if peer else remote, connection.remote_port
        else:
            port = other.remote_port if other else connection.local_port
            key = peer.id if peer else ip_text(connection.remote), owner.id, port
        book = self.edges.get(key)
        if book is None:
            book = self.edges[key] = EdgeBook(*key)
        if connection.role == SERVER:
            book.server, book.listen = owner, local
            book.client = book.client or peer
            book.client_address = book.client_address or ip_text(connection.remote)
            book.dialed = book.dialed or (address_text(other.remote, other.remote_port) if other else local)
        else:
            book.client, book.server = owner, book.server or peer
            book.client_address = ip_text(connection.local)
            book.dialed = remote if connection.role == CLIENT else "connections without a slot of their own"
        return book

    @staticmethod
    def _learn_labels(book: EdgeBook, connection: Connection) -> None:
        book.protocol = connection.protocol or book.protocol
        if connection.sni:
            book.sni.add(connection.sni)
        book.alpn.update(connection.alpn)

    def close(self, connection: Connection, error: int, times: dict[str, int]) -> None:
        """Books the end of a connection. `times` holds connect_ns, accept_ns, accept_queue_ns, close_ns, 0: none."""
        side = self.settle(connection)
        if side is not None and not connection.flags & EXTRA and connection.role != OVERFLOW:
            side.seen = True
            self.book_open(connection, side, times)
            if connection.flags & FAILED:
                side.failed[self._cause(error)] += 1
            elif connection.flags & (CLOSED | ESTABLISHED):
                side.closed += 1
                if connection.flags & CLOSED:
                    side.timing("close").add(times.get("close_ns", 0))
            for flag, sender in _RESETS.items():
                if connection.flags & flag and not connection.flags & FAILED:
                    side.resets[sender] += 1
        self._leaving.append(connection)

    def forget_left(self) -> None:
        """Once a tick: drops the connections that closed before the last one; their other end may ask for them."""
        for connection in self._left:
            self.forget(connection)
        self._left, self._leaving = self._leaving, []

    def book_open(self, connection: Connection, side: Side, times: dict[str, int]) -> None:
        """Books the opening, once, when it was seen."""
        if connection.counted_open or connection.flags & (OLDER | EXTRA) or not connection.flags & ESTABLISHED:
            return
        connection.counted_open = True
        side.opened += 1
        side.seen = True
        if connection.role == CLIENT:
            side.timing("connect").add(times.get("connect_ns", 0))
        else:
            side.timing("accept").add(times.get("accept_ns", 0))

    def forget(self, connection: Connection) -> None:
        """Drops a connection that is gone."""
        self._recent.pop((connection.index, connection.generation), None)
        if self.live.get(connection.index) is connection:
            del self.live[connection.index]
        self.listeners.pop(connection.index, None)
        self._unlist(connection)

    def get(self, index: int, generation: int) -> Connection | None:
        """The connection that (slot, generation) names, when it is known."""
        return self._recent.get((index, generation))

    def book_truths(self, connection: Connection, truths: dict[str, int]) -> None:
        """Books what grew in a connection's TCP truths; gauges count once a window for each connection."""
        side = connection.side
        if side is None:
            return
        for name in _SUMMED:
            grown = (truths[name] - connection.truths.get(name, 0)) % (1 << 32)
            side.sums[name] += grown
        side.retransmitted += (truths["retransmitted"] - connection.truths.get("retransmitted", 0)) % (1 << 32)
        last = connection.truths.get("retransmitted_bytes", 0)
        side.retransmitted_bytes += max(0, truths["retransmitted_bytes"] - last)
        for name in ("srtt_us", "rttvar_us", "min_rtt_us"):
            value = truths[name]
            if value and value != 0xFFFFFFFF:
                total, number, least = side.gauges.get(name, (0, 0, value))
                side.gauges[name] = total + value, number + 1, min(least, value)
        connection.truths = truths
        side.seen = True

    def take_window(self) -> list[EdgeBook]:
        """The edges of the window; their counters start anew, their identity stays."""
        books = [
            EdgeBook(
                b.client_key, b.server_key, b.port, b.client, b.server, b.client_address, b.dialed, b.listen,
                b.protocol, b.tls, set(b.sni), set(b.alpn), dict(b.sides),
            )
            for b in self.edges.values()
        ]  # fmt: skip
        for book in self.edges.values():
            fresh = {role: Side(book, role, set(side.pids)) for role, side in book.sides.items()}
            book.sides = fresh
        for connection in self.live.values():
            if connection.side is not None:
                connection.side = connection.side.edge.side(connection.side.role)
        return books
