"""The lines that somebody should look at, of all instances."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from hopscope.server.access.identity import Caller
from hopscope.server.analysis.lines import WORST_FIRST, Line, Verdict
from hopscope.server.analysis.topology import Where
from hopscope.server.analysis.words import Logged, words
from hopscope.server.query.lines import Lines
from hopscope.server.query.neighbours import Neighbours, named
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, window_of
from hopscope.server.query.windows import asked, few_rows

MOST = 500
_ENDS: tuple[Where, Where] = ("client", "server")


class Looks:
    """Query.needsLook."""

    def __init__(self, reader: Reader, lines: Lines) -> None:
        self._reader = reader
        self._lines = lines
        self.fields: Fields = {"Query": {"needsLook": self.needs_look}}

    def needs_look(self, _: Caller, window: Mapping[str, Any], limit: int) -> dict[str, Any]:
        """See `Query.needsLook` in the schema."""
        if not 0 < limit <= MOST:
            raise ValueError(f"limit: from 1 to {MOST}")
        now = time.time()
        cut = few_rows(asked(window, now), now, self._reader.retention)
        lines = self._lines.summed(cut)
        verdicts = {number: line.state() for number, line in lines.items()}
        bad = sorted(
            (number for number, verdict in verdicts.items() if verdict.bad),
            key=lambda number: (WORST_FIRST.index(verdicts[number].name), -(lines[number].bytes or 0), number),
        )
        some = bad[: 2 * MOST]
        known = named(self._reader, some, cut.span, True)
        # Of a line that two hosts see, the client's half is shown, if that is bad, too.
        shown = [number for number in some if number in known.things and not self._told(known, number, set(some))]
        since = self._lines.since({number: verdicts[number].name for number in shown[:limit]}, cut.span.end)
        completeness = self._reader.completeness(cut)
        seconds = max((row["seconds_recorded"] for row in completeness), default=0.0)
        logged = self._reader.logged({number: known.things[number] for number in shown[:limit]}, cut.span)
        looks = [
            _look(known, number, lines[number], verdicts[number], since.get(number), seconds, logged)
            for number in shown[:limit]
        ]
        looks.sort(key=lambda it: (WORST_FIRST.index(it["state"]), it["since"] or "9"))
        return {
            "window": window_of(cut.span),
            "lines": len(lines),
            "bad": len(bad),
            "looks": looks,
            "completeness": completeness,
        }

    def _told(self, known: Neighbours, number: int, bad: set[int]) -> bool:
        other = known.halves.other(number)
        return other in bad and not known.process_at(number, "client")


def _look(
    known: Neighbours, number: int, line: Line, verdict: Verdict, since: str | None, seconds: float, logged: Logged
) -> dict[str, Any]:
    ends = {end: known.end_of(number, end) for end in _ENDS}
    owner = next((known.names[process] for process in ends.values() if process in known.names), None)
    return {
        "edge": f"{number:016x}",
        # As on the topology of the owner: its own processes by their names, others by their pods.
        **{
            end: known.called[process] if owner and known.names.get(process) == owner else known.peer(number, end).name
            for end, process in ends.items()
        },
        "label": words(known.things[number], logged).label,
        "instance": owner.id if owner else "",
        "instance_name": owner.instance if owner else "",
        "state": verdict.name,
        "reasons": list(verdict.reasons),
        "brief": verdict.brief,
        "since": since,
        "rate": line.writes / seconds if line.writes is not None and seconds else None,
        "p99_ns": line.rtt_p99,
    }
