"""All numbers of one edge over time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hopscope.metrics import BY_NAME, SIDE, TCP
from hopscope.server.access.identity import Caller
from hopscope.server.analysis.columns import Points, by_label, floats, measured, plain
from hopscope.server.analysis.entities import Name
from hopscope.server.analysis.series import series
from hopscope.server.query.edges import host_of
from hopscope.server.query.kept_longer import KeptLonger
from hopscope.server.query.neighbours import named
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import MERGED, Reader, Row, number_of, part_of, window_of
from hopscope.server.query.windows import Cut, Span, asked, kept, text
from hopscope.server.storage.tables.kept import BY_STEP, Step

MOST_POINTS = 3600
_NUMBERS = ("count", "bytes", "total", "least", "most", "last", "histogram")
_CONNECTIONS = ("opened", "closed", "active")


class EdgeSeries:
    """Query.edgeSeries."""

    def __init__(self, reader: Reader, kept_longer: KeptLonger) -> None:
        self._reader = reader
        self._kept_longer = kept_longer
        self.fields: Fields = {"Query": {"edgeSeries": self.edge_series}}

    def edge_series(
        self, _: Caller, edge: str, window: Mapping[str, Any], step: Step, points: int | None = None,
        metrics: Sequence[str] | None = None,
    ) -> dict[str, Any]:  # fmt: skip
        """See `Query.edgeSeries` in the schema."""
        if unknown := [name for name in metrics or () if name not in BY_NAME]:
            raise ValueError(f"there is no metric {unknown[0]!r}")
        span = asked(window, time.time())
        line = number_of(edge)
        known = named(self._reader, [line], span)
        if line not in known.things:
            raise ValueError(f"there is no edge {edge}")
        cut, size = self._cut(span, step, points, set(known.names.values()))
        halves = known.whole(line)
        hosts = [host_of(known.things[half], end) for half, end in zip(halves, ("client", "server"), strict=True)]
        recorded = self._reader.recorded(cut, size, set(hosts))
        seen = {host: Points(np.array(seconds)) for host, seconds in recorded.items()}
        rows = self._rows(cut, size, sorted(set(halves)))
        probes = self._reader.probes()
        sides = [
            _side(rows.get((half, number), []), name, seen[host], probes.get(host, {}), metrics)
            for number, (name, half, host) in enumerate(zip(("client", "server"), halves, hosts, strict=True), 1)
        ]
        most = np.max([points.seen for points in seen.values()], axis=0)
        fuller = max(halves, key=lambda half: len(rows.get((half, 0), ())))
        itself = by_label(rows.get((fuller, 0), ()))
        return {
            "window": window_of(cut.span),
            "step": cut.step,
            "point_seconds": size,
            "at": [text(second) for second in range(cut.span.start, cut.span.end, size)],
            "seen": most.tolist(),
            "client": sides[0][0],
            "server": sides[1][0],
            "tcp": sides[0][1] + sides[1][1],
            **_itself(itself, Points(most)),
            "completeness": self._reader.completeness(cut, set(hosts)),
        }

    def _cut(self, span: Span, step: Step, points: int | None, names: set[Name]) -> tuple[Cut, int]:
        """The window in whole points, and the seconds of one."""
        if points is not None and not 0 < points <= MOST_POINTS:
            raise ValueError(f"points: from 1 to {MOST_POINTS}")
        now = time.time()
        finest = kept(span, now, self._reader.retention, BY_STEP[step].seconds)
        of_task = self._kept_longer.cut(span, names, now) if step == "1s" else None
        if of_task is not None:
            finest = BY_STEP["1s"]
        steps = span.widened(finest.seconds).seconds // finest.seconds
        size = finest.seconds * -(-steps // (points or steps))
        whole = span.widened(size)
        if whole.seconds // size > MOST_POINTS + 1:
            raise ValueError(f"more than {MOST_POINTS} points; a shorter window, a longer step, or `points`")
        return Cut(whole, ((finest, whole),), of_task is not None), size

    def _rows(self, cut: Cut, size: int, lines: list[int]) -> dict[tuple[int, int], list[Row]]:
        """The rows of lines by line and side: one for each metric and label, with arrays over the points."""
        rows = cut.rows("metric", "line IN {lines:Array(UInt64)}")
        part = part_of(cut, size)
        keys = "line, side, metric, label"
        whole = max(resolution.seconds for resolution, _ in cut.pieces) == size
        # A point of one step has hardly more than one row for each key: to look for more in the engine took three times
        # as long as to read them. What is many rows is summed there.
        sql = (
            f"SELECT {part}, {keys}, {', '.join(_NUMBERS)} FROM {rows}"
            if whole
            else f"SELECT {part}, {keys}, {MERGED} FROM {rows} GROUP BY part, {keys}"
        )
        found: dict[tuple[int, int], list[Row]] = {}
        for one in series(self._reader.store.columns(sql, lines=lines)):
            found.setdefault((one.line, one.side), []).append(one.row)
        return found


def _side(
    rows: list[Row], name: str, points: Points, probes: Mapping[str, Any], metrics: Sequence[str] | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """What a side measured, and its connections' own numbers; nothing where it was not seen."""
    if not rows:
        return [], []
    found = by_label(rows)
    wanted = [metric for metric in SIDE if metric.at in ("both", name) and (metrics is None or metric.name in metrics)]
    return (
        [measured(metric, found.get(metric.number, {}), points, probes.get(metric.name)) for metric in wanted],
        [
            {
                "side": name,
                "name": metric.name,
                "unit": metric.unit,
                "values": plain(metric, found.get(metric.number, {}).get(""), points),
            }
            for metric in TCP
        ],
    )


def _itself(found: Mapping[int, Mapping[str, Row]], points: Points) -> dict[str, list[dict[str, Any]]]:
    connections = [
        {
            "name": name,
            "unit": BY_NAME[name].unit,
            "values": plain(BY_NAME[name], found.get(BY_NAME[name].number, {}).get(""), points),
        }
        for name in _CONNECTIONS
    ]
    failed = BY_NAME["failed"]
    causes = found.get(failed.number, {})
    failures = [
        {"name": cause, "unit": failed.unit, "values": floats(points.sums(row, "count"))}
        for cause, row in sorted(causes.items())
    ]
    return {"connections": connections, "failed": failures}
