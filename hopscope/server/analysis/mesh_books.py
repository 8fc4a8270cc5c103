"""The books of a receiver of access logs: entries are added up until somebody takes the sum. Pure; not thread-safe.

Law: every entry of a request that is over is counted exactly once, in the second in which it ended. What there is too
much of loses its detail, not its count, and how often that happened is counted too.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from struct import Struct
from struct import error as StructError

from hopscope.server.analysis.mesh_entries import (
    LONGEST_NS,
    Half,
    answer,
    caller,
    counts,
    ended_ns,
    flags,
    grpc_status,
    halves,
    lasted_ns,
    moments,
    protocol,
)
from hopscope.server.analysis.mesh_proxies import Proxy, number
from hopscope.wire.envoy.v3 import accesslog_pb2 as envoy

MOST_HELD = 50_000
"""Sums and requests whose times wait to be taken: about 15 MB."""
MOST_PROXIES = 10_000
EXACT, FOLDED, ALL = 1024, 2048, 200_000
"""Halves of a proxy's side in an hour that keep their addresses, that keep their networks, and of all proxies."""
ANSWERS = 64
"""Different answers of a half in a second."""
EARLIEST, LATEST = 3600, 600
"""Seconds around now in which an entry may have ended; else a clock is wrong, and it counts now."""
MOST = 1 << 56
"""Bytes of a half in a second: what says that there were more is not believed, and would not fit a table's sum."""
_CACHED = 4096
_SECOND = 1_000_000_000
# A row of Taken.noted.
_NOTE = Struct("=8q").pack


class TooMany(ValueError):
    """More proxies than a receiver keeps books for."""


@dataclass(slots=True)
class Sum:
    """What ended in one second of one half. `row`: its place among the sums."""

    answers: Counter[str] = field(default_factory=Counter)
    connections: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    received: int = 0
    sent: int = 0
    row: int = 0


@dataclass(slots=True)
class Kept:
    """A half and its sums by second."""

    id: int
    half: Half
    sums: dict[int, Sum] = field(default_factory=dict)


@dataclass(slots=True)
class Reporter:
    """A proxy whose entries come. `cache`: halves by the bytes that name them."""

    proxy: Proxy
    principal: str = ""
    told: bool = False
    halves: dict[Half, Kept] = field(default_factory=dict)
    fresh: list[Kept] = field(default_factory=list)
    used: Counter[str] = field(default_factory=Counter)
    cache: OrderedDict[tuple[object, ...], tuple[Kept, ...]] = field(default_factory=OrderedDict)


@dataclass(frozen=True, slots=True)
class Taken:
    """What the books held: proxies and halves that are new, sums by half's id and second. `noted`: for each request
    whose times are known the row of its sum and its `moments`, as integers of 64 bits."""

    proxies: tuple[Reporter, ...]
    halves: tuple[tuple[int, Kept], ...]
    sums: tuple[tuple[int, int, Sum], ...]
    noted: bytes
    entries: int
    amounts: dict[str, int]


