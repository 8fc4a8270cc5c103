"""The connections behind an edge or of a process, as they are now."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hopscope.server.access.identity import Caller
from hopscope.server.analysis.entities import host_name
from hopscope.server.inspections import Crowded, Inspections, Said, Subject, now_ms
from hopscope.server.query.alive import Alive
from hopscope.server.query.neighbours import named
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, number_of
from hopscope.server.query.windows import Span, text

MOST = 100
LATELY = 300
"""Seconds in which the witnesses that join two hosts' halves of an edge are looked for."""
LATE_MS = 5_000
"""An agent that has not answered for so long is named."""
_SIDES = {"client": 1, "server": 2, None: 0}
_MOMENTS = ("opened_at", "closed_at", "counted_since")


@dataclass(frozen=True, slots=True)
class _Place:
    """A side, and whose agent sees it."""

    side: str | None
    subject: Subject


class Connections:
    """Query.connections."""

    def __init__(self, reader: Reader, inspections: Inspections) -> None:
        self._reader = reader
        self._inspections = inspections
        self._alive = Alive(reader)
        self.fields: Fields = {"Query": {"connections": self.connections}}

    def connections(
        self, _: Caller, limit: int, edge: str | None = None, process: str | None = None
    ) -> dict[str, Any] | None:
        """See `Query.connections` in the schema."""
        if not 0 < limit <= MOST:
            raise ValueError(f"limit: from 1 to {MOST}")
        if (edge is None) == (process is None):
            raise ValueError("either an edge or a process")
        number = number_of(edge if edge is not None else process or "")
        places = list(self._of_edge(number) if edge is not None else self._of_process(number))
        if not places:
            return None
        now = now_ms()
        subjects = {place.subject for place in places}
        try:
            since = self._inspections.ask(subjects, now)
        except Crowded as error:
            return {"id": f"{number:016x}", "sides": [], "why_not": str(error)}
        said = self._inspections.said(subjects, now)
        hosts = self._reader.hosts()
        sides = [self._side(place, said, now - since, hosts, limit) for place in places]
        return {"id": f"{number:016x}", "sides": sides, "why_not": None}

    def _of_edge(self, number: int) -> Iterator[_Place]:
        now = int(time.time())
        known = named(self._reader, [number], Span(now - LATELY, now))
        if number not in known.things:
            return
        client, server = known.whole(number)
        for side, half in (("client", client), ("server", server)):
            row = next((row for row in known.things[half] if row[f"{side}_process"]), None)
            if row is not None:
                yield _Place(side, Subject(half, False, row["host"]))

    def _of_process(self, number: int) -> Iterator[_Place]:
        for row in self._reader.entities("process", [number]).get(number, [])[:1]:
            yield _Place(None, Subject(number, True, row["host"]))

    def _side(
        self, place: _Place, said: list[Said], asked_ms: int, hosts: Mapping[int, str], limit: int
    ) -> dict[str, Any]:
        host = host_name(place.subject.host, hosts)
        found = [it for it in said if it.subject == place.subject]
        mine = next((it for it in found if it.side == _SIDES[place.side]), None)
        # Of an edge that the agent has not, it says one word for both sides.
        word = mine or next(iter(found), None)
        body = word.body if word is not None and (mine or word.side == 0) else {}
        states = body.get("states", {})
        return {
            "side": place.side,
            "host": host,
            "at": text(word.at / 1000) if word is not None else None,
            "open": sum(states.values()),
            "states": [{"state": name, "count": states[name]} for name in sorted(states, key=lambda it: -states[it])],
            "closed": body.get("closed", 0),
            "connections": [_shown(it) for it in body.get("connections", [])[:limit]],
            "why_not": body.get("why_not") if word is not None else self._late(place.subject.host, host, asked_ms),
        }

    def _late(self, host: int, name: str, asked_ms: int) -> str | None:
        if asked_ms < LATE_MS:
            return None
        silent = self._alive.silent_seconds({host}, time.time())
        if silent is not None:
            return f"the agent on {name} is silent for {silent:.0f} s"
        return f"the agent on {name} does not answer, for {asked_ms / 1000:.0f} s"


def _shown(connection: Mapping[str, Any]) -> dict[str, Any]:
    """See `Connection` in the schema."""
    moments = {name: text(connection[name] / 1000) if connection[name] is not None else None for name in _MOMENTS}
    return {**connection, **moments}
