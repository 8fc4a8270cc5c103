"""One number of one edge over time."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from hopscope.metrics import BY_NAME, Metric
from hopscope.server.access.identity import Caller
from hopscope.server.query.edges import SIDES, host_of
from hopscope.server.query.figures import by_metric, number, value
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import MERGED, WITHIN, Reader, Row, number_of, window_of
from hopscope.server.query.windows import MOST_POINTS, Cut, Span, asked, text
from hopscope.server.storage.tables.kept import BY_STEP, Resolution, Step


class Series:
    """Query.series."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.fields: Fields = {"Query": {"series": self.series}}

    def series(
        self, _: Caller, edge: str, metric: str, step: Step, window: Mapping[str, Any], side: str | None = None
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
        line = number_of(edge)
        things = self._reader.entities("edge", [line])[line]
        if not things:
            raise ValueError(f"there is no edge {edge}")
        host = host_of(things, side)
        seen = self._reader.completeness(Cut.one(resolution, span))
        probes = self._reader.probes()
        return {
            "window": window_of(span),
            "step": step,
            "unit": known.unit,
            "points": self._points(line, SIDES[side], known, resolution, span, host, probes.get(host, {})),
            "completeness": [row for row in seen if row["id"] == host],
        }

    def _points(
        self, line: int, side: int, metric: Metric, resolution: Resolution, span: Span, host: int, probes: Row
    ) -> list[dict[str, Any]]:
        found: dict[int, list[Row]] = defaultdict(list)
        for row in self._reader.store.query(
            f"SELECT toUnixTimestamp(ts) AS second, metric, label, {MERGED} FROM metric_{resolution.step}"
            f" WHERE {WITHIN} AND line = {{line:UInt64}} AND side = {{side:UInt8}} AND metric = {{metric:UInt32}}"
            " GROUP BY second, metric, label",
            start=span.start, end=span.end, line=line, side=side, metric=metric.number,
        ):  # fmt: skip
            found[row["second"]].append(row)
        seen = self._reader.store.query(
            f"SELECT toUnixTimestamp(ts) AS second, sum(seconds) AS seconds FROM seen_{resolution.step}"
            f" WHERE {WITHIN} AND host = {{host:UInt64}} GROUP BY second",
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
