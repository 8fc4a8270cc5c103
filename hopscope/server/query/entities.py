"""Services, their instances, and the processes of these."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

from hopscope.server.access.identity import Caller
from hopscope.server.analysis.entities import (
    Instance,
    Name,
    detect_type,
    host_name,
    instances,
    layer_of,
    service_id,
    service_of,
)
from hopscope.server.query.agents import Agents
from hopscope.server.query.alive import LATELY, Alive
from hopscope.server.query.attributes import attributes_of
from hopscope.server.query.lines import Lines
from hopscope.server.query.listeners import Listeners
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import GONE_SECONDS, Reader, Row, pairs, window_of
from hopscope.server.query.remembered import once
from hopscope.server.query.tasks import TaskQueries
from hopscope.server.query.trends import Trend, Trends
from hopscope.server.query.windows import Cut, Span, asked, few_rows, text

MOST = 5000
HEALTH_SECONDS = 60
TLS_VISIBILITY = "not read: payload is not decrypted"
_TOLD = "SELECT id, host, service, instance, layer, labels, toUnixTimestamp(last) AS told FROM process FINAL"
_BEGUN = "SELECT id, toUnixTimestamp(min(first)) AS begun FROM place GROUP BY id"
Window = Mapping[str, Any] | None


class Entities:
    """Query.services, instances, instance, processes."""

    def __init__(self, reader: Reader, lines: Lines, agents: Agents, listeners: Listeners, tasks: TaskQueries) -> None:
        self._reader = reader
        self._alive = Alive(reader)
        self._lines = lines
        self._agents = agents
        self._listeners = listeners
        self._tasks = tasks
        self._trends = Trends(reader, lines)
        self.fields: Fields = {
            "Query": {
                "services": self.services,
                "instances": self.instances,
                "instance": self.instance,
                "processes": self.processes,
            },
            "Services": {"completeness": _completeness},
            "Instances": {"completeness": _completeness},
            "Processes": {"completeness": _completeness},
            "Service": {"health": _health, "trend": self._trend},
            "Instance": {
                "attributes": lambda it: pairs(it["_attributes"]().get(it["_name"], {})),
                "completeness": _completeness,
                "health": _health,
                "trend": self._trend,
                "service": lambda it: it["_services"]()[it["_name"].service],
                "agent": lambda it: it["_agents"]().get(it["host"]),
                "task": lambda it: it["_tasks"]().get(it["_name"]),
            },
            "Process": {"listeners": self._listeners_of},
        }

    def services(self, _: Caller, layer: str | None = None, window: Window = None) -> dict[str, Any]:
        """See `Query.services` in the schema."""
        cut, held = self._cut(window), list(self.known(window).values())
        found = [it for it in self._services(held, cut) if layer is None or layer in it["layers"]]
        shown = {it["name"] for it in found}
        hosts = _hosts(cut, (it for it in held if it.name.service in shown))
        return self._answer(cut, hosts, "services", found)

    def instances(self, _: Caller, service: str, window: Window = None) -> dict[str, Any]:
        """See `Query.instances` in the schema."""
        wanted = service_of(service) if service.endswith(".1") else service
        cut, held = self._cut(window), [it for it in self.known(window).values() if it.name.service == wanted]
        if not held and not any(name.service == wanted for name in self.known(None)):
            raise ValueError(f"there is no service {wanted!r}")
        return self._answer(cut, _hosts(cut, held), "instances", self._instances(held, cut, window))

    def instance(self, _: Caller, id: str) -> dict[str, Any] | None:
        """See `Query.instance` in the schema."""
        return self.shown(self._alive.meant(id))

    def processes(self, _: Caller, instance: str, window: Window = None) -> dict[str, Any]:
        """See `Query.processes` in the schema."""
        cut, name = self._cut(window), self._alive.meant(instance)
        hosts = _hosts(cut, (it for it in self.known(window).values() if it.name == name))
        return self._answer(cut, hosts, "processes", self._processes(name, window))

    def _answer(self, cut: Cut, hosts: set[int], what: str, found: list[dict[str, Any]]) -> dict[str, Any]:
        return {
            "window": window_of(cut.span),
            "total": len(found),
            what: found[:MOST],
            "_completeness": lambda: self._reader.completeness(cut, hosts),
        }

    def _cut(self, window: Window) -> Cut:
        now = time.time()
        return few_rows(asked(window or {"last": HEALTH_SECONDS}, now), now, self._reader.retention)

    def known(self, window: Window) -> dict[Name, Instance]:
        """All instances, or those of which something was told in a window."""
        if window is not None:
            return self._known(window)
        tables = "process", "agent", "place"
        return self._reader.remembered.read("instances", tables, lambda: self._known(None))

    def _known(self, window: Window) -> dict[Name, Instance]:
        span = None if window is None else asked(window, time.time())
        rows = self._reader.store.query(
            "SELECT host, service, instance, groupUniqArray(layer) AS layers, count() AS processes,"
            f" arrayCount(x -> x + {LATELY} >= arrayMax(groupArray(told)), groupArray(told)) AS alive,"
            " argMax(labels, told) AS latest_labels, min(if(begun = 0, told, begun)) AS first, max(told) AS last"
            f" FROM ({_TOLD}) AS p LEFT JOIN ({_BEGUN}) AS place ON p.id = place.id WHERE told >= {{start:UInt32}}"
            " GROUP BY host, service, instance",
            # The words on a process that was alive in the window may have come a minute before it and after it.
            start=max(0, span.start - LATELY) if span else 0,
        )  # fmt: skip
        found = instances(rows, self._reader.hosts())
        return {name: it for name, it in found.items() if span is None or it.first < span.end}

    def shown(self, name: Name) -> dict[str, Any]:
        """See `Instance` in the schema."""
        return self._instances([self.known(None)[name]], self._cut(None), None)[0]

    def _services(self, held: Sequence[Instance], cut: Cut) -> list[dict[str, Any]]:
        health = self._health(cut, lambda name: name.service)
        by_name: dict[str, list[Instance]] = {}
        for it in held:
            by_name.setdefault(it.name.service, []).append(it)
        made = [
            {
                "id": service_id(name),
                "name": name,
                "layers": sorted({layer for it in own for layer in it.layers}),
                "instances": len(own),
                "processes": sum(it.alive for it in own),
                "last_seen": text(max(it.last for it in own)),
                "first_seen": text(min(it.first for it in own)),
                "_health": health,
                "_key": name,
            }
            for name, own in by_name.items()
        ]
        return sorted(made, key=_latest_first)

    def _instances(self, held: Sequence[Instance], cut: Cut, window: Window) -> list[dict[str, Any]]:
        health = self._health(cut, lambda name: name)
        hosts = self._reader.hosts()
        services = cache(lambda: self._by_name(cut, window))
        seen = cache(lambda: {row["id"]: row for row in self._reader.completeness(cut, _hosts(cut, held))})
        attributes = cache(lambda: attributes_of(self._reader, held))
        agents = cache(lambda: {it["host"]: it for it in self._agents.agents(_NOBODY)})
        tasks = cache(self._tasks.running)
        made: list[dict[str, Any]] = [
            {
                "id": it.name.id,
                "name": it.name.instance,
                "_name": it.name,
                "_key": it.name,
                "_services": services,
                "host": host_name(it.host, hosts),
                "layers": sorted(it.layers),
                "labels": pairs(it.labels),
                "processes": it.alive,
                "first_seen": text(it.first),
                "last_seen": text(it.last),
                "_completeness": partial(_of_hosts, seen, _hosts(cut, [it])),
                "_attributes": attributes,
                "_health": health,
                "_agents": agents,
                "_tasks": tasks,
            }
            for it in held
        ]
        return sorted(made, key=_latest_first)

    def _by_name(self, cut: Cut, window: Window) -> dict[str, dict[str, Any]]:
        return {it["name"]: it for it in self._services(list(self.known(window).values()), cut)}

    def _health(self, cut: Cut, key: Callable[[Name], Any]) -> Callable[[], dict[Any, dict[str, Any]]]:
        def work() -> dict[Any, dict[str, Any]]:
            found = self._lines.health(cut, key)
            bad = {it.worst: it.state for it in found.values() if it.worst and it.state in ("failing", "slow")}
            since = self._lines.since(bad, cut.span.end) if bad else {}
            return {owner: it.shown(since.get(it.worst or 0)) for owner, it in found.items()}

        return cache(work)

    def _processes(self, name: Name, window: Window) -> list[dict[str, Any]]:
        now = time.time()
        span = asked(window, now) if window else Span(0, int(now) + 86_400)
        hosts = self._reader.hosts()
        own = [row for row in self._reader.processes_of(name).values() if row["last_second"] + LATELY >= span.start]
        first = self._reader.first(row["id"] for row in own)
        return [
            process(row, name, hosts, first.get(row["id"]) or row["last_second"])
            for row in own
            if first.get(row["id"], 0) < span.end
        ]

    def _trend(self, held: Row) -> Trend:
        return self._trends.of(held["_key"])

    def _listeners_of(self, held: Row, window: Window = None) -> list[dict[str, Any]]:
        asked_for = window or {"last": HEALTH_SECONDS}
        # Read once for all processes of an answer.
        found = once(
            ("listeners", *asked_for.items()), lambda: self._listeners.listeners(_NOBODY, asked_for)["listeners"]
        )
        return [listener for listener in found if listener["process"]["id"] == held["id"]]


_NOBODY = Caller("", "read")
_NO_LINES = {"state": "none", "reasons": [], "lines": 0}


def _hosts(cut: Cut, held: Iterable[Instance]) -> set[int]:
    """The hosts that watch instances: one that was silent for long before the window is gone."""
    return {host for it in held for host, last in it.hosts.items() if last >= cut.span.start - GONE_SECONDS}


def _of_hosts(seen: Callable[[], dict[int, dict[str, Any]]], hosts: set[int]) -> list[dict[str, Any]]:
    return [row for host, row in seen().items() if host in hosts]


def _completeness(held: Row) -> Any:
    return held["_completeness"]()


def _health(held: Row) -> Any:
    return held["_health"]().get(held["_key"], _NO_LINES)


def _latest_first(held: Row) -> tuple[int, str]:
    # By the minute, or the order would change with each word of an agent.
    return -int("".join(filter(str.isdecimal, held["last_seen"][:16]))), held["name"]


def process(row: Row, name: Name, hosts: Mapping[int, str], first: int) -> dict[str, Any]:
    """See `Process` in the schema."""
    layer = layer_of(row)
    return {
        "id": f"{row['id']:016x}",
        "name": row["name"],
        "instance": name.id,
        "service": name.service,
        "layer": layer,
        "detect_type": detect_type(layer),
        "host": host_name(row["host"], hosts),
        "pids": row["pids"],
        "container": row["container"] or None,
        "cgroup": row["cgroup"] or None,
        "executable": row["executable"] or None,
        "command_line": row["command_line"] or None,
        "started": text(row["started_second"]) if row["started_second"] else None,
        "labels": pairs(row["labels"]),
        "attributes": pairs(row["attributes"]),
        "first_seen": text(first),
        "last_seen": text(row["last_second"]),
        "tls_visibility": TLS_VISIBILITY,
    }
