"""What of an instance's topology does not depend on what was measured: nodes, places, and whose lines there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from hopscope.server.analysis.entities import Name
from hopscope.server.analysis.topology import REST, Places, port_of
from hopscope.server.analysis.words import Logged, Pair, Words, open_pairs, words
from hopscope.server.query.edges import host_of
from hopscope.server.query.entities import process
from hopscope.server.query.neighbours import TABLES, Neighbours, minutes_near, neighbours
from hopscope.server.query.reader import Reader, Row
from hopscope.server.query.windows import Span

_NODE = ("id", "name", "inside", "kind", "ordinal", "address", "service", "instance", "group")


@dataclass(frozen=True, slots=True)
class DrawnLine:
    """A line. `halves`: its client's and its server's; `ends`: its nodes; `hosts`: that measure its sides; `told`:
    those that told of it; `open`: logs may say more of it than the wire; `fields`: those of a TopologyEdge."""

    id: int
    halves: tuple[int, int]
    ends: tuple[str, str]
    things: tuple[Row, ...]
    hosts: tuple[int, int]
    told: frozenset[int]
    open: bool
    rest: bool
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Drawn:
    """The nodes and lines of an instance, by id. `nodes`: as Node in the schema; `ids`: of all lines; `halves`: all of
    theirs, in order; `halves_of`: for each of `ids` their places in it; `open`: the ends of which logs may say more
    than the wire."""

    known: Neighbours
    places: Places
    inside: int
    nodes: Mapping[str, Mapping[str, Any]]
    lines: Mapping[int, DrawnLine]
    ids: Any
    halves: tuple[int, ...]
    halves_of: Any
    open: tuple[Pair, ...]

    def words(self, line: DrawnLine, logged: Logged) -> Words | None:
        """What a line speaks where logs may say more than the wire."""
        return words(line.things, logged) if line.open and logged.securities else None


def drawn(reader: Reader, name: Name, span: Span, own: bool) -> Drawn:
    """Of an instance; `own`: also hopscope's own lines. Raises StoreError."""
    key = "drawn", name, minutes_near(span), own
    return reader.remembered.read(key, TABLES, lambda: _drawn(reader, name, span, own), lambda it: len(it.known.things))


def _drawn(reader: Reader, name: Name, span: Span, own: bool) -> Drawn:
    known = neighbours(reader, name, span, own)
    places, ends, inside = known.places()
    lines = {line: _line(known, line, pair) for line, pair in ends.items()}
    halves = np.array([it.halves for it in lines.values()], "<u8").reshape(-1, 2)
    distinct, places_of = np.unique(halves, return_inverse=True)
    return Drawn(
        known,
        places,
        inside,
        _nodes(reader, known, places),
        lines,
        np.array(list(lines), "<u8"),
        tuple(distinct.tolist()),
        places_of.reshape(-1, 2),
        tuple(sorted(open_pairs(row for rows in known.things.values() for row in rows))),
    )


def _line(known: Neighbours, line: int, ends: tuple[str, str]) -> DrawnLine:
    halves = known.whole(line)
    client, server = (known.things[half] for half in halves)
    things = (*client, *(server if halves[0] != halves[1] else ()))
    latest, wire = things[0], words(things, Logged({}, {}))
    return DrawnLine(
        line,
        halves,
        ends,
        things,
        (host_of(client, "client"), host_of(server, "server")),
        frozenset(row["host"] for row in things),
        bool(open_pairs(things)),
        latest["server_address"] == REST,
        {
            "id": f"{line:016x}",
            "client": ends[0],
            "server": ends[1],
            "address": latest["server_address"],
            "port": port_of(latest["server_address"]),
            **spoken(wire),
            "tls": {"sni": latest["sni"], "alpn": latest["alpn"]} if latest["sni"] or latest["alpn"] else None,
        },
    )


def spoken(said: Words) -> dict[str, str]:
    """The fields of a TopologyEdge that say what it speaks."""
    named = {name: getattr(said, name) for name in ("transport", "protocol", "security", "label")}
    return {**named, "security_source": said.source}


def _nodes(reader: Reader, known: Neighbours, places: Places) -> dict[str, dict[str, Any]]:
    first = cache(lambda: reader.first(known.processes))

    def described(row: Row) -> Callable[[], dict[str, Any]]:
        number = row["id"]
        return cache(
            lambda: process(row, known.names[number], reader.hosts(), first().get(number) or row["last_second"])
        )

    made = {}
    for node in places.nodes.values():
        row = known.processes.get(node.process or 0)
        made[node.id] = {
            **{key: getattr(node, key) for key in _NODE},
            "pids": row["pids"] if row else [],
            "_process": described(row) if row else lambda: None,
        }
    return made
