"""How much went on over time, for the axis on which a window is chosen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from hopscope.server.access.identity import Caller
from hopscope.server.query.alive import Alive
from hopscope.server.query.lines import Lines, watched
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, fullest, hosts_of, window_of
from hopscope.server.query.windows import Cut, asked, kept, text
from hopscope.server.storage.tables.kept import RESOLUTIONS

MOST, MOST_PROCESSES = 1000, 5000
CALLS = "if(written > 0, written, taken)"
"""SQL: the calls of a row of `by_line`."""
_CLIENT, _SERVER = 1, 2


def by_line(rows: str, step: int) -> str:
    """SQL: what lines did in each `step` seconds, of their rows (Lines.rows): calls, counted at the client, else at the
    server, and failures; both ends see the same reset."""
    return (
        f"SELECT line, intDiv(toUnixTimestamp(ts), {step}) AS slot, sumIf(write_count, side = {_CLIENT}) AS written,"
        f" sumIf(read_count, side = {_SERVER}) AS taken, sum(arraySum(mapValues(failed))) AS refused,"
        f" greatest(sumIf(reset[''], side = {_CLIENT}), sumIf(reset[''], side = {_SERVER})) AS resets"
        f" FROM {rows} GROUP BY line, slot"
    )


class Timeline:
    """Query.timeline."""

    def __init__(self, reader: Reader, lines: Lines) -> None:
        self._reader, self._lines = reader, lines
        self._alive = Alive(reader)
        self.fields: Fields = {
            "Query": {"timeline": self.timeline},
            "Timeline": {"completeness": lambda it: self._reader.completeness(it["_cut"], it["_hosts"])},
        }

    def timeline(
        self, _: Caller, window: Mapping[str, Any], points: int, instance: str | None = None
    ) -> dict[str, Any]:
        """See `Query.timeline` in the schema."""
        if not 0 < points <= MOST:
            raise ValueError(f"points: from 1 to {MOST}")
        now = time.time()
        span = asked(window, now)
        whole = -(-span.seconds // points)
        # The coarsest table whose rows are no longer than a point, if it still has the window.
        least = max(it.seconds for it in RESOLUTIONS if it.seconds <= whole)
        resolution = kept(span.widened(whole), now, self._reader.retention, least)
        step = -(-whole // resolution.seconds) * resolution.seconds
        span = span.widened(step)
        own = None if instance is None else self._reader.processes_of(self._alive.meant(instance))
        slots = range(span.start // step, span.end // step)
        cut = Cut.one(resolution, span)
        went_on = self._went_on(cut, step, None if own is None else list(own)[:MOST_PROCESSES])
        recorded = fullest(self._reader.recorded(cut, step), len(slots))
        return {
            "window": window_of(span),
            "step": step,
            "at": [text(slot * step) for slot in slots],
            "rate": [
                went_on.get(slot, (0, 0))[0] / seconds if seconds else None
                for slot, seconds in zip(slots, recorded, strict=True)
            ],
            "failed": [
                went_on.get(slot, (0, 0))[1] if seconds else None for slot, seconds in zip(slots, recorded, strict=True)
            ],
            "seen": recorded,
            "_cut": cut,
            "_hosts": None if own is None else hosts_of(own.values(), span),
        }

    def _went_on(self, cut: Cut, step: int, processes: list[int] | None) -> dict[int, tuple[int, int]]:
        """Calls and failures by step."""
        among = "client_process IN {p:Array(UInt64)} OR server_process IN {p:Array(UInt64)}"
        which = watched() if processes is None else watched(among)
        found = self._reader.store.query(
            f"SELECT slot, sum({CALLS}) AS calls, sum(refused + resets) AS failed"
            f" FROM ({by_line(self._lines.rows(cut, which), step)}) GROUP BY slot",
            p=processes or [],
        )
        return {row["slot"]: (row["calls"], row["failed"]) for row in found}
