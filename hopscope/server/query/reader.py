"""What several questions read from the tables: SQL in, plain rows out."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from hopscope.server.analysis.entities import Name, host_name, name_of
from hopscope.server.analysis.missing import UNDER_WAY, missing
from hopscope.server.analysis.words import Logged, Pair, open_pairs
from hopscope.server.query.remembered import Remembered
from hopscope.server.query.seen_sums import Seen, SeenSums
from hopscope.server.query.windows import Cut, Span, text
from hopscope.server.storage.store import Store
from hopscope.server.storage.tables.kept import Retention

MOST_GAPS, MOST_LOGGED = 100, 1000
GONE_SECONDS = 3600
TOLD_SECONDS = 2 * 3600
"""Halves of access logs, and proxies that report, are told of at least once an hour."""
MERGED = (
    "sum(count) AS count, sum(bytes) AS bytes, sum(total) AS total, min(least) AS least, max(most) AS most, "
    "max(last) AS last, sumMap(histogram) AS histogram"
)
MOMENTS = "toUnixTimestamp(last) AS last_second, toUnixTimestamp(started) AS started_second"
"""Moments of a process, Unix seconds."""
Row = Mapping[str, Any]


_NOTHING = Seen()


class Reader:
    """Reads a store. `retention`: how long rows are kept. Each method raises StoreError."""

    def __init__(self, store: Store, retention: Retention) -> None:
        self.store = store
        self.retention = retention
        self.remembered = Remembered(store)
        self._seen = SeenSums(store)

    def busiest(self, cut: Cut, which: str, limit: int, **parameters: Any) -> tuple[list[int], int]:
        """The lines that meet a condition and moved the most bytes in a window, and how many meet it."""
        found = self.store.query(
            f"SELECT line, sum(m.bytes) AS moved, count() OVER () AS lines FROM {cut.rows('metric', which)} AS m"
            " GROUP BY line ORDER BY moved DESC, line LIMIT {limit:UInt32}",
            limit=limit, **parameters,
        )  # fmt: skip
        return [row["line"] for row in found], found[0]["lines"] if found else 0

    def rows(self, lines: list[int], cut: Cut) -> Sequence[Row]:
        """What lines measured in a window, summed over it."""
        return self.store.query(
            f"SELECT line, side, metric, label, {MERGED} FROM {cut.rows('metric', 'line IN {lines:Array(UInt64)}')}"
            " GROUP BY line, side, metric, label",
            lines=lines,
        )

    def entities(self, kind: str, ids: list[int]) -> dict[int, list[Row]]:
        """What is known of things, by id, the latest first; several hosts may know of one."""
        found: dict[int, list[Row]] = defaultdict(list)
        sql = f"SELECT * FROM {kind} FINAL WHERE id IN {{ids:Array(UInt64)}} ORDER BY last DESC"
        for row in self.store.query(sql, ids=ids):
            found[row["id"]].append(row)
        return found

    def processes(self, things: Mapping[int, list[Row]], ends: Iterable[str]) -> dict[int, Row]:
        """The processes at the ends of things, by id."""
        ids = {row[end] for rows in things.values() for row in rows for end in ends} - {0}
        return {number: rows[0] for number, rows in self.entities("process", sorted(ids)).items()}

    def processes_of(self, name: Name) -> dict[int, Row]:
        """The processes of an instance that are still kept, by id."""
        return self.remembered.read(("processes", name), ("process", "agent"), lambda: self._processes_of(name))

    def _processes_of(self, name: Name) -> dict[int, Row]:
        hosts = self.hosts()
        rows = self.store.query(
            f"SELECT *, {MOMENTS} FROM process FINAL WHERE service IN ({{service:String}}, '')"
            " AND instance IN ({instance:String}, '') ORDER BY name, id",
            service=name.service, instance=name.instance,
        )  # fmt: skip
        return {row["id"]: row for row in rows if name_of(row, hosts) == name}

    def names(self, processes: Iterable[int]) -> dict[int, Name]:
        """Whose processes are."""
        hosts = self.hosts()
        rows = self.store.query(
            "SELECT id, host, service, instance FROM process FINAL WHERE id IN {ids:Array(UInt64)}",
            ids=sorted(set(processes) - {0}),
        )
        return {row["id"]: name_of(row, hosts) for row in rows}

    def lines_begun(self) -> int:
        """The second from which on there are rows of lines for all that was measured; 0: from the first on."""
        sql = "SELECT toUnixTimestamp(max(since)) AS since FROM begun"
        (row,) = self.remembered.read("begun", ("begun",), lambda: self.store.query(sql))
        return int(row["since"])

    def agents(self) -> Sequence[Row]:
        """What the agents said of themselves."""
        sql = "SELECT * FROM agent FINAL ORDER BY host"
        return self.remembered.read("agents", ("agent",), lambda: self.store.query(sql))

    def first(self, ids: Iterable[int]) -> dict[int, int]:
        """When processes and edges were first told of, Unix seconds."""
        rows = self.store.query(
            "SELECT id, toUnixTimestamp(min(first)) AS first FROM place WHERE id IN {ids:Array(UInt64)} GROUP BY id",
            ids=list(ids),
        )
        return {row["id"]: row["first"] for row in rows}

    def hosts(self) -> dict[int, str]:
        """The names of hosts by their ids."""
        return {row["id"]: row["host"] for row in self.agents()}

    def probes(self) -> dict[int, Row]:
        """What measures each metric, by host."""
        return {row["id"]: json.loads(row["probes"]) for row in self.agents()}

    def logged(self, things: Mapping[int, list[Row]], span: Span) -> Logged:
        """What the access logs of servers say of the lines of edges of which the wire does not show all."""
        return self.logged_of(sorted(open_pairs(row for rows in things.values() for row in rows)), span)

    def logged_of(self, pairs: Sequence[Pair], span: Span) -> Logged:
        """The same of the lines between some ends."""
        if not pairs:
            return Logged({}, {})
        told = max(0, span.start // 60 * 60 - TOLD_SECONDS)
        named = ",".join(f"{client} {server}" for client, server in pairs[:MOST_LOGGED])
        return self.remembered.read(
            ("logged", told, named), ("mesh_half",), lambda: self._logged(told, named), lambda it: len(it.protocols)
        )

    def _logged(self, told: int, named: str) -> Logged:
        rows = self.store.query(
            "SELECT client, server, protocol, security FROM mesh_half FINAL"
            " WHERE side = 'server' AND last >= toDateTime({told:UInt32}) AND concat(client, ' ', server)"
            " IN splitByChar(',', {pairs:String}) ORDER BY last DESC, protocol",
            told=told, pairs=named,
        )  # fmt: skip
        return Logged.of(rows)

    def completeness(self, cut: Cut, only: Collection[int] | None = None) -> list[dict[str, Any]]:
        """See `Completeness` in the schema; `id`: of the host. `only`: these hosts, also those that said nothing."""
        said = self._seen.summed(cut, time.time() - 3600 * self.retention.seconds)
        gaps = self.gaps(cut.span)
        names = self.hosts()
        under_way = max(0.0, cut.span.end - (time.time() - UNDER_WAY))
        made = []
        for host in sorted(said.keys() | gaps.keys() if only is None else only):
            seen = said.get(host, _NOTHING)
            held = {
                "id": host,
                "host": host_name(host, names),
                "seconds_asked": cut.span.seconds,
                "seconds_recorded": seen.seconds,
                "gaps": gaps.get(host, []),
                "amounts": seen.amounts,
                "unknown_rows": seen.unknown,
                "state": json.loads(seen.state[1]) if seen.state[1] else None,
            }
            amounts = [{"name": name, "value": amount} for name, amount in sorted(seen.amounts.items())]
            made.append({**held, "missing": missing(held, under_way), "amounts": amounts})
        return made

    def recorded(self, cut: Cut, size: int, hosts: Iterable[int] | None = None) -> dict[int, list[float]]:
        """The seconds that each host recorded, all or some of them, in each part of `size` seconds of a window."""
        parts = -(-cut.span.seconds // size)
        made = {host: [0.0] * parts for host in hosts or ()}
        which = "1" if hosts is None else "host IN {hosts:Array(UInt64)}"
        for row in self.store.query(
            f"SELECT {part_of(cut, size)}, host, sum(seconds) AS recorded FROM {cut.rows('seen', which)}"
            " GROUP BY part, host",
            hosts=sorted(made),
        ):
            made.setdefault(row["host"], [0.0] * parts)[row["part"]] = row["recorded"]
        return made

    def gaps(self, span: Span) -> dict[int, list[dict[str, Any]]]:
        """See `Gap` in the schema, by host, the latest first."""
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        until = "SELECT toUnixTimestamp(max(ts + seconds)) AS second FROM gap"
        (last,) = self.remembered.read("gaps", ("gap",), lambda: self.store.query(until))
        if last["second"] <= span.start:
            return found
        for row in self.store.query(
            "SELECT host, toUnixTimestamp(ts) AS second, seconds, batches, cause FROM gap"
            " WHERE ts < toDateTime({end:UInt32}) AND ts + seconds > toDateTime({start:UInt32})"
            f" ORDER BY ts DESC LIMIT {MOST_GAPS} BY host",
            start=span.start, end=span.end,
        ):  # fmt: skip
            found[row["host"]].append(
                {"from": text(row["second"]), **{name: row[name] for name in ("seconds", "batches", "cause")}}
            )
        return found


def part_of(cut: Cut, size: int) -> str:
    """SQL: in which part of `size` seconds of a window a row lies."""
    return f"toUInt32(intDiv(toUnixTimestamp(ts) - {cut.span.start}, {size})) AS part"


def fullest(recorded: Mapping[int, list[float]], parts: int) -> list[float]:
    """Of each part the seconds of the host that recorded most of it."""
    return [max(held) for held in zip(*recorded.values(), strict=True)] if recorded else [0.0] * parts


def hosts_of(processes: Iterable[Row], span: Span) -> set[int]:
    """The hosts that watch processes in a window; one that told of none in the hour before it is gone."""
    return {row["host"] for row in processes if row["last_second"] >= span.start - GONE_SECONDS}


def number_of(identity: str) -> int:
    """The number of an id of 16 hex digits. Raises ValueError."""
    try:
        number = int(identity, 16)
    except ValueError as error:
        raise ValueError(f"{identity!r} is not an id") from error
    if not 0 <= number < 1 << 64:
        raise ValueError(f"{identity!r} is not an id")
    return number


def pairs(held: Mapping[str, str]) -> list[dict[str, str]]:
    """See `Label` and `Attribute` in the schema."""
    return [{"name": name, "value": value} for name, value in sorted(held.items())]


def window_of(span: Span) -> dict[str, Any]:
    """See `Window` in the schema."""
    return {"from": text(span.start), "to": text(span.end), "seconds": span.seconds}
