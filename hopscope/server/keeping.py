"""Seconds of profiled instances are copied to where they are kept longer, before the tables of seconds forget them.

How far a task was copied is one of its events, so any server goes on where another one stopped; a copy replaces an
earlier one of itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hopscope.server.analysis.tasks import Task
from hopscope.server.query.neighbours import neighbours
from hopscope.server.query.reader import Reader
from hopscope.server.query.windows import Span
from hopscope.server.storage.store import Store
from hopscope.server.tasks import Tasks

LATE_SECONDS = 900
"""How late a second may be reported: an agent keeps ten minutes of them while the server is away."""
HOUR = 3600
_METRIC, _SEEN = "ts, line, side, metric, label", "ts, host"
_METRIC_SUMS = {
    "count": "sum", "bytes": "sum", "total": "sum", "least": "min", "most": "max", "last": "max", "histogram": "sumMap",
}  # fmt: skip
_SEEN_SUMS = {
    "seconds": "sum", "batches": "sum", "rows": "sum", "unknown": "sum", "amounts": "sumMap", "state": "max",
    "skew": "max",
}  # fmt: skip


class Keeping:
    """Copies seconds. Raises StoreError."""

    def __init__(self, store: Store, reader: Reader, tasks: Tasks) -> None:
        self._store = store
        self._reader = reader
        self._tasks = tasks

    def keep(self, now: float) -> int:
        """Copies what is due; returns of how many tasks. `now`: Unix seconds."""
        done = 0
        for task in self._tasks.all().values():
            span = due(task, now)
            if span is not None:
                for hour in _hours(span):
                    self._copy(task, hour)
                self._tasks.kept(task, 1000 * span.end)
                done += 1
        return done

    def _copy(self, task: Task, span: Span) -> None:
        known = neighbours(self._reader, task.name, span, True)
        halves = sorted({half for line in known.mine for half in known.whole(line)})
        hosts = {row["host"] for half in halves for row in known.things[half]}
        hosts |= {row["host"] for row in known.own.values()}
        if halves:
            self._insert("metric", _METRIC, _METRIC_SUMS, span, f"line IN ({', '.join(map(str, halves))})")
        if hosts:
            self._insert("seen", _SEEN, _SEEN_SUMS, span, f"host IN ({', '.join(map(str, sorted(hosts)))})")

    def _insert(self, table: str, key: str, sums: Mapping[str, str], span: Span, chosen: str) -> None:
        # On a cluster each node copies its own share.
        local = "_local" if self._store.cluster else ""
        merged = ", ".join(f"{how}(held.{column})" for column, how in sums.items())
        self._store.command(
            f"INSERT INTO {table}_kept{local} ({key}, {', '.join(sums)}) SELECT {key}, {merged}"
            f" FROM {table}_1s{local} AS held WHERE ts >= toDateTime({span.start}) AND ts < toDateTime({span.end})"
            f" AND {chosen} GROUP BY {key}"
        )


def due(task: Task, now: float) -> Span | None:
    """The seconds of a task to be copied now: all when it is over, an hour at a time before."""
    if task.refused:
        return None
    start = max(task.created, task.kept_until) // 1000
    end = min(-(-task.ended // 1000), int(now) - LATE_SECONDS)
    over = now >= task.ended / 1000 + LATE_SECONDS
    return Span(start, end) if end - start >= (1 if over else HOUR) else None


def _hours(span: Span) -> Iterator[Span]:
    for start in range(span.start, span.end, HOUR):
        yield Span(start, min(start + HOUR, span.end))
