"""What the tables hold of access logs in a window: SQL in, numbers by half out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from hopscope.server.analysis.entities import Name, name_of
from hopscope.server.analysis.mesh_ends import Ends, host_of
from hopscope.server.analysis.mesh_lines import Key, Line, Numbers, lines
from hopscope.server.analysis.mesh_proxies import place_of
from hopscope.server.query.reader import WITHIN, Reader, Row
from hopscope.server.query.windows import Span
from hopscope.server.storage.tables.kept import Resolution

MOST_ROWS, MOST_ADDRESSES = 500_000, 1500
_TOLD_SECONDS = 2 * 3600
"""A proxy that reports is told of at least once an hour."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What receivers took in: entries, seconds listened, when the last entry came, and what was not taken."""

    entries: int
    seconds: float
    last: int
    amounts: dict[str, float]


@dataclass(frozen=True, slots=True)
class Logs:
    """The access logs of a span. `active`: ids of the proxies that counted something; `silent`: instances of others."""

    span: Span
    halves: Sequence[Row]
    numbers: dict[int, Numbers]
    proxies: dict[int, Row]
    active: set[int]
    silent: list[str]
    seen: Seen
    processes: dict[str, Name]
    firsts: dict[str, int]

    def lines(self, key: Key) -> list[Line]:
        """Their lines; `key` says how far apart ends are told."""
        return lines(self.halves, self.numbers, self.proxies, self._ends(), key)

    def _ends(self) -> Ends:
        # An address goes on to another pod: those that report in the span come first.
        proxies = sorted(self.proxies.values(), key=lambda row: (row["id"] not in self.active, -row["seen_at"]))
        return Ends(proxies, self.processes)

    def namespace(self, name: Name) -> str:
        """The namespace of an end, "" where it is not known."""
        found = self._namespaces.get(name.service)
        return found if found is not None else _namespace(name)

    @property
    def _namespaces(self) -> dict[str, str]:
        return {row["service"]: row["namespace"] for row in self.proxies.values()}

    def first(self, service: str) -> float:
        """When a service's proxy was first seen, Unix time; what has none was seen last."""
        return self.firsts.get(service, float("inf"))


def _namespace(name: Name) -> str:
    service, mark, namespace = name.service.partition(".")
    return namespace if mark and service and "." not in namespace and ":" not in namespace else ""


class MeshLogs:
    """Reads them. Raises StoreError, and ValueError for more than can be read."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def read(self, resolution: Resolution, span: Span) -> Logs:
        """All of a span."""
        numbers = self._numbers(resolution, span)
        halves = self._query(
            f"SELECT * FROM mesh_half FINAL WHERE id IN (SELECT half FROM mesh_{resolution.step} WHERE {WITHIN})", span
        )
        active = {half["proxy"] for half in halves}
        proxies = self._proxies(span, active)
        return Logs(
            span,
            halves,
            numbers,
            proxies,
            active,
            sorted({row["instance"] for row in proxies.values() if row["id"] not in active}),
            self._seen(resolution, span),
            self._processes(_unknown(halves, proxies.values())),
            self._firsts({row["service"] for row in proxies.values()}),
        )

    def _query(self, sql: str, span: Span) -> Sequence[Row]:
        return self._reader.store.query(sql, start=span.start, end=span.end)

    def _numbers(self, resolution: Resolution, span: Span) -> dict[int, Numbers]:
        rows = self._query(
            "SELECT half, metric, label, sum(count) AS count, sum(total) AS total, sumMap(histogram) AS histogram"
            f" FROM mesh_{resolution.step} WHERE {WITHIN} GROUP BY half, metric, label LIMIT {MOST_ROWS + 1}",
            span,
        )
        if len(rows) > MOST_ROWS:
            raise ValueError("more halves than can be read at once; a shorter window")
        found: dict[int, Numbers] = defaultdict(Numbers)
        for row in rows:
            found[row["half"]].row(row)
        return found

    def _proxies(self, span: Span, active: Iterable[int]) -> dict[int, Row]:
        rows = self._reader.store.query(
            "SELECT *, toUnixTimestamp(last) AS seen_at FROM mesh_proxy FINAL"
            " WHERE last >= toDateTime({start:UInt32}) OR id IN {active:Array(UInt64)} ORDER BY last DESC",
            start=max(0, span.start - _TOLD_SECONDS),
            active=sorted(active),
        )
        return {row["id"]: row for row in rows}

    def _firsts(self, services: set[str]) -> dict[str, int]:
        ids = {place_of(service): service for service in services}
        rows = self._reader.store.query(
            "SELECT id, toUnixTimestamp(min(first)) AS first FROM place WHERE id IN {ids:Array(UInt64)} GROUP BY id",
            ids=sorted(ids),
        )
        return {ids[row["id"]]: row["first"] for row in rows}

    def _seen(self, resolution: Resolution, span: Span) -> Seen:
        rows = self._query(
            "SELECT receiver, sum(entries) AS entries, sum(seconds) AS seconds, sumMap(amounts) AS amounts"
            f" FROM mesh_seen_{resolution.step} WHERE {WITHIN} GROUP BY receiver",
            span,
        )
        last = self._query(
            "SELECT toUnixTimestamp(max(ts)) AS last FROM mesh_seen_1s"
            " WHERE entries > 0 AND ts < toDateTime({end:UInt32}) AND {start:UInt32} > 0",
            span,
        )
        amounts: dict[str, float] = defaultdict(float)
        for row in rows:
            for name, amount in row["amounts"].items():
                amounts[name] += amount
        return Seen(
            sum(row["entries"] for row in rows),
            max((row["seconds"] for row in rows), default=0.0),
            last[0]["last"] if last else 0,
            amounts,
        )

    def _processes(self, addresses: set[str]) -> dict[str, Name]:
        """The instance of the process at each address, as far as an agent saw one."""
        wanted = sorted(addresses)[:MOST_ADDRESSES]
        if not wanted:
            return {}
        edges = self._reader.store.query(
            "SELECT client_process, client_address, server_process, server_address FROM edge FINAL"
            " WHERE (client_process != 0 AND client_address IN splitByChar(',', {wanted:String}))"
            # What is redirected is accepted by somebody else than who was dialed.
            " OR (server_process != 0 AND server_listen IN ('', server_address)"
            " AND server_address IN splitByChar(',', {wanted:String}))"
            " LIMIT 20000",
            wanted=",".join(wanted),
        )
        found = {row["client_address"]: row["client_process"] for row in edges if row["client_process"]}
        found |= {row["server_address"]: row["server_process"] for row in edges if row["server_process"]}
        processes = self._reader.entities("process", sorted(set(found.values())))
        hosts = {row["id"]: row["host"] for row in self._reader.agents()}
        return {
            address: name_of(row, hosts.get(row["host"], ""))
            for address, number in found.items()
            if address in addresses
            for row in processes.get(number, [])[:1]
        }


def _unknown(halves: Iterable[Row], proxies: Iterable[Row]) -> set[str]:
    """Ends at which no proxy is: addresses of clients, ip:port of servers."""
    known = {address for row in proxies for address in row["addresses"]}
    found = set()
    for half in halves:
        end = half["client"] if half["side"] == "server" else half["server"]
        address = end if half["side"] == "server" else host_of(end)
        if address not in known and _is_address(address):
            found.add(end)
    return found


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
