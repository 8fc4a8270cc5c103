"""Who reports, what can be measured, and how this server is."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from hopscope.metrics import METRICS
from hopscope.server import VERSION
from hopscope.server.access.identity import Caller
from hopscope.server.ingest import Ingest
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, pairs
from hopscope.server.query.windows import Cut, Span, asked, best, text
from hopscope.server.spool import Spool


class Agents:
    """Query.agents, completeness, metrics, server."""

    def __init__(self, reader: Reader, spool: Spool, ingest: Ingest) -> None:
        self._reader = reader
        self._spool = spool
        self._ingest = ingest
        self.fields: Fields = {
            "Query": {
                "agents": self.agents,
                "completeness": self.completeness,
                "metrics": self.metrics,
                "server": self.server,
            }
        }

    def agents(self, _: Caller) -> list[dict[str, Any]]:
        """See `Query.agents` in the schema."""
        seen = {
            row["id"]: row
            for row in self._reader.store.query(
                "SELECT host AS id, max(state).1 AS last_second, max(skew).2 AS skew_ms, sum(batches) AS batches,"
                " sum(rows) AS rows, sum(unknown) AS unknown_rows FROM seen_1h GROUP BY id"
            )
        }
        gaps = self._reader.gaps(Span(0, (1 << 32) - 1))
        nothing = {"last_second": 0, "skew_ms": 0, "batches": 0, "rows": 0, "unknown_rows": 0}
        made = []
        for row in self._reader.agents():
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
                    "attributes": pairs(row["attributes"]),
                    "boot": f"{row['boot']:016x}",
                    "last_seen": text(own["last_second"]),
                    "gaps": gaps.get(row["id"], []),
                    "probes": probes,
                }
            )
        return made

    def completeness(self, _: Caller, window: Mapping[str, Any]) -> list[dict[str, Any]]:
        """See `Query.completeness` in the schema."""
        now = time.time()
        return self._reader.completeness(Cut.one(*best(asked(window, now), now, self._reader.retention)))

    def metrics(self, _: Caller) -> list[dict[str, Any]]:
        """See `Query.metrics` in the schema."""
        return [{name: getattr(metric, name) for name in ("number", "name", "unit", "sentence")} for metric in METRICS]

    def server(self, _: Caller) -> dict[str, Any]:
        """See `Query.server` in the schema."""
        batches, size = self._spool.waiting
        return {
            "version": VERSION,
            "spooled": batches,
            "spooled_bytes": size,
            "set_aside": self._spool.aside,
            "trouble": self._ingest.trouble,
        }
