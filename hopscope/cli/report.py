"""A profile as a report: one HTML file with all that it shows, which opens without a server and asks nobody.

Its page is the one that the server's page fills, too; here it is filled with what one host's profile holds.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

from hopscope.client import HopscopeError
from hopscope.client.files import written
from hopscope.edges.histogram import percentile
from hopscope.edges.model import Edge, End, Profile, Side, Value
from hopscope.edges.state import state
from hopscope.metrics import METRICS, SIDE, TCP

_PLACE = "<!--data-->"
_SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
_DNS = 53
_NONE: Mapping[str, Any] = {}


def template() -> str:
    """The page that a report fills. Raises HopscopeError in a checkout in which it was not built."""
    page = files("hopscope") / "server" / "page" / "report.html"
    try:
        return page.read_text()
    except OSError as error:
        raise HopscopeError("--html needs the page, which was not built in this checkout: make page") from error


def write(profile: Profile, path: Path) -> None:
    """Writes a profile as an HTML file. Raises HopscopeError."""
    # Nothing in the data can end the element that holds it.
    text = json.dumps(_data(profile), separators=(",", ":")).replace("<", "\\u003c")
    before, _, after = template().partition(_PLACE)
    page = f'{before}<script type="application/json" id="data">{text}</script>{after}'
    written(path, lambda place: place.write_text(page))


def _data(profile: Profile) -> dict[str, Any]:
    """See ReportData in ui/src/report/data.ts."""
    return {
        "version": 1,
        "title": f"{profile.host}: which process talked to which",
        "made": datetime.now(UTC).isoformat(),
        "topology": _topology(profile),
        "edges": [_detail(edge, profile) for edge in profile.edges],
        "metrics": [{"name": it.name, "unit": it.unit, "sentence": it.sentence} for it in METRICS],
        "agents": [
            {
                "host": profile.host,
                "version": version("hopscope"),
                "lastSeen": _window(profile)["to"],
                "skewMs": 0,
                "probes": [
                    {"metric": name, "rung": it.rung, "hook": it.hook, "whyNot": it.why_not}
                    for name, it in profile.probes.items()
                ],
            }
        ],
    }


def _window(profile: Profile) -> dict[str, Any]:
    start = datetime.fromisoformat(profile.window.start)
    end = start + timedelta(seconds=profile.window.seconds)
    return {"from": start.isoformat(), "to": end.isoformat(), "seconds": round(profile.window.seconds, 1)}


def _topology(profile: Profile) -> dict[str, Any]:
    nodes, groups = _nodes(profile)
    inside = sum(node["inside"] for node in nodes)
    host = {"id": profile.host, "name": profile.host, "layers": ["OS_LINUX"]}
    seconds = profile.completeness.get("seconds", _NONE)
    return {
        "instance": {**host, "host": profile.host, "processes": inside, "service": host, "task": None},
        "window": _window(profile),
        "step": "SECOND",
        "nodes": nodes,
        "groups": groups,
        "edges": [_line(edge, profile) for edge in profile.edges],
        "completeness": [
            {
                "host": profile.host,
                "secondsAsked": seconds.get("asked", profile.window.seconds),
                "secondsRecorded": seconds.get("recorded", profile.window.seconds),
                "gaps": [],
                "amounts": [
                    {"name": name, "value": lost} for name, lost in profile.completeness.get("lost", _NONE).items()
                ],
            }
        ],
        "agentSilentSeconds": None,
        "places": {"inside": inside},
    }


def _node_id(end: End) -> str:
    return end.id or end.address


def _nodes(profile: Profile) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Processes of the host inside, addresses outside, one group for each address."""
    ends: dict[str, End] = {}
    peers: dict[str, set[str]] = defaultdict(set)
    calls: dict[str, bool] = {}
    for edge in profile.edges:
        pair = edge.client, edge.server
        for end, other in (pair, pair[::-1]):
            ends.setdefault(_node_id(end), end)
            peers[_node_id(end)].add(_node_id(other))
        calls.setdefault(_node_id(edge.client), True)
        calls.setdefault(_node_id(edge.server), False)
    # The order of the page: who has the most peers, then by name.
    order = sorted(ends, key=lambda id: (-len(peers[id]), ends[id].process or id, id))
    inside = [id for id in order if ends[id].id is not None]
    outside = [id for id in order if ends[id].id is None]
    names = Counter(ends[id].process for id in inside)
    nodes = [_process(ends[id], ordinal, profile.host, names) for ordinal, id in enumerate(inside)]
    nodes += [_peer(id, ordinal) for ordinal, id in enumerate(outside)]
    groups = [
        {
            "id": id,
            "name": id,
            "kind": "PLATFORM" if id.endswith(f":{_DNS}") else "APPLICATION",
            "side": "CLIENT" if calls[id] else "SERVER",
            "ordinal": ordinal,
        }
        for ordinal, id in enumerate(outside)
    ]
    return nodes, groups


def _process(end: End, ordinal: int, host: str, names: Mapping[str | None, int]) -> dict[str, Any]:
    # Several processes of a name are told apart by where they are.
    where = end.instance or end.container or end.cgroup
    name = f"{end.process} ({where})" if names[end.process] > 1 and where else end.process
    return {
        "id": end.id,
        "name": name or end.id,
        "inside": True,
        "kind": "PROCESS",
        "ordinal": ordinal,
        "address": None,
        "service": end.service,
        "instance": end.instance,
        "group": None,
        "pids": list(end.pids),
        "process": {"id": end.id, "host": host, "container": end.container, "commandLine": None, "name": end.process},
    }


