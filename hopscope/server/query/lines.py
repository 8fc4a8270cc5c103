"""The sums and states of lines, read from the tables; what several questions build on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from hopscope.server.analysis.entities import Name
from hopscope.server.analysis.lines import Health, Line, lines
from hopscope.server.analysis.lines import Name as State
from hopscope.server.query.reader import Reader, Row, part_of
from hopscope.server.query.windows import Cut, Span, text
from hopscope.server.storage.tables.kept import BY_STEP
from hopscope.server.storage.tables.lines import COLUMNS, METRICS

MOST_LINES = 20_000
"""Lines that are looked at for one answer; the schema says so where it may matter."""
_BACK, _MOST_SINCE = 3600, 100
_SUMS = ", ".join(f"{column.merged} AS {column.name}" for column in COLUMNS)
# The states of many minutes; round trips are not among what they stand on.
_STATE = ", ".join(f"{column.merged} AS {column.name}" for column in COLUMNS if column.name not in ("rtt", "moved"))
_ROW = ", ".join(["line", "side", "ts", *(column.name for column in COLUMNS)])
_MEASURED = ", ".join(f"{column.measured} AS {column.name}" for column in COLUMNS)
_METRICS = ", ".join(map(str, METRICS))
_NAMED = "line IN {ids:Array(UInt64)}"


class Lines:
    """Reads lines. Each method raises StoreError."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def summed(self, cut: Cut, ids: Iterable[int] | None = None) -> dict[int, Line]:
        """What lines measured in a window: all of them (none of hopscope's own), or those named."""
        which = _NAMED if ids is not None else "line IN (SELECT id FROM edge WHERE own = 0)"
        rows = self._reader.store.query(
            f"SELECT line, side, {_SUMS} FROM {self._rows(cut, which)} AS w GROUP BY line, side LIMIT {3 * MOST_LINES}",
            ids=list(ids or ()),
        )
        return lines(rows)

    def parts(self, cut: Cut, size: int, count: int, ids: Iterable[int]) -> tuple[dict[int, Line], ...]:
        """The same in `count` parts of the window, each of `size` seconds."""
        found: list[list[Row]] = [[] for _ in range(count)]
        for row in self._reader.store.query(
            f"SELECT {part_of(cut, size)}, line, side, {_SUMS} FROM {self._rows(cut, _NAMED)} AS w"
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

    def since(self, bad: Mapping[int, State], end: int) -> dict[int, str]:
        """Since which minute lines are in their state without a break, as far as an hour back."""
        some = list(bad)[:_MOST_SINCE]
        cut = Cut.one(BY_STEP["1m"], Span(end - _BACK, end))
        by_minute: dict[int, list[Row]] = defaultdict(list)
        for row in self._reader.store.query(
            f"SELECT toUnixTimestamp(ts) AS minute, line, side, {_STATE} FROM {self._rows(cut, _NAMED)} AS w"
            " GROUP BY minute, line, side",
            ids=some,
        ):
            by_minute[row["minute"]].append(row)
        minutes = {minute: lines(rows) for minute, rows in by_minute.items()}
        found = {}
        for number in some:
            earliest = max((minute for minute, held in minutes.items() if number in held), default=None)
            for minute in sorted(minutes, reverse=True):
                state = minutes[minute][number].state_name() if number in minutes[minute] else "none"
                if state == bad[number]:
                    earliest = minute
                elif state != "none":
                    break
            if earliest is not None:
                found[number] = text(earliest)
        return found

    def _rows(self, cut: Cut, which: str) -> str:
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
