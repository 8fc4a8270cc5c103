"""The mesh as access logs tell it: services or instances, and the lines between them."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from hopscope.edges.histogram import percentile
from hopscope.edges.identity import edge_id
from hopscope.edges.label import label
from hopscope.edges.state import NAMES, State, of_requests
from hopscope.server.analysis.entities import Name, service_of
from hopscope.server.analysis.lines import FEWEST_SAMPLES
from hopscope.server.analysis.mesh_layers import layers
from hopscope.server.analysis.mesh_lines import Line, Numbers
from hopscope.server.analysis.mesh_split import split, triples
from hopscope.server.query.concern import Caller
from hopscope.server.query.mesh_logs import Logs, MeshLogs
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, window_of
from hopscope.server.query.windows import Cut, asked, few_rows, text

MOST_SERVICES, MOST_LINES, MOST_PAIRS, MOST_SILENT = 2000, 5000, 1000, 100
_SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)


class Mesh:
    """Query.mesh, Query.meshPods. Who asks for figures of the whole alone does not pay for the lines."""

    def __init__(self, reader: Reader) -> None:
        self._logs = MeshLogs(reader)
        self._retention = reader.retention
        self.fields: Fields = {
            "Query": {"mesh": self.mesh, "meshPods": self.pods},
            "Mesh": {
                "services": lambda it: _nodes(it["_logs"](), it["_lines"](), it["seconds"], it["_services"]),
                "lines": lambda it: [_line(line, it["seconds"]) for line in it["_lines"]()],
                "proxies": lambda it: len(it["_logs"]().active),
                "proxiesSilent": lambda it: it["_logs"]().silent[:MOST_SILENT],
            },
        }

    def mesh(self, _: Caller, window: Mapping[str, Any], namespace: str | None = None) -> dict[str, Any]:
        """See `Query.mesh` in the schema."""

        def wanted(logs: Logs) -> list[Line]:
            lines = logs.lines(lambda name: name.service_id)
            if namespace is None:
                return lines
            return [line for line in lines if namespace in {logs.namespace(name) for name in _names(line)}]

        return self._answer(window, wanted, services=True)

    def pods(self, _: Caller, service: str, window: Mapping[str, Any]) -> dict[str, Any]:
        """See `Query.meshPods` in the schema."""
        name = service_of(service)

        def wanted(logs: Logs) -> list[Line]:
            lines = logs.lines(lambda end: end.id if end.instance else end.service_id)
            return [line for line in lines if name in {end.service for end in _names(line)}]

        return self._answer(window, wanted, services=False)

    def _answer(
        self, window: Mapping[str, Any], wanted: Callable[[Logs], list[Line]], services: bool
    ) -> dict[str, Any]:
        now = time.time()
        cut = few_rows(asked(window, now), now, self._retention)
        logs = cache(lambda: self._logs.read(cut))
        seen = self._logs.seen(cut)
        return {
            "window": window_of(cut.span),
            "seconds": min(max(1.0, seen.seconds), cut.span.seconds),
            "entries": seen.entries,
            "last_entry": text(seen.last) if seen.last else None,
            "complete": [
                {"name": "seconds.asked", "value": cut.span.seconds},
                {"name": "seconds.received", "value": min(seen.seconds, cut.span.seconds)},
                *({"name": name, "value": value} for name, value in sorted(seen.amounts.items())),
            ],
            "_services": services,
            "_logs": logs,
            "_lines": cache(lambda: self._filled(cut, _few(wanted(logs())))),
        }

    def _filled(self, cut: Cut, lines: list[Line]) -> list[Line]:
        sides = (side for line in lines for side in (line.client_side, line.server_side))
        self._logs.fill(cut, [side for side in sides if side is not None])
        return lines


def _names(line: Line) -> Iterable[Name]:
    return (name for pair in line.pairs for name in pair)


def _few(lines: list[Line]) -> list[Line]:
    if len(lines) > MOST_LINES:
        raise ValueError(f"{len(lines)} lines, at most {MOST_LINES}; ask for one namespace")
    nodes = {node for line in lines for node in (line.client, line.server)}
    if len(nodes) > MOST_SERVICES:
        raise ValueError(f"{len(nodes)} services, at most {MOST_SERVICES}; ask for one namespace")
    return lines


def _nodes(logs: Logs, lines: Sequence[Line], seconds: float, services: bool) -> list[dict[str, Any]]:
    members: dict[str, set[Name]] = defaultdict(set)
    peers: Counter[str] = Counter()
    coming: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        for client, server in line.pairs:
            members[line.client].add(client)
            members[line.server].add(server)
        peers.update((line.client, line.server))
        coming[line.server].append(line)
    first = {node: min(logs.first(name.service) for name in names) for node, names in members.items()}
    shown = {node: min(names) for node, names in members.items()}
    column = layers(members, [(line.client, line.server) for line in lines], first)
    by_place = sorted(members, key=lambda node: (first[node], -peers[node], _called(shown[node], services)))
    made = []
    for ordinal, node in enumerate(by_place):
        name = shown[node]
        made.append(
            {
                "id": node,
                "name": _called(name, services),
                "namespace": logs.namespace(name),
                "layer": column[node],
                "ordinal": ordinal,
                "instances": sorted(member.id for member in members[node] if member.instance),
                **_received(coming[node], seconds),
            }
        )
    return made


def _called(name: Name, service: bool) -> str:
    return name.service if service else name.instance or name.service


def _received(lines: Sequence[Line], seconds: float) -> dict[str, Any]:
    """What came to a node, all its lines together; its state is that of the worst."""
    together, timed = Numbers(), Numbers()
    for line in lines:
        together.counted(line.counted)
        timed.timed(_timed(line))
    states = [_state(line) for line in lines]
    seen = [state for state in states if state is not None]
    worst = min(seen, key=lambda state: NAMES.index(state.name), default=None)
    return {
        "requests": together.requests,
        "errors": together.errors,
        "rate": together.requests / seconds,
        "p99_ns": _p99(timed),
        "state": worst.name if worst else "none",
        "reasons": list(worst.reasons) if worst else [],
    }


def _timed(line: Line) -> Numbers:
    """The side whose times a line shows: as `split`."""
    sides = (line.client_side, line.server_side)
    return next((side for side in sides if side is not None and "whole" in side.parts), Numbers())


def _p99(numbers: Numbers) -> float | None:
    whole = numbers.parts.get("whole")
    return percentile(triples(whole), 0.99) if whole else None


def _state(line: Line) -> State | None:
    counted = line.counted
    requests, connections = counted.requests, counted.ended
    if requests + connections < FEWEST_SAMPLES and not counted.errors:
        return None
    if not requests:
        return of_requests(connections, counted.errors, counted.causes, 0, None, "connections")
    return of_requests(requests, counted.errors, counted.causes, counted.retries, _p99(_timed(line)))


def _line(line: Line, seconds: float) -> dict[str, Any]:
    counted, state = line.counted, _state(line)
    requests, errors = counted.requests, counted.errors
    ended = requests + counted.ended
    return {
        "id": edge_id(line.client, line.server, "mesh"),
        "client": line.client,
        "server": line.server,
        "protocol": line.protocol,
        "security": line.security,
        "label": label("tcp", line.protocol, line.security),
        "requests": requests,
        "rate": requests / seconds,
        "errors": errors,
        "error_share": errors / ended if ended else 0.0,
        "by_status": _reasons(counted.by_status),
        "by_flag": _reasons(counted.by_flag),
        "retries": counted.retries,
        "bytes_in": counted.received,
        "bytes_out": counted.sent,
        "connections": counted.ended,
        "latency": [
            {
                "part": part.part,
                "side": part.side,
                "average_ns": part.average_ns,
                "percentiles": [percentile(part.histogram, share) for share in _SHARES] if part.histogram else [],
                "histogram": part.histogram,
            }
            for part in split(line)
        ],
        "state": state.name if state else "none",
        "reasons": list(state.reasons) if state else [],
        "client_seen": line.client_side is not None,
        "server_seen": line.server_side is not None,
        "instances": [
            {
                "client": client.id,
                "server": server.id if server.instance else server.service_id,
                "requests": numbers.requests,
                "errors": numbers.errors,
            }
            for (client, server), numbers in sorted(
                line.pairs.items(), key=lambda item: (-item[1].requests, item[0])
            )[:MOST_PAIRS]
        ],
    }  # fmt: skip


def _reasons(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    return [{"reason": name, "count": count} for name, count in counts.items()]