def _peer(address: str, ordinal: int) -> dict[str, Any]:
    known = {"name": address, "address": address, "group": address, "service": None, "instance": None, "process": None}
    return {"id": address, "inside": False, "kind": "ADDRESS", "ordinal": ordinal, "pids": [], **known}


def _port(address: str) -> int:
    port = address.rpartition(":")[2]
    return int(port) if port.isdigit() else 0


def _line(edge: Edge, profile: Profile) -> dict[str, Any]:
    """See TopologyEdge in the server's schema."""
    found = state(edge)
    metrics = [
        {
            "side": name,
            **{key: told[key] for key in ("metric", "count", "bytes", "rate", "averageNs", "p99Ns", "whyNot")},
        }
        for name, side in (("CLIENT", edge.client_side), ("SERVER", edge.server_side))
        for told in _metrics(side, name.lower(), profile)
    ]
    written_by = _value(edge.client_side, "write") or _value(edge.server_side, "read")
    rtt = _value(edge.client_side, "write_rtt") or _value(edge.server_side, "write_rtt")
    shares = [share for side in (edge.client_side, edge.server_side) if (share := _resent(side)) is not None]
    return {
        **{key: getattr(edge, key) for key in ("id", "transport", "protocol", "security", "label")},
        "client": _node_id(edge.client),
        "server": _node_id(edge.server),
        "address": edge.server.address,
        "port": _port(edge.server.address),
        "securitySource": "wire" if edge.security != "none" else "",
        "state": found.name.upper(),
        "reasons": list(found.reasons),
        "brief": found.brief,
        "since": None,
        "rate": written_by.count / profile.window.seconds if written_by else None,
        "bytesRate": (written_by.bytes or 0) / profile.window.seconds if written_by else None,
        "p99Ns": percentile(rtt.histogram, 0.99) if rtt and rtt.histogram else None,
        "retransmitShare": max(shares, default=None),
        "connections": _connections(edge),
        "seenShare": 1.0,
        "clientSeen": edge.client_side is not None,
        "serverSeen": edge.server_side is not None,
        "overflow": 0,
        "lastTraffic": None,
        "metrics": metrics,
    }


def _detail(edge: Edge, profile: Profile) -> dict[str, Any]:
    """See Edge in the server's schema."""
    return {
        **{key: getattr(edge, key) for key in ("id", "transport", "protocol", "security", "label")},
        "client": _end(edge.client),
        "server": _end(edge.server),
        "tls": {"sni": list(edge.tls.get("sni", ())), "alpn": list(edge.tls.get("alpn", ()))} if edge.tls else None,
        "connections": _connections(edge),
        "clientSide": _side(edge.client_side, "client", profile),
        "serverSide": _side(edge.server_side, "server", profile),
    }


def _end(end: End) -> dict[str, Any]:
    keys = ("id", "process", "service", "instance", "container", "address", "listen")
    return {**{key: getattr(end, key) for key in keys}, "pids": list(end.pids)}


def _connections(edge: Edge) -> dict[str, Any]:
    it = edge.connections
    return {"opened": it.opened, "closed": it.closed, "active": it.active, "failed": _reasons(it.failed)}


def _reasons(reasons: Mapping[str, int] | None) -> list[dict[str, Any]]:
    return [{"reason": reason, "count": count} for reason, count in (reasons or _NONE).items()]


def _value(side: Side | None, metric: str) -> Value | None:
    return side.metrics.get(metric) if side else None


def _resent(side: Side | None) -> float | None:
    value = _value(side, "retransmit")
    sent = side.tcp.get("segments_out", 0) if side else 0
    return value.count / sent if value is not None and sent else None


def _side(side: Side | None, name: str, profile: Profile) -> dict[str, Any] | None:
    if side is None:
        return None
    units = {metric.name: metric.unit for metric in TCP}
    tcp = [{"name": key, "unit": units.get(key, ""), "value": value} for key, value in side.tcp.items()]
    return {"metrics": list(_metrics(side, name, profile)), "tcp": tcp}


def _metrics(side: Side | None, name: str, profile: Profile) -> Iterable[dict[str, Any]]:
    """The metrics of a side with their figures; why not, where a probe does not measure one."""
    if side is None:
        return
    for metric in SIDE:
        if metric.at not in ("both", name):
            continue
        probe = profile.probes.get(metric.name)
        yield _figures(
            metric.name, side.metrics.get(metric.name), profile.window.seconds, probe.why_not if probe else None
        )


def _figures(metric: str, value: Value | None, seconds: float, why_not: str | None) -> dict[str, Any]:
    """See Value in the server's schema; `p99Ns` as MetricBrief has it."""
    timed = value.time_ns if value and value.time_ns is not None else value.call_ns if value else None
    histogram = value.histogram or () if value else ()
    points = [ns for share in _SHARES if (ns := percentile(histogram, share)) is not None]
    return {
        "metric": metric,
        "count": value.count if value else None,
        "bytes": value.bytes if value else None,
        "rate": value.count / seconds if value else None,
        "bytesRate": value.bytes / seconds if value and value.bytes is not None else None,
        "timeNs": value.time_ns if value else None,
        "callNs": value.call_ns if value else None,
        "queueNs": value.queue_ns if value else None,
        "timed": value.timed if value else None,
        "averageNs": timed / value.timed if value and timed is not None and value.timed else None,
        "percentiles": points,
        "p99Ns": points[-1] if points else None,
        "reasons": _reasons(value.reasons if value else None),
        "whyNot": None if value else why_not or "not measured",
    }
