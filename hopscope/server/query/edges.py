"""Which process talked to which, with all that both sides measured."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from graphql import GraphQLError

from hopscope.edges.histogram import percentile
from hopscope.metrics import BY_NAME
from hopscope.server.access.identity import Caller
from hopscope.server.analysis.words import Logged, words
from hopscope.server.query.alive import Alive
from hopscope.server.query.figures import by_metric, number, side
from hopscope.server.query.neighbours import named, neighbours
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, Row, hosts_of, number_of, window_of
from hopscope.server.query.windows import Cut, asked, best

MOST_EDGES, MOST_SHARES = 5000, 20
SIDES = {"client": 1, "server": 2}


class Edges:
    """Query.edges, edge."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._alive = Alive(reader)
        self.fields: Fields = {
            "Query": {"edges": self.edges, "edge": self.edge},
            "Edge": {"completeness": lambda it: self._reader.completeness(it["_cut"], it["_hosts"])},
            "Side": {"metrics": _chosen},
            "Value": {"percentiles": _percentiles},
        }

    def edges(
        self, _: Caller, window: Mapping[str, Any], own: bool, limit: int, instance: str | None = None
    ) -> dict[str, Any]:
        """See `Query.edges` in the schema."""
        if not 0 < limit <= MOST_EDGES:
            raise ValueError(f"limit: from 1 to {MOST_EDGES}")
        now = time.time()
        cut = Cut.one(*best(asked(window, now), now, self._reader.retention))
        known = None
        which = "line IN (SELECT id FROM edge WHERE own <= {own:UInt8})"
        ids: list[int] = []
        if instance is not None:
            name = self._alive.meant(instance)
            known = neighbours(self._reader, name, cut.span, own)
            which, ids = "line IN {ids:Array(UInt64)}", known.mine
        shown, total = self._reader.busiest(cut, which, limit, own=int(own), ids=ids)
        whole = {line: known.whole(line) if known else (line, line) for line in shown}
        things = known.things if known else self._reader.entities("edge", shown)
        hosts = None
        if known is not None:
            hosts = {row["host"] for pair in whole.values() for half in pair for row in things[half]}
            hosts |= hosts_of(known.own.values(), cut.span)
        completeness = self._reader.completeness(cut, hosts)
        return {
            "window": window_of(cut.span),
            "step": cut.step,
            "total": total,
            "edges": self._described(whole, things, cut, completeness),
            "completeness": completeness,
        }

    def edge(self, _: Caller, id: str, window: Mapping[str, Any]) -> dict[str, Any] | None:
        """See `Query.edge` in the schema."""
        now = time.time()
        cut = Cut.one(*best(asked(window, now), now, self._reader.retention))
        line = number_of(id)
        known = named(self._reader, [line], cut.span)
        if line not in known.things:
            return None
        return self._described({line: known.whole(line)}, known.things, cut, self._reader.completeness(cut))[0]

    def _described(
        self, whole: Mapping[int, tuple[int, int]], things: Mapping[int, list[Row]], cut: Cut,
        completeness: Iterable[Row],
    ) -> list[dict[str, Any]]:  # fmt: skip
        rows: dict[int, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in self._reader.rows(sorted({half for pair in whole.values() for half in pair}), cut):
            rows[row["line"]][row["side"]].append(row)
        processes = self._reader.processes(things, ("client_process", "server_process"))
        seconds = {row["id"]: row["seconds_recorded"] for row in completeness}
        probes, logged = self._reader.probes(), self._reader.logged(things, cut.span)
        made = []
        for line, (client, server) in whole.items():
            if line in things:
                halves = [client] if client == server else [client, server]
                held = [row for half in halves for row in things[half]]
                sides = {
                    0: _more(rows[half][0] for half in halves),
                    1: rows[client][1],
                    2: rows[server][2],
                }
                made.append(
                    {
                        **edge_of(held, sides, processes, seconds, probes, logged),
                        "id": f"{line:016x}",
                        "_cut": cut,
                        "_hosts": {row["host"] for row in held},
                    }
                )
        return made


def _more(halves: Iterable[list[Row]]) -> list[Row]:
    """Of what both ends count of their connections the greater: each may have begun to watch after the other."""
    found: dict[tuple[int, str], Row] = {}
    for row in (row for rows in halves for row in rows):
        key = row["metric"], row["label"]
        if key not in found or (row["total"], row["count"]) > (found[key]["total"], found[key]["count"]):
            found[key] = row
    return list(found.values())


def _chosen(side: Row, names: list[str] | None = None) -> list[Row]:
    return [value for value in side["values"] if names is None or value["metric"] in names]


def _percentiles(value: Row, shares: list[float]) -> list[float]:
    if len(shares) > MOST_SHARES or not all(0 <= share <= 1 for share in shares):
        raise GraphQLError(f"shares: at most {MOST_SHARES}, each from 0 to 1")
    found = [percentile(value["histogram"], share) for share in shares] if value["histogram"] else []
    return [ns for ns in found if ns is not None]


def host_of(things: list[Row], side: str | None) -> int:
    """The host that measures a side: the one on which its process is."""
    ends = (f"{side}_process",) if side else ("client_process", "server_process")
    host: int = next((row["host"] for row in things for end in ends if row[end]), things[0]["host"])
    return host


def end_of(thing: Row, name: str, processes: Mapping[int, Row]) -> dict[str, Any]:
    process = processes.get(thing[f"{name}_process"])
    names = ("service", "instance", "container", "cgroup")
    return {
        "id": f"{process['id']:016x}" if process else None,
        "process": process["name"] if process else None,
        **{key: (process[key] or None) if process else None for key in names},
        "pids": thing[f"{name}_pids"],
        "address": thing[f"{name}_address"],
        "listen": thing[f"{name}_listen"] or None,
    }


def ends_of(things: list[Row], processes: Mapping[int, Row]) -> dict[str, dict[str, Any]]:
    """Both ends of a line, each as a host tells it that knows its process."""
    return {
        name: end_of(next((thing for thing in things if thing[f"{name}_process"]), things[0]), name, processes)
        for name in ("client", "server")
    }


def edge_of(
    things: list[Row], rows: Mapping[int, list[Row]], processes: Mapping[int, Row], seconds: Mapping[int, float],
    probes: Mapping[int, Row], logged: Logged,
) -> dict[str, Any]:  # fmt: skip
    latest, ends = things[0], ends_of(things, processes)
    spoken = words(things, logged)
    own = by_metric(rows.get(0, ()))
    counts = {name: number(BY_NAME[name], own.get(BY_NAME[name].number, {})) for name in ("opened", "closed", "active")}
    failed = own.get(BY_NAME["failed"].number, {})
    sides = {}
    for name in ("client", "server"):
        held = rows.get(SIDES[name])
        host = host_of(things, name)
        measured = side(held, name, seconds.get(host, 0.0), probes.get(host, {})) if held else None
        sides[f"{name}_side"] = measured
    return {
        "id": f"{latest['id']:016x}",
        **ends,
        **{name: getattr(spoken, name) for name in ("transport", "protocol", "security", "label")},
        "security_source": spoken.source,
        "tls": {"sni": latest["sni"], "alpn": latest["alpn"]} if latest["sni"] or latest["alpn"] else None,
        "own": bool(latest["own"]),
        "connections": {
            **{name: round(count or 0) for name, count in counts.items()},
            "failed": [{"reason": cause, "count": row["count"]} for cause, row in failed.items()],
        },
        **sides,
    }
