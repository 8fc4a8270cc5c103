"""Everything the API says of edges, and the same of a profile, in one form."""

from __future__ import annotations

from typing import Any

import pytest

from hopscope.edges.histogram import percentile
from hopscope.edges.model import End, Profile, Side
from hopscope.metrics import SIDE

SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
EDGES = """
query($window: WindowInput!, $own: Boolean! = false, $limit: Int! = 500) {
  edges(window: $window, own: $own, limit: $limit) {
    total step window { from to seconds }
    completeness { host secondsAsked secondsRecorded gaps { from seconds batches cause } amounts { name value } state }
    edges {
      id transport protocol security label own
      client { ...end } server { ...end }
      tls { sni alpn }
      connections { opened closed active failed { reason count } }
      clientSide { ...side } serverSide { ...side }
    }
  }
}
fragment end on End { id process service instance container cgroup pids address listen }
fragment side on Side {
  metrics {
    metric count bytes rate bytesRate timeNs callNs queueNs timed averageNs whyNot
    percentiles histogram reasons { reason count }
  }
  tcp { name value }
  unknown { number label count bytes total }
}
"""


def end(given: End) -> dict[str, Any]:
    fields = ("id", "process", "service", "instance", "container", "cgroup", "address", "listen")
    return {name: getattr(given, name) for name in fields} | {"pids": list(given.pids)}


def side(given: Side | None, name: str, seconds: float, unsupported: dict[str, str]) -> dict[str, Any] | None:
    if given is None:
        return None
    metrics = []
    for metric in SIDE:
        if metric.at not in ("both", name):
            continue
        value = given.metrics[metric.name]
        if metric.name in unsupported:
            metrics.append({"metric": metric.name, "whyNot": unsupported[metric.name]})
            continue
        timed = value.time_ns if value.time_ns is not None else value.call_ns
        histogram = value.histogram or ()
        metrics.append(
            {
                "metric": metric.name,
                "count": value.count,
                "bytes": value.bytes,
                "rate": pytest.approx(value.count / seconds, rel=1e-12),
                "bytesRate": None if value.bytes is None else pytest.approx(value.bytes / seconds, rel=1e-12),
                "timeNs": value.time_ns,
                "callNs": value.call_ns,
                "queueNs": value.queue_ns,
                "timed": value.timed,
                "averageNs": timed / value.timed if timed and value.timed else None,
                "whyNot": None,
                "percentiles": [percentile(histogram, share) for share in SHARES] if histogram else [],
                "histogram": [list(bucket) for bucket in histogram],
                "reasons": dict(value.reasons or {}),
            }
        )
    tcp = {name: pytest.approx(number, rel=1e-12) for name, number in given.tcp.items()}
    return {"metrics": metrics, "tcp": tcp, "unknown": []}


def expected(profile: Profile, unsupported: dict[str, str]) -> dict[str, Any]:
    return {
        edge.id: {
            "id": edge.id,
            **{name: getattr(edge, name) for name in ("transport", "protocol", "security", "label", "own")},
            "client": end(edge.client),
            "server": end(edge.server),
            "tls": {name: list(said) for name, said in edge.tls.items()} if edge.tls else None,
            "connections": {
                "opened": edge.connections.opened,
                "closed": edge.connections.closed,
                "active": edge.connections.active,
                "failed": dict(edge.connections.failed),
            },
            "clientSide": side(edge.client_side, "client", profile.window.seconds, unsupported),
            "serverSide": side(edge.server_side, "server", profile.window.seconds, unsupported),
        }
        for edge in profile.edges
    }


def answered(edges: list[dict[str, Any]]) -> dict[str, Any]:
    """An answer in the same form: what has no order by name, and what is not measured without its nulls."""
    for edge in edges:
        edge["connections"]["failed"] = _named(edge["connections"]["failed"])
        for name in ("clientSide", "serverSide"):
            if edge[name] is None:
                continue
            edge[name]["tcp"] = {row["name"]: row["value"] for row in edge[name]["tcp"]}
            edge[name]["metrics"] = [_metric(metric) for metric in edge[name]["metrics"]]
    return {edge["id"]: edge for edge in edges}


def _metric(metric: dict[str, Any]) -> dict[str, Any]:
    if metric["count"] is None:
        assert not metric["reasons"] and not metric["histogram"] and metric["whyNot"]
        return {"metric": metric["metric"], "whyNot": metric["whyNot"]}
    return {**metric, "reasons": _named(metric["reasons"])}


def _named(reasons: list[dict[str, Any]]) -> dict[str, int]:
    return {row["reason"]: row["count"] for row in reasons}
