"""The process topology of an instance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from hopscope.edges.histogram import percentile
from hopscope.server.access.identity import Caller
from hopscope.server.analysis.lines import Line, Verdict, whole_line
from hopscope.server.analysis.topology import REST, Places, port_of
from hopscope.server.analysis.words import words
from hopscope.server.query.alive import Alive
from hopscope.server.query.edges import host_of as measures
from hopscope.server.query.entities import Entities, process
from hopscope.server.query.figures import side
from hopscope.server.query.kept_longer import KeptLonger
from hopscope.server.query.lines import Lines
from hopscope.server.query.neighbours import Neighbours, neighbours
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, Row, hosts_of, window_of
from hopscope.server.query.windows import SECONDS_LIMIT, Cut, asked, few_rows, text

MOST_EDGES = 5000


class Topology:
    """Query.topology."""

    def __init__(self, reader: Reader, lines: Lines, entities: Entities, kept_longer: KeptLonger) -> None:
        self._kept_longer = kept_longer
        self._reader = reader
        self._lines = lines
        self._entities = entities
        self._alive = Alive(reader)
        self.fields: Fields = {
            "Query": {"topology": self.topology},
            "Topology": {"instance": lambda it: it["_instance"]()},
            "Node": {"process": lambda it: it["_process"]()},
            "TopologyEdge": {"metrics": lambda it: it["_metrics"](), "since": lambda it: it["_since"]()},
        }

    def topology(self, _: Caller, instance: str, window: Mapping[str, Any], own: bool = False) -> dict[str, Any]:
        """See `Query.topology` in the schema."""
        now = time.time()
        name = self._alive.meant(instance)
        span = asked(window, now)
        few = few_rows(span, now, self._reader.retention)
        of_task = self._kept_longer.cut(span, [name], now) if span.seconds <= SECONDS_LIMIT else None
        cut = of_task or few
        known = neighbours(self._reader, name, self._reader.processes_of(name), cut.span, own)
        places, ends, inside = known.places()
        halves = {line: known.whole(line) for line in ends}
        measured = self._lines.summed(cut, {half for pair in halves.values() for half in pair})
        lines = {line: joined for line, pair in halves.items() if (joined := whole_line(measured, pair)) is not None}
        shown = sorted(lines, key=lambda line: (-(lines[line].bytes or 0), line))[:MOST_EDGES]
        hosts = {row["host"] for line in shown for half in halves[line] for row in known.things[half]}
        completeness = self._reader.completeness(cut, hosts | hosts_of(known.own.values(), cut.span))
        answer = _Answer(self._reader, self._lines, known, cut, lines, halves, completeness)
        present = {node for line in shown for node in ends[line]}
        return {
            "_instance": cache(lambda: self._entities.shown(name)),
            "window": window_of(cut.span),
            "step": cut.step,
            "nodes": self._nodes(places, known, present),
            "groups": _groups(places, present),
            "edges": [answer.edge(line, *ends[line]) for line in shown],
            "total": len(lines),
            "places": {"inside": inside},
            "completeness": completeness,
            "agent_silent_seconds": self._alive.silent_seconds({row["host"] for row in known.own.values()}, now),
        }

    def _nodes(self, places: Places, known: Neighbours, present: set[str]) -> list[dict[str, Any]]:
        hosts = cache(self._reader.hosts)
        first = cache(lambda: self._reader.first(known.processes))

        def described(number: int | None) -> Callable[[], dict[str, Any] | None]:
            row = known.processes.get(number or 0)
            if row is None:
                return lambda: None
            return lambda: process(row, known.names[row["id"]], hosts(), first().get(row["id"]) or row["last_second"])

        made = []
        for node in places.nodes.values():
            if node.id in present:
                row = known.processes.get(node.process or 0, {})
                made.append(
                    {
                        **{key: getattr(node, key) for key in _NODE},
                        "pids": row.get("pids", []),
                        "_process": described(node.process),
                    }
                )
        return made


_NODE = ("id", "name", "inside", "kind", "ordinal", "address", "service", "instance", "group")


def _groups(places: Places, present: set[str]) -> list[dict[str, Any]]:
    return [
        {"id": it.id, "name": it.name, "kind": it.kind, "side": it.side, "ordinal": it.ordinal}
        for it in places.groups.values()
        if any(node.id in present for node in it.nodes)
    ]


class _Answer:
    """The edges of one answer, and what few requests select, read once for all of them."""

    def __init__(
        self, reader: Reader, lines: Lines, known: Neighbours, cut: Cut,
        measured: Mapping[int, Line], halves: Mapping[int, tuple[int, int]], completeness: Iterable[Row],
    ) -> None:  # fmt: skip
        self._known = known
        self._measured = measured
        self._halves = halves
        self._seconds = {row["id"]: row["seconds_recorded"] for row in completeness}
        self._shares = {row["id"]: _share(row) for row in completeness}
        self._verdicts = {line: it.state() for line, it in measured.items()}
        bad = {line: it.name for line, it in self._verdicts.items() if it.bad}
        # What began in the other half of a line is seen in its own half, too.
        self._since = cache(lambda: lines.since(bad, cut.span.end))
        self._rows = cache(lambda: self._by_side(reader.rows([h for p in halves.values() for h in p], cut)))
        self._probes = cache(reader.probes)
        self._logged = reader.logged(known.things, cut.span)

    def edge(self, line: int, client: str, server: str) -> dict[str, Any]:
        """See `TopologyEdge` in the schema."""
        measured, verdict = self._measured[line], self._verdicts[line]
        client_half, server_half = self._halves[line]
        things = self._known.things[client_half]
        if server_half != client_half:
            things = [*things, *self._known.things[server_half]]
        spoken, latest = words(things, self._logged), things[0]
        seconds = self._seconds_of(line)
        held = measured.connections()
        return {
            "id": f"{line:016x}",
            "client": client,
            "server": server,
            "address": latest["server_address"],
            "port": port_of(latest["server_address"]),
            **{name: getattr(spoken, name) for name in ("transport", "protocol", "security", "label")},
            "security_source": spoken.source,
            "tls": {"sni": latest["sni"], "alpn": latest["alpn"]} if latest["sni"] or latest["alpn"] else None,
            **_verdict(verdict),
            "rate": measured.writes / seconds if measured.writes is not None and seconds else None,
            "bytes_rate": measured.bytes / seconds if measured.bytes is not None and seconds else None,
            "p99_ns": measured.rtt_p99,
            "retransmit_share": measured.resent,
            "connections": {
                "opened": held.opened,
                "closed": held.closed,
                "active": held.active,
                "failed": [{"reason": cause, "count": count} for cause, count in held.failed.items()],
            },
            "seen_share": min((self._shares.get(row["host"], 0.0) for row in things), default=0.0),
            "client_seen": measured.client is not None,
            "server_seen": measured.server is not None,
            "overflow": held.opened + held.active if latest["server_address"] == REST else 0,
            "last_traffic": text(measured.moved) if measured.moved else None,
            "_since": lambda: self._since().get(line) if verdict.bad else None,
            "_metrics": lambda: self._metrics(line),
        }

    def _seconds_of(self, line: int) -> float:
        client, server = self._halves[line]
        hosts = measures(self._known.things[client], "client"), measures(self._known.things[server], "server")
        return float(max(self._seconds.get(host, 0.0) for host in hosts))

    def _by_side(self, rows: Iterable[Row]) -> dict[tuple[int, int], list[Row]]:
        found: dict[tuple[int, int], list[Row]] = {}
        for row in rows:
            found.setdefault((row["line"], row["side"]), []).append(row)
        return found

    def _metrics(self, line: int) -> list[dict[str, Any]]:
        made = []
        for number, (name, half) in enumerate(zip(("client", "server"), self._halves[line], strict=True), 1):
            rows = self._rows().get((half, number))
            if rows:
                host = measures(self._known.things[half], name)
                found = side(rows, name, self._seconds.get(host, 0.0), self._probes().get(host, {}))
                made += [{"side": name, **_brief(value)} for value in found["values"]]
        return made


def _brief(value: Row) -> dict[str, Any]:
    kept = ("metric", "count", "bytes", "rate", "average_ns", "why_not")
    p99 = percentile(value["histogram"], 0.99) if value["histogram"] else None
    return {**{name: value.get(name) for name in kept}, "p99_ns": p99}


def _verdict(verdict: Verdict) -> dict[str, Any]:
    return {"state": verdict.name, "reasons": list(verdict.reasons), "brief": verdict.brief}


def _share(row: Row) -> float:
    """Of the seconds and of the connections, how many were seen on a host."""
    seconds = min(1.0, row["seconds_recorded"] / row["seconds_asked"]) if row["seconds_asked"] else 0.0
    held = (row["state"] or {}).get("connections") or {}
    connections = held["own_slot"] / held["all"] if held.get("all") else 1.0
    return float(seconds * connections)
