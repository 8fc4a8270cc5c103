"""How many calls services and instances had, minute by minute."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from threading import Lock

from hopscope.server.analysis.entities import Name
from hopscope.server.query.lines import MOST_LINES, Lines, watched
from hopscope.server.query.reader import Reader, fullest
from hopscope.server.query.timeline import CALLS, by_line
from hopscope.server.query.windows import Cut, Span
from hopscope.server.storage.tables.kept import BY_STEP

MINUTES = 15
AGAIN_SECONDS = 5
"""A trend is read again after so long, whoever asks: a table of a thousand lines then costs what one reader costs."""
_MINUTE = BY_STEP["1m"]
_NOTHING = [None] * MINUTES
Trend = Sequence[float | None]


class Trends:
    """Calls per second in each of the last MINUTES minutes, the running one too. Thread-safe."""

    def __init__(self, reader: Reader, lines: Lines) -> None:
        self._reader, self._lines = reader, lines
        self._guard = Lock()
        self._read = 0.0
        self._by_owner: Mapping[Name | str, Trend] = {}
        self._idle: Trend = _NOTHING

    def of(self, owner: Name | str) -> Trend:
        """Of an instance, or of a service by its name; None where nothing was recorded. Raises StoreError."""
        with self._guard:
            if time.monotonic() - self._read >= AGAIN_SECONDS:
                self._by_owner = self._owners(int(time.time()))
                self._read = time.monotonic()
            return self._by_owner.get(owner, self._idle)

    def _owners(self, now: int) -> dict[Name | str, Trend]:
        last = now // _MINUTE.seconds + 1
        span = Span((last - MINUTES) * _MINUTE.seconds, last * _MINUTE.seconds)
        seconds = fullest(self._reader.recorded(Cut.one(_MINUTE, span), _MINUTE.seconds), MINUTES)
        calls: dict[Name | str, Counter[int]] = defaultdict(Counter)
        minutes = self._calls(span)
        ends = self._lines.ends(minutes)
        names = self._reader.names(process for pair in ends.values() for process in pair)
        for line, held in minutes.items():
            known = {names[process] for process in ends.get(line, ()) if process in names}
            for owner in known | {name.service for name in known}:
                calls[owner].update(held)
        first = last - MINUTES
        self._idle = _rates(Counter(), first, seconds)
        return {owner: _rates(held, first, seconds) for owner, held in calls.items()}

    def _calls(self, span: Span) -> dict[int, Mapping[int, int]]:
        """By line and minute."""
        rows = self._lines.rows(Cut.one(_MINUTE, span), watched())
        found = self._reader.store.query(
            f"SELECT line, groupArray(slot) AS slots, groupArray({CALLS}) AS calls"
            f" FROM ({by_line(rows, _MINUTE.seconds)}) GROUP BY line LIMIT {MOST_LINES}"
        )
        return {row["line"]: dict(zip(row["slots"], row["calls"], strict=True)) for row in found}


def _rates(calls: Counter[int], first: int, seconds: Sequence[float]) -> Trend:
    return [calls[first + index] / recorded if recorded else None for index, recorded in enumerate(seconds)]
