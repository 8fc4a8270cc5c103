"""What the tables say to each question: SQL in, plain values out."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hopscope.edges.label import label
from hopscope.metrics import BY_NAME, METRICS, Metric
from hopscope.server.query.figures import by_metric, number, side, value
from hopscope.server.query.windows import MOST_POINTS, Span, asked, best, text
from hopscope.server.storage.schema import BY_STEP, Resolution, Step
from hopscope.server.storage.store import Store

MOST_EDGES, MOST_GAPS = 5000, 100
SIDES = {None: 0, "client": 1, "server": 2}
_LISTENER = tuple(metric for metric in METRICS if metric.where == "listener")
_MERGED = (
    "sum(count) AS count, sum(bytes) AS bytes, sum(total) AS total, min(least) AS least, max(most) AS most, "
    "max(last) AS last, sumMap(histogram) AS histogram"
)
_WITHIN = "ts >= toDateTime({start:UInt32}) AND ts < toDateTime({end:UInt32})"
Row = Mapping[str, Any]


class Answers:
    """Asks a store. Each method raises StoreError, and ValueError for what cannot be asked."""

    def __init__(self, store: Store, retention_hours: int) -> None:
        self._store = store
        self._retention_hours = retention_hours

    def edges(self, window: Mapping[str, Any], own: bool, limit: int) -> dict[str, Any]:
        """See `Query.edges` in the schema."""
        if not 0 < limit <= MOST_EDGES:
            raise ValueError(f"limit: from 1 to {MOST_EDGES}")
        now = time.time()
        resolution, span = best(asked(window, now), now, self._retention_hours)
        lines = self._store.query(
            f"SELECT line, sum(m.bytes) AS moved, count() OVER () AS lines FROM hopscope.metric_{resolution.step} AS m"
            f" WHERE {_WITHIN} AND line IN (SELECT id FROM hopscope.edge WHERE own <= {{own:UInt8}})"
            " GROUP BY line ORDER BY moved DESC, line LIMIT {limit:UInt32}",
            start=span.start, end=span.end, own=int(own), limit=limit,
        )  # fmt: skip
        completeness = self._completeness(span, resolution)
        return {
            "window": _window(span),
            "step": resolution.step,
            "total": lines[0]["lines"] if lines else 0,
            "edges": self._described([row["line"] for row in lines], span, resolution, completeness),
            "completeness": completeness,
        }

    def _described(
        self, lines: list[int], span: Span, resolution: Resolution, completeness: Iterable[Row]
    ) -> list[dict[str, Any]]:
        rows: dict[int, dict[int, list[Row]]] = defaultdict(lambda: defaultdict(list))
        for row in self._rows(lines, span, resolution):
            rows[row["line"]][row["side"]].append(row)
        things = self._entities("edge", lines)
        processes = self._processes(things, ("client_process", "server_process"))
        seconds = {row["id"]: row["seconds_recorded"] for row in completeness}
        probes = {row["id"]: json.loads(row["probes"]) for row in self._agents()}
        return [_edge(things[line], rows[line], processes, seconds, probes) for line in lines if line in things]

    def _rows(self, lines: list[int], span: Span, resolution: Resolution) -> Sequence[Row]:
        return self._store.query(
            f"SELECT line, side, metric, label, {_MERGED} FROM hopscope.metric_{resolution.step}"
            f" WHERE {_WITHIN} AND line IN {{lines:Array(UInt64)}} GROUP BY line, side, metric, label",
            start=span.start, end=span.end, lines=lines,
        )  # fmt: skip

    def _entities(self, kind: str, ids: list[int]) -> dict[int, list[Row]]:
        """What is known of things, by id, the latest first; several hosts may know of one."""
        found: dict[int, list[Row]] = defaultdict(list)
        sql = f"SELECT * FROM hopscope.{kind} FINAL WHERE id IN {{ids:Array(UInt64)}} ORDER BY last DESC"
        for row in self._store.query(sql, ids=ids):
            found[row["id"]].append(row)
        return found

    def _processes(self, things: Mapping[int, list[Row]], ends: Iterable[str]) -> dict[int, Row]:
        ids = {row[end] for rows in things.values() for row in rows for end in ends} - {0}
        return {number: rows[0] for number, rows in self._entities("process", sorted(ids)).items()}

    def _agents(self) -> Sequence[Row]:
        return self._store.query("SELECT * FROM hopscope.agent FINAL ORDER BY host")

    def _completeness(self, span: Span, resolution: Resolution) -> list[dict[str, Any]]:
        seen = self._store.query(
            "SELECT host AS id, sum(seconds) AS seconds, sumMap(amounts) AS amounts, max(state).2 AS state"
            f" FROM hopscope.seen_{resolution.step} WHERE {_WITHIN} GROUP BY id ORDER BY id",
            start=span.start, end=span.end,
        )  # fmt: skip
        gaps = self._gaps(span)
        names = {row["id"]: row["host"] for row in self._agents()}
        hosts = {row["id"]: row for row in seen} | {
            host: {"seconds": 0.0, "amounts": {}, "state": ""} for host in gaps if host not in {r["id"] for r in seen}
        }
        return [
            {
                "id": host,
                "host": names.get(host, f"{host:016x}"),
                "seconds_asked": span.seconds,
                "seconds_recorded": row["seconds"],
                "gaps": gaps.get(host, []),
                "amounts": [{"name": name, "value": amount} for name, amount in sorted(row["amounts"].items())],
                "state": json.loads(row["state"]) if row["state"] else None,
            }
            for host, row in hosts.items()
        ]

    def _gaps(self, span: Span) -> dict[int, list[dict[str, Any]]]:
        found = defaultdict(list)
        for row in self._store.query(
            "SELECT host, toUnixTimestamp(ts) AS second, seconds, batches, cause FROM hopscope.gap"
            " WHERE ts < toDateTime({end:UInt32}) AND ts + seconds > toDateTime({start:UInt32})"
            f" ORDER BY ts DESC LIMIT {MOST_GAPS} BY host",
            start=span.start, end=span.end,
        ):  # fmt: skip
            found[row["host"]].append(
                {"from": text(row["second"]), **{name: row[name] for name in ("seconds", "batches", "cause")}}
            )
        return found

    def series(
        self, edge: str, metric: str, step: Step, window: Mapping[str, Any], side: str | None = None
    ) -> dict[str, Any]:
        """See `Query.series` in the schema."""
        known, resolution = BY_NAME.get(metric), BY_STEP[step]
        if known is None:
            raise ValueError(f"there is no metric {metric!r}")
        if (known.where in ("side", "tcp")) != (side is not None):
            raise ValueError(
                f"{metric} is " + ("of one side; which?" if side is None else "of the edge, not of a side")
            )
        span = asked(window, time.time()).widened(resolution.seconds)
        if span.seconds // resolution.seconds > MOST_POINTS:
            raise ValueError(f"more than {MOST_POINTS} points; a shorter window or a longer step")
        line = _number(edge)
        things = self._entities("edge", [line])[line]
        if not things:
            raise ValueError(f"there is no edge {edge}")
        host = _host_of(things, side)
        probes = {row["id"]: json.loads(row["probes"]) for row in self._agents()}
        return {
            "window": _window(span),
            "step": step,
            "unit": known.unit,
            "points": self._points(line, SIDES[side], known, resolution, span, host, probes.get(host, {})),
            "completeness": [row for row in self._completeness(span, resolution) if row["id"] == host],
        }

    def _points(
        self, line: int, side: int, metric: Metric, resolution: Resolution, span: Span, host: int, probes: Row
    ) -> list[dict[str, Any]]:
        found: dict[int, list[Row]] = defaultdict(list)
        for row in self._store.query(
            f"SELECT toUnixTimestamp(ts) AS second, metric, label, {_MERGED} FROM hopscope.metric_{resolution.step}"
            f" WHERE {_WITHIN} AND line = {{line:UInt64}} AND side = {{side:UInt8}} AND metric = {{metric:UInt32}}"
            " GROUP BY second, metric, label",
            start=span.start, end=span.end, line=line, side=side, metric=metric.number,
        ):  # fmt: skip
            found[row["second"]].append(row)
        seen = self._store.query(
            f"SELECT toUnixTimestamp(ts) AS second, sum(seconds) AS seconds FROM hopscope.seen_{resolution.step}"
            f" WHERE {_WITHIN} AND host = {{host:UInt64}} GROUP BY second",
            start=span.start, end=span.end, host=host,
        )  # fmt: skip
        seconds = {row["second"]: row["seconds"] for row in seen}
        plain = metric.parts == ("value",)
        points = []
        for second in range(span.start, span.end, resolution.seconds):
            labels = by_metric(found.get(second, ())).get(metric.number, {})
            recorded = seconds.get(second, 0.0)
            known = bool(labels or recorded)
            points.append(
                {
                    "at": text(second),
                    "seen": recorded,
                    "value": value(metric, labels, recorded, probes) if known and not plain else None,
                    "number": number(metric, labels) if known and plain else None,
                }
            )
        return points

    def listeners(self, window: Mapping[str, Any]) -> list[dict[str, Any]]:
        """See `Query.listeners` in the schema."""
        now = time.time()
        resolution, span = best(asked(window, now), now, self._retention_hours)
        lines = self._store.query(
            f"SELECT DISTINCT line FROM hopscope.metric_{resolution.step} WHERE {_WITHIN} AND line IN"
            " (SELECT id FROM hopscope.listener)",
            start=span.start, end=span.end,
        )  # fmt: skip
        ids = [row["line"] for row in lines]
        things = self._entities("listener", ids)
        processes = self._processes(things, ("process_process",))
        rows: dict[int, list[Row]] = defaultdict(list)
        for row in self._rows(ids, span, resolution):
            rows[row["line"]].append(row)
        made = []
        for line in sorted(things):
            found = by_metric(rows[line])
            end = _end(things[line][0], "process", processes)
            numbers = {m.name: round(number(m, found.get(m.number, {})) or 0) for m in _LISTENER}
            made.append({"process": end, "address": end["address"], **numbers})
        return made

    def agents(self) -> list[dict[str, Any]]:
        """See `Query.agents` in the schema."""
        seen = {
            row["id"]: row
            for row in self._store.query(
                "SELECT host AS id, max(state).1 AS last_second, max(skew).2 AS skew_ms, sum(batches) AS batches,"
                " sum(rows) AS rows, sum(unknown) AS unknown_rows FROM hopscope.seen_1h GROUP BY id"
            )
        }
        gaps = self._gaps(Span(0, (1 << 32) - 1))
        nothing = {"last_second": 0, "skew_ms": 0, "batches": 0, "rows": 0, "unknown_rows": 0}
        made = []
        for row in self._agents():
            own = seen.get(row["id"], nothing)
            probes = [
                {"metric": name, **{key: text or None for key, text in probe.items()}}
                for name, probe in json.loads(row["probes"]).items()
            ]
            made.append(
                {
                    **{key: own[key] for key in nothing},
                    "host": row["host"],
                    "version": row["version"],
                    "boot": f"{row['boot']:016x}",
                    "last_seen": text(own["last_second"]),
                    "gaps": gaps.get(row["id"], []),
                    "probes": probes,
                }
            )
        return made


def _window(span: Span) -> dict[str, Any]:
    return {"from": text(span.start), "to": text(span.end), "seconds": span.seconds}


def _number(identity: str) -> int:
    try:
        return int(identity, 16)
    except ValueError as error:
        raise ValueError(f"{identity!r} is not an id") from error


def _host_of(things: list[Row], side: str | None) -> int:
    """The host that measures a side: the one on which its process is."""
    ends = (f"{side}_process",) if side else ("client_process", "server_process")
    host: int = next((row["host"] for row in things for end in ends if row[end]), things[0]["host"])
    return host


def _end(thing: Row, name: str, processes: Mapping[int, Row]) -> dict[str, Any]:
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


def _edge(
    things: list[Row], rows: Mapping[int, list[Row]], processes: Mapping[int, Row], seconds: Mapping[int, float],
    probes: Mapping[int, Row],
) -> dict[str, Any]:  # fmt: skip
    latest = things[0]
    ends = {}
    for name in ("client", "server"):
        witness = next((thing for thing in things if thing[f"{name}_process"]), latest)
        ends[name] = _end(witness, name, processes)
    learned = next((thing for thing in things if thing["protocol"] != "unknown"), latest)
    own = by_metric(rows.get(0, ()))
    counts = {name: number(BY_NAME[name], own.get(BY_NAME[name].number, {})) for name in ("opened", "closed", "active")}
    failed = own.get(BY_NAME["failed"].number, {})
    sides = {}
    for name in ("client", "server"):
        held = rows.get(SIDES[name])
        host = _host_of(things, name)
        measured = side(held, name, seconds.get(host, 0.0), probes.get(host, {})) if held else None
        sides[f"{name}_side"] = measured
    return {
        "id": f"{latest['id']:016x}",
        **ends,
        **{name: learned[name] for name in ("transport", "protocol", "security")},
        "label": label(learned["transport"], learned["protocol"], learned["security"]),
        "tls": {"sni": latest["sni"], "alpn": latest["alpn"]} if latest["sni"] or latest["alpn"] else None,
        "own": bool(latest["own"]),
        "connections": {
            **{name: round(count or 0) for name, count in counts.items()},
            "failed": [{"reason": cause, "count": row["count"]} for cause, row in failed.items()],
        },
        **sides,
    }