class Books:
    """See the module. Times are Unix times in whole seconds."""

    def __init__(self) -> None:
        self._reporters: dict[int, Reporter] = {}
        self._sums: list[tuple[Kept, int, Sum]] = []
        self._noted = bytearray()
        self._hour = 0
        self._halves = 0
        self._entries = 0
        self.held = 0
        self.amounts: Counter[str] = Counter()

    def reporter(self, proxy: Proxy) -> Reporter:
        """The books of a proxy. Raises TooMany."""
        found = self._reporters.get(proxy.id)
        if found is None or found.proxy != proxy:
            if len(self._reporters) >= MOST_PROXIES:
                self.amounts["refused_proxies"] += 1
                raise TooMany(f"more than {MOST_PROXIES} proxies report here")
            found = self._reporters[proxy.id] = Reporter(proxy)
        return found

    def add(self, proxy: Proxy, message: envoy.StreamAccessLogsMessage, now: int) -> None:
        """Counts the entries of a message. Raises TooMany, and DecodeError for an entry that is none; those before it
        are counted."""
        reporter = self.reporter(proxy)
        for request in message.http_logs.log_entry:
            common = request.common_properties
            if counts(common):
                self._request(reporter, request, common, now)
        for connection in message.tcp_logs.log_entry:
            common = connection.common_properties
            if counts(common):
                self._connection(reporter, connection, common, now)

    def _request(
        self, reporter: Reporter, entry: envoy.HTTPAccessLogEntry, common: envoy.AccessLogCommon, now: int
    ) -> None:
        response, request, version = entry.response, entry.request, entry.protocol_version
        grpc = grpc_status(entry) if version >= 3 else None
        label = answer(response.response_code.value, grpc, flags(common.response_flags))
        noted = moments(common)
        second = self._second(ended_ns(common, noted[0]), now)
        received = request.request_headers_bytes + request.request_body_bytes
        sent = response.response_headers_bytes + response.response_body_bytes
        again = common.upstream_request_attempt_count - 1
        for kept in self._of(reporter, common, version, protocol(version, grpc)):
            held = kept.sums.get(second) or self._sum(kept, second)
            if label not in held.answers and len(held.answers) >= ANSWERS:
                self.amounts["entries_with_folded_answers"] += 1
                label = answer(response.response_code.value // 100 * 100, None, "")
            held.answers[label] += 1
            held.received += received
            held.sent += sent
            # A gateway's entry is of two lines; its attempts were made on the second one.
            if again > 0 and kept.half.side == "client":
                held.retries += again
            if noted[0] > 0:
                self._note(held.row, noted)
        self._entries += 1

    def _connection(
        self, reporter: Reporter, entry: envoy.TCPAccessLogEntry, common: envoy.AccessLogCommon, now: int
    ) -> None:
        moved = entry.connection_properties
        second = self._second(ended_ns(common, lasted_ns(common)), now)
        raised = flags(common.response_flags)
        for kept in self._of(reporter, common, 0, "tcp"):
            held = self._sum(kept, second)
            held.connections[raised if raised in held.connections or len(held.connections) < ANSWERS else ""] += 1
            held.received += moved.received_bytes
            held.sent += moved.sent_bytes
        self._entries += 1

    def _note(self, row: int, noted: tuple[int, ...]) -> None:
        try:
            self._noted += _NOTE(row, *noted)
        except StructError:
            self._noted += _NOTE(row, *(min(max(ns, 0), LONGEST_NS) for ns in noted))
        self.held += 1

    def _second(self, ended: int, now: int) -> int:
        second = ended // _SECOND
        if now - EARLIEST <= second <= now + LATEST:
            return second
        self.amounts["entries_out_of_time"] += 1
        return now

    def _sum(self, kept: Kept, second: int) -> Sum:
        held = kept.sums.get(second)
        if held is None:
            held = kept.sums[second] = Sum(row=len(self._sums))
            self._sums.append((kept, second, held))
            self.held += 1
        return held

    def _of(self, reporter: Reporter, common: envoy.AccessLogCommon, version: int, spoken: str) -> tuple[Kept, ...]:
        key = (
            common.upstream_cluster, common.upstream_remote_address, caller(common), common.downstream_local_address,
            common.tls_properties, version, spoken,
        )  # fmt: skip
        found = reporter.cache.get(key)
        if found is None:
            views, principal = halves(common, spoken, reporter.proxy.kind, reporter.proxy.addresses)
            if principal and principal != reporter.principal:
                reporter.principal, reporter.told = principal, False
            found = tuple(self._kept(reporter, half) for half in views)
            if len(reporter.cache) >= _CACHED:
                reporter.cache.popitem(last=False)
            reporter.cache[key] = found
        return found

    def _kept(self, reporter: Reporter, half: Half) -> Kept:
        used = reporter.used[half.side]
        if half not in reporter.halves and (used >= EXACT or self._halves >= ALL):
            self.amounts["folded_peers"] += 1
            half = _networks(half) if used < FOLDED and self._halves < ALL else _anybody(half)
        kept = reporter.halves.get(half)
        if kept is None:
            kept = Kept(number("half", str(reporter.proxy.id), *half), half)
            reporter.halves[half] = kept
            reporter.fresh.append(kept)
            reporter.used[half.side] += 1
            self._halves += 1
        return kept

    def take(self, now: int) -> Taken:
        """All that came since the last time; the books are empty then."""
        reporters = self._reporters.values()
        proxies = tuple(reporter for reporter in reporters if not reporter.told)
        fresh = tuple((reporter.proxy.id, kept) for reporter in reporters for kept in reporter.fresh)
        sums = tuple((kept.id, second, held) for kept, second, held in self._sums)
        taken = Taken(proxies, fresh, sums, bytes(self._noted), self._entries, dict(self.amounts))
        for kept, _, _ in self._sums:
            kept.sums = {}
        for reporter in reporters:
            reporter.told, reporter.fresh = True, []
        self._sums, self._noted = [], bytearray()
        self.held = self._entries = 0
        self.amounts.clear()
        if now // 3600 != self._hour:
            if self._hour:
                # Everything is told again once an hour, and who has gone makes room for others.
                self._reporters, self._halves = {}, 0
            self._hour = now // 3600
        return taken


def _folded(half: Half, fold: Callable[[str], str]) -> Half:
    ends = {"client": half.client, "server": half.server}
    other = "server" if half.side == "client" else "client"
    return half._replace(**{other: fold(ends[other])}, principal="")


def _networks(half: Half) -> Half:
    return _folded(half, _network)


def _anybody(half: Half) -> Half:
    return _folded(half, lambda _: "*")._replace(cluster="*" if half.cluster else "")


def _network(end: str) -> str:
    # `10.1.2.3`, `10.1.2.3:80`, `fd00::1`, `[fd00::1]:80`
    address = end[1:].partition("]")[0] if end.startswith("[") else end
    address = address.partition(":")[0] if address.count(":") == 1 else address
    try:
        wide = 24 if ip_address(address).version == 4 else 64
    except ValueError:
        return "*"
    return str(ip_network(f"{address}/{wide}", strict=False))
