"""What was seen of an edge's or a process's connections, as a message to the server."""

from __future__ import annotations

from dataclasses import fields
from datetime import datetime
from typing import Any

from hopscope.agent.inspecting import Inspected
from hopscope.edges.connection import Connection
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

_SIDES = {None: wire.SIDE_NONE, "client": wire.SIDE_CLIENT, "server": wire.SIDE_SERVER}


def message(seen: Inspected, skew: float) -> wire.Inspected:
    """The message; `skew`: seconds that the server's clock is ahead."""
    return wire.Inspected(
        id=int(seen.subject.id, 16),
        process=seen.subject.process,
        side=_SIDES[seen.side],
        at_ms=_ms(seen.at + skew),
        states=seen.states,
        closed=seen.closed,
        connections=[_connection(it, skew) for it in seen.connections],
        why_not=seen.why_not or "",
    )


def _connection(it: Connection, skew: float) -> wire.Connection:
    said: dict[str, Any] = {part.name: getattr(it, part.name) for part in fields(it)}
    for name, value in said.items():
        if isinstance(value, datetime):
            said[name] = _ms(value.timestamp() + skew)
    # A program's name may hold anything; a text of the wire may not.
    said["process"] = it.process.encode(errors="surrogateescape").decode(errors="replace")
    return wire.Connection(**said)


def _ms(seconds: float) -> int:
    return round(1000 * seconds)
