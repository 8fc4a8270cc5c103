"""The sums and states of lines, read from the tables; what several questions build on."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from hopscope.server.analysis.entities import Name
from hopscope.server.analysis.lines import Health, Line, lines
from hopscope.server.analysis.lines import Name as State
from hopscope.server.analysis.sums import CODED_COUNTS, Sums, read
from hopscope.server.query.line_sums import MOST_NAMED, LineSums
from hopscope.server.query.reader import Reader, Row, part_of
from hopscope.server.query.stretches import MOST_READ, stretches
from hopscope.server.query.windows import Cut, Span, text
from hopscope.server.storage.tables.kept import BY_STEP
from hopscope.server.storage.tables.lines import COLUMNS, METRICS

MOST_LINES = 20_000
"""Lines that are looked at for one answer; the schema says so where it may matter."""
_BACK, _MOST_SINCE = 3600, 100
_SUMS = ", ".join(f"{column.merged} AS {column.name}" for column in COLUMNS)
_CODED_SUMS = ", ".join(
    f"CAST({column.merged}, '{CODED_COUNTS}') AS {column.name}"
    if column.part == "counts"
    else f"{column.merged} AS {column.name}"
    for column in COLUMNS
)
# The states of many minutes; round trips are not among what they stand on.
_STATE = ", ".join(f"{column.merged} AS {column.name}" for column in COLUMNS if column.name not in ("rtt", "moved"))
_ROW = ", ".join(["line", "side", "ts", *(column.name for column in COLUMNS)])
_MEASURED = ", ".join(f"{column.measured} AS {column.name}" for column in COLUMNS)
_METRICS = ", ".join(map(str, METRICS))
_NAMED = "line IN {ids:Array(UInt64)}"


def watched(ends: str = "1") -> str:
    """SQL: that a line is not of hopscope itself, and what else is to hold of its edge."""
    return f"line IN (SELECT id FROM edge WHERE own = 0 AND ({ends}))"


class Lines:
    """Reads lines. Each method raises StoreError."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        changes = reader.store.changes
        self._sums = None if changes is None else LineSums(reader.store, changes)

    def summed(self, cut: Cut, ids: Iterable[int] | None = None) -> dict[int, Line]:
        """What lines measured in a window: all of them (none of hopscope's own), or those named."""
        if ids is not None:
            named = sorted(ids)
            return lines(self.sums(cut, named).rows(named))
        rows = self._reader.store.query(
            f"SELECT line, side, {_SUMS} FROM {self.rows(cut, watched())} AS w"
            f" GROUP BY line, side LIMIT {3 * MOST_LINES}"
        )
        return lines(rows)

    def sums(self, cut: Cut, ids: Sequence[int]) -> Sums:
        """What lines, in order, measured in a window."""
        if (kept := self._kept(cut, len(ids))) is not None:
            return kept.summed(cut, ids, self._seconds_from())
        columns = self._reader.store.columns(
            f"SELECT line, side, {_CODED_SUMS} FROM {self.rows(cut, _NAMED)} AS w GROUP BY line, side", ids=list(ids)
        )
        return read(columns, np.array(ids, "<u8"))

    def _kept(self, cut: Cut, count: int) -> LineSums | None:
        """What keeps the sums of so many lines; None: they are summed by the engine."""
        if self._sums is None or count > MOST_NAMED or cut.of_task or stretches(cut) > MOST_READ:
            return None
        return self._sums if cut.span.start >= self._reader.lines_begun() else None

    def _seconds_from(self) -> float:
        return time.time() - 3600 * self._reader.retention.seconds

    def parts(self, cut: Cut, size: int, count: int, ids: Iterable[int]) -> tuple[dict[int, Line], ...]:
        """The same in `count` parts of the window, each of `size` seconds."""
        found: list[list[Row]] = [[] for _ in range(count)]
        for row in self._reader.store.query(
            f"SELECT {part_of(cut, size)}, line, side, {_SUMS} FROM {self.rows(cut, _NAMED)} AS w"
            " GROUP BY part, line, side",
            ids=list(ids),
        ):
            found[row["part"]].append(row)
        return tuple(lines(rows) for rows in found)

    def ends(self, ids: Iterable[int]) -> dict[int, tuple[int, int]]:
        """The processes at the ends of lines, 0 where it is not known, whichever host knows them."""
        found: dict[int, tuple[int, int]] = {}
        for row in self._reader.store.query(
            "SELECT id, max(client_process) AS client, max(server_process) AS server FROM edge FINAL"
            " WHERE id IN {ids:Array(UInt64)} GROUP BY id",
            ids=list(ids),
        ):
            found[row["id"]] = row["client"], row["server"]
        return found

    def health(self, cut: Cut, key: Callable[[Name], Any]) -> dict[Any, Health]:
        """How the lines of each instance, or of what `key` makes of its name, do."""
        found = self.summed(cut)
        ends = self.ends(found)
        names = self._reader.names(process for pair in ends.values() for process in pair)
        seconds = max((row["seconds_recorded"] for row in self._reader.completeness(cut)), default=0.0)
        made: dict[Any, Health] = defaultdict(lambda: Health(seconds))
        for number, line in found.items():
            verdict = line.state()
            for owner in {key(names[process]) for process in ends.get(number, ()) if process in names}:
                made[owner].add(line, verdict)
        return made

    def since(self, bad: Mapping[int, State], end: int, among: Iterable[int] | None = None) -> dict[int, str]:
        """Since which minute lines are in their state without a break, as far as an hour back. `among`: the lines of
        which `summed` was asked for the same answer."""
        under_way = set(list(bad)[:_MOST_SINCE])
        span = Span(-(-(end - _BACK) // 60) * 60, end)
        minutes = self._minutes(Cut.one(BY_STEP["1m"], span), sorted(among or under_way), under_way)
        found: dict[int, int] = {}
        for minute in sorted(minutes, reverse=True):
            if not under_way:
                break
            states = minutes[minute](under_way)
            for number in list(under_way):
                state = states.get(number)
                if state is None:
                    continue
                if state == bad[number] or number not in found:
                    found[number] = minute
                if state not in (bad[number], "none"):
                    under_way.discard(number)
        return {number: text(minute) for number, minute in found.items()}

    def _minutes(
        self, cut: Cut, ids: list[int], some: Iterable[int]
    ) -> Mapping[int, Callable[[Iterable[int]], Mapping[int, State]]]:
        """For each minute of a window what tells the states of some of the lines, of those that have rows in it."""
        if (sums := self._kept(cut, len(ids))) is not None:
            return sums.states(cut, ids, self._seconds_from())
        by_minute: dict[int, list[Row]] = defaultdict(list)
        for row in self._reader.store.query(
            f"SELECT toUnixTimestamp(ts) AS minute, line, side, {_STATE} FROM {self.rows(cut, _NAMED)} AS w"
            " GROUP BY minute, line, side",
            ids=list(some),
        ):
            by_minute[row["minute"]].append(row)

        def states(rows: list[Row], some: Iterable[int]) -> Mapping[int, State]:
            held = lines(row for row in rows if row["line"] in some)
            return {number: line.state_name() for number, line in held.items()}

        return {minute: partial(states, rows) for minute, rows in by_minute.items()}

    def rows(self, cut: Cut, which: str) -> str:
        """SQL: the rows of lines in a window that meet a condition. Those that there are none of, because they are kept
        for a task or older than the table, as the metrics' rows say."""
        begun = self._reader.lines_begun()
        parts = []
        for resolution, span in cut.pieces:
            piece = Cut(span, ((resolution, span),), cut.of_task)
            if cut.of_task or span.start < begun:
                rows = piece.rows("metric", f"metric IN ({_METRICS}) AND {which}")
                parts.append(f"SELECT line, side, ts, {_MEASURED} FROM {rows} GROUP BY line, side, ts")
            else:
                parts.append(f"SELECT {_ROW} FROM {piece.rows('line', which)}")
        return f"({' UNION ALL '.join(parts)})"
