"""What changed on an instance's lines from one window to another."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hopscope.server.access.identity import Caller
from hopscope.server.analysis.comparison import FIGURES, Window, changes
from hopscope.server.analysis.lines import Line, whole_line
from hopscope.server.analysis.words import words
from hopscope.server.query.alive import Alive
from hopscope.server.query.lines import Lines
from hopscope.server.query.neighbours import neighbours
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, fullest, window_of
from hopscope.server.query.windows import Cut, Span, asked, few_rows

MOST, PARTS = 1000, 10
"""Changes in an answer; parts of a window by whose difference is judged how much a line varies."""


@dataclass(frozen=True, slots=True)
class _Window:
    cut: Cut
    whole: Mapping[int, Line]
    parts: tuple[Mapping[int, Line], ...]
    seconds: float
    seconds_of: tuple[float, ...]
    completeness: list[dict[str, Any]]

    def line(self, halves: tuple[int, int]) -> Window:
        """A line in it."""
        parts = tuple(
            (whole_line(part, halves), seconds) for part, seconds in zip(self.parts, self.seconds_of, strict=True)
        )
        return Window(whole_line(self.whole, halves), self.seconds, parts)


class Compare:
    """Query.compare."""

    def __init__(self, reader: Reader, lines: Lines) -> None:
        self._reader = reader
        self._lines = lines
        self._alive = Alive(reader)
        self.fields: Fields = {"Query": {"compare": self.compare}}

    def compare(self, _: Caller, instance: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, Any]:
        """See `Query.compare` in the schema."""
        now = time.time()
        name = self._alive.meant(instance)
        cuts = [few_rows(asked(window, now), now, self._reader.retention) for window in (a, b)]
        reach = Span(min(cut.span.start for cut in cuts), max(cut.span.end for cut in cuts))
        known = neighbours(self._reader, name, reach, False)
        places, ends, _inside = known.places()
        halves = {line: known.whole(line) for line in ends}
        hosts = {row["host"] for pair in halves.values() for half in pair for row in known.things[half]}
        ids = sorted({half for pair in halves.values() for half in pair})
        first, second = (self._window(cut, ids, hosts) for cut in cuts)
        logged = self._reader.logged(known.things, reach)
        found = []
        compared = 0
        for line, pair in halves.items():
            before, after = first.line(pair), second.line(pair)
            compared += before.whole is not None and after.whole is not None
            for change in changes(before, after):
                names = [places.nodes[node].name for node in ends[line]]
                found.append(
                    {
                        "edge": f"{line:016x}",
                        "client": ends[line][0],
                        "server": ends[line][1],
                        "client_name": names[0],
                        "server_name": names[1],
                        "label": words([row for half in pair for row in known.things[half]], logged).label,
                        **{key: getattr(change, key) for key in _CHANGE},
                    }
                )
        found.sort(key=lambda it: (-it["sure"], it["edge"], it["metric"]))
        return {
            "a": window_of(first.cut.span),
            "b": window_of(second.cut.span),
            "lines": found[:MOST],
            "compared": compared,
            "figures": compared * len(FIGURES),
            "completeness_a": first.completeness,
            "completeness_b": second.completeness,
        }

    def _window(self, cut: Cut, ids: list[int], hosts: set[int]) -> _Window:
        finest = min(resolution.seconds for resolution, _ in cut.pieces)
        size = finest * max(1, -(-cut.span.seconds // (finest * PARTS)))
        count = -(-cut.span.seconds // size)
        # A coarse row that lies in two parts would count in one of them.
        fine = Cut.one(next(table for table, _ in cut.pieces if table.seconds == finest), cut.span)
        completeness = self._reader.completeness(cut, hosts)
        return _Window(
            cut,
            self._lines.summed(cut, ids),
            self._lines.parts(fine, size, count, ids),
            max((row["seconds_recorded"] for row in completeness), default=0.0),
            tuple(fullest(self._reader.recorded(fine, size, hosts), count)),
            completeness,
        )


_CHANGE = ("kind", "metric", "a", "b", "change", "direction", "sure", "sentence")
