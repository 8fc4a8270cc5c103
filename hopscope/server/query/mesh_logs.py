"""What the tables hold of access logs in a window: SQL in, numbers by half out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from hopscope.server.analysis.entities import Name, name_of
from hopscope.server.analysis.mesh_ends import Ends, host_of
from hopscope.server.analysis.mesh_lines import Key, Line, Numbers, lines
from hopscope.server.analysis.mesh_proxies import place_of
from hopscope.server.query.reader import TOLD_SECONDS, Reader, Row
from hopscope.server.query.windows import Cut, Span
from hopscope.server.storage.tables.mesh import PARTS

MOST_HALVES, MOST_ADDRESSES, MOST_AT_ONCE = 100_000, 1500, 10_000
_SUMMED = ", ".join(
    [f"sumMap({name}) AS {name}" for name in ("answers", "connections")]
    + [f"sum({name}) AS {name}" for name in ("retries", "received", "sent")]
    + [f"sum({part}_{what}) AS {part}_{what}" for part in PARTS for what in ("count", "total")]
)
_HISTOGRAMS = ", ".join(f"sumMap({part}_histogram) AS {part}" for part in PARTS)


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

    def read(self, cut: Cut) -> Logs:
        """All of a window."""
        span, query = cut.span, self._reader.store.query
        numbers = self._numbers(cut)
        halves = query(f"SELECT * FROM mesh_half FINAL WHERE id IN (SELECT half FROM {cut.rows('mesh')})")
        active = {half["proxy"] for half in halves}
        proxies = self._proxies(span, active)
        return Logs(
            span,
            halves,
            numbers,
            proxies,
            active,
            sorted({row["instance"] for row in proxies.values() if row["id"] not in active}),
            self._processes(_unknown(halves, proxies.values())),
            self._firsts({row["service"] for row in proxies.values()}),
        )

    def _numbers(self, cut: Cut) -> dict[int, Numbers]:
        rows = self._reader.store.query(
            f"SELECT half, {_SUMMED} FROM {cut.rows('mesh')} GROUP BY half LIMIT {MOST_HALVES + 1}"
        )
        if len(rows) > MOST_HALVES:
            raise ValueError(f"more than {MOST_HALVES} pairs of pods; a shorter window")
        return {row["half"]: Numbers.of(row) for row in rows}

    def fill(self, cut: Cut, sides: Sequence[Numbers]) -> None:
        """Gives sides of lines their histograms, which the store adds up: there are many more halves than lines."""
        owners = [(half, number) for number, side in enumerate(sides, 1) for half in side.halves]
        for start in range(0, len(owners), MOST_AT_ONCE):
            some = owners[start : start + MOST_AT_ONCE]
            for row in self._reader.store.query(
                f"SELECT transform(half, {{halves:Array(UInt64)}}, {{sides:Array(UInt64)}}, toUInt64(0)) AS side,"
                f" {_HISTOGRAMS} FROM {cut.rows('mesh', 'half IN {halves:Array(UInt64)}')} GROUP BY side",
                halves=[half for half, _ in some],
                sides=[number for _, number in some],
            ):
                for name, part in sides[row["side"] - 1].parts.items():
                    part.add({int(index): held for index, held in row[name].items()})

    def _proxies(self, span: Span, active: Iterable[int]) -> dict[int, Row]:
        rows = self._reader.store.query(
            "SELECT *, toUnixTimestamp(last) AS seen_at FROM mesh_proxy FINAL"
            " WHERE last >= toDateTime({start:UInt32}) OR id IN {active:Array(UInt64)} ORDER BY last DESC",
            start=max(0, span.start - TOLD_SECONDS),
            active=sorted(active),
        )
        return {row["id"]: row for row in rows}

    def _firsts(self, services: set[str]) -> dict[str, int]:
        ids = {place_of(service): service for service in services}
        return {ids[place]: first for place, first in self._reader.first(ids).items()}

    def seen(self, cut: Cut) -> Seen:
        """What receivers took in in a window."""
        (sums,) = self._reader.store.query(
            f"SELECT sum(entries) AS entries, sumMap(amounts) AS amounts FROM {cut.rows('mesh_seen')}"
        )
        last = self._reader.store.query(
            "SELECT toUnixTimestamp(max(ts)) AS last FROM mesh_seen_1s"
            " WHERE entries > 0 AND ts < toDateTime({end:UInt32})",
            end=cut.span.end,
        )
        return Seen(sums["entries"], self._listened(cut), last[0]["last"] if last else 0, sums["amounts"])

    def _listened(self, cut: Cut) -> float:
        """Seconds in which some receiver listened."""
        # Of several in one row's time nobody knows whether it was at the same time; after one another is as long as it
        # can have been.
        pieces = " UNION ALL ".join(
            f"SELECT greatest(max(each), least(sum(each), {resolution.seconds})) AS most"
            f" FROM (SELECT ts, sum(seconds) AS each FROM {Cut.one(resolution, span).rows('mesh_seen')}"
            " GROUP BY ts, receiver) GROUP BY ts"
            for resolution, span in cut.pieces
        )
        (row,) = self._reader.store.query(f"SELECT sum(most) AS seconds FROM ({pieces})")
        return float(row["seconds"])

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
        hosts = self._reader.hosts()
        return {
            address: name_of(row, hosts)
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
