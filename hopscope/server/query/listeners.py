"""What listened."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from hopscope.metrics import METRICS
from hopscope.server.access.identity import Caller
from hopscope.server.query.edges import end_of
from hopscope.server.query.figures import by_metric, number
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, Row, window_of
from hopscope.server.query.windows import Cut, asked, best

_LISTENER = tuple(metric for metric in METRICS if metric.where == "listener")


class Listeners:
    """Query.listeners."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.fields: Fields = {
            "Query": {"listeners": self.listeners},
            "Listeners": {"completeness": lambda it: self._reader.completeness(it["_cut"])},
        }

    def listeners(self, _: Caller, window: Mapping[str, Any]) -> dict[str, Any]:
        """See `Query.listeners` in the schema."""
        now = time.time()
        cut = Cut.one(*best(asked(window, now), now, self._reader.retention))
        lines = self._reader.store.query(
            f"SELECT DISTINCT line FROM {cut.rows('metric', 'line IN (SELECT id FROM listener)')}"
        )
        ids = [row["line"] for row in lines]
        things = self._reader.entities("listener", ids)
        processes = self._reader.processes(things, ("process_process",))
        rows: dict[int, list[Row]] = defaultdict(list)
        for row in self._reader.rows(ids, cut):
            rows[row["line"]].append(row)
        made = []
        for line in sorted(things):
            found = by_metric(rows[line])
            end = end_of(things[line][0], "process", processes)
            numbers = {m.name: round(number(m, found.get(m.number, {})) or 0) for m in _LISTENER}
            made.append({"process": end, "address": end["address"], **numbers})
        return {"window": window_of(cut.span), "listeners": made, "_cut": cut}
