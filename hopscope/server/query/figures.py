"""From summed rows to what a side, a number, a point shows. Pure.

A row: metric, label, count, bytes, total, least, most, last, histogram, each already merged over its time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from hopscope.edges.histogram import Triple, bounds
from hopscope.metrics import ABSENT, BY_NUMBER, SIDE, TCP, Metric
from hopscope.server.analysis.columns import TIMES, reasons

Row = Mapping[str, Any]
Labels = Mapping[str, Row]


def by_metric(rows: Iterable[Row]) -> dict[int, dict[str, Row]]:
    """Rows by metric number and label."""
    found: dict[int, dict[str, Row]] = defaultdict(dict)
    for row in rows:
        found[row["metric"]][row["label"]] = row
    return found


def side(rows: Iterable[Row], name: str, seconds: float, probes: Mapping[str, Any]) -> dict[str, Any]:
    """What `client` or `server` measured; `seconds` were recorded by its host, with `probes`."""
    found = by_metric(rows)
    return {
        "values": [
            value(metric, found.get(metric.number, {}), seconds, probes)
            for metric in SIDE
            if metric.at in ("both", name)
        ],
        "tcp": [
            {"name": metric.name, "unit": metric.unit, "value": measured}
            for metric in TCP
            if (measured := number(metric, found.get(metric.number, {}))) is not None
        ],
        "unknown": [
            {"number": metric, "label": label, **{key: row[key] for key in ("count", "bytes", "total")}}
            for metric, labels in found.items()
            if metric not in BY_NUMBER
            for label, row in labels.items()
        ],
    }


def value(metric: Metric, labels: Labels, seconds: float, probes: Mapping[str, Any]) -> dict[str, Any]:
    """A metric with its parts. Without rows it is 0, unless no probe measures it."""
    probe = probes.get(metric.name)
    if not labels and probe is not None and not probe["rung"]:
        return _none(metric, probe["why_not"] or "not supported")
    if labels.keys() == {ABSENT}:
        return _none(metric, "not measured in this window")
    whole = labels.get("", {})
    count, moved = whole.get("count", 0), whole.get("bytes", 0) if "bytes" in metric.parts else None
    times = {part: labels[part] for part in TIMES if part in labels}
    timed = next((times[part] for part in ("time_ns", "call_ns") if part in times), None)
    return {
        "metric": metric.name,
        "count": count,
        "bytes": moved,
        "rate": count / seconds if seconds else None,
        "bytes_rate": moved / seconds if seconds and moved is not None else None,
        **{part: round(row["total"]) for part, row in times.items()},
        "timed": timed["count"] if timed else None,
        "average_ns": timed["total"] / timed["count"] if timed and timed["count"] else None,
        "histogram": [triple for row in times.values() for triple in triples(row["histogram"])],
        "reasons": [{"reason": label, "count": row["count"]} for label, row in reasons(labels).items()],
        "why_not": probe["why_not"] or None if probe and not probe["rung"] else None,
    }


def _none(metric: Metric, why_not: str) -> dict[str, Any]:
    return {"metric": metric.name, "histogram": [], "reasons": [], "why_not": why_not}


def triples(histogram: Mapping[str, int]) -> list[Triple]:
    """The buckets in order, with their bounds in ns."""
    return [(*bounds(index), count) for index, count in sorted((int(key), n) for key, n in histogram.items())]


def number(metric: Metric, labels: Labels) -> float | None:
    """A plain number: a sum that has no rows is 0, a gauge without any is unknown."""
    row = labels.get("")
    if row is None:
        return 0.0 if metric.merge == "sum" and ABSENT not in labels else None
    merged: float = {
        "sum": row["total"],
        "mean": row["total"] / row["count"] if row["count"] else 0.0,
        "min": row["least"],
        "max": row["most"],
        "last": row["last"][1],
    }[metric.merge]
    return merged
