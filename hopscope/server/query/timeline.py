"""How much went on over time, for the axis on which a window is chosen."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from hopscope.metrics import ABSENT, BY_NAME
from hopscope.server.access.identity import Caller
from hopscope.server.query.alive import Alive
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import WITHIN, Reader, fullest, hosts_of, window_of
from hopscope.server.query.windows import Cut, Span, asked, kept, text
from hopscope.server.storage.tables.kept import RESOLUTIONS, Resolution

MOST, MOST_PROCESSES = 1000, 5000
CALLS = "if(written > 0, written, taken)"
"""SQL: the calls of a row of `by_line`."""
_ALL = _WRITE, _READ, _FAILED, _RESET = tuple(BY_NAME[name].number for name in ("write", "read", "failed", "reset"))
_CLIENT, _SERVER = 1, 2
_CALLS = (
    f"sumIf(count, metric = {_WRITE} AND side = {_CLIENT} AND label = '') AS written,"
    f" sumIf(count, metric = {_READ} AND side = {_SERVER} AND label = '') AS taken"
)
# Both ends see the same reset.
_FAILURES = (
    f"sumIf(count, metric = {_FAILED} AND label != '{ABSENT}') AS refused,"
    f" greatest(sumIf(count, metric = {_RESET} AND side = {_CLIENT} AND label = ''),"
    f" sumIf(count, metric = {_RESET} AND side = {_SERVER} AND label = '')) AS resets"
)


def by_line(resolution: Resolution, failures: bool = False, which: str = "") -> str:
    """SQL: what lines, none of hopscope's own, did in each `step` from `start` to `end`, counted at the client, else at
    the server; `which`: a further condition on the edges."""
    sums, metrics = (f"{_CALLS}, {_FAILURES}", _ALL) if failures else (_CALLS, _ALL[:2])
    return (
        f"SELECT line, intDiv(toUnixTimestamp(ts), {{step:UInt32}}) AS slot, {sums} FROM metric_{resolution.step}"
        f" WHERE {WITHIN} AND metric IN ({', '.join(map(str, metrics))})"
        f" AND line IN (SELECT id FROM edge WHERE own = 0{which}) GROUP BY line, slot"
    )


class Timeline:
    """Query.timeline."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
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
        went_on = self._went_on(span, step, resolution, None if own is None else list(own)[:MOST_PROCESSES])
        slots = range(span.start // step, span.end // step)
        cut = Cut.one(resolution, span)
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

    def _went_on(
        self, span: Span, step: int, resolution: Resolution, processes: list[int] | None
    ) -> dict[int, tuple[int, int]]:
        """Calls and failures by step."""
        own = (
            ""
            if processes is None
            else " AND (client_process IN {p:Array(UInt64)} OR server_process IN {p:Array(UInt64)})"
        )
        rows = self._reader.store.query(
            f"SELECT slot, sum({CALLS}) AS calls, sum(refused + resets) AS failed"
            f" FROM ({by_line(resolution, failures=True, which=own)}) GROUP BY slot",
            start=span.start, end=span.end, step=step, p=processes or [],
        )  # fmt: skip
        return {row["slot"]: (row["calls"], row["failed"]) for row in rows}
