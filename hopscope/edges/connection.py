"""Single connections: one as the process at one of its ends uses it, and those of a side as they are at a moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

SideName = Literal["client", "server"]


@dataclass(frozen=True, slots=True)
class Connection:
    """`local`, `remote`: ip:port, as the socket has them; `pid` None: no process has used it yet; `state`: the kernel's
    name. `troubles`: what is wrong with it, the worst first; `ended`: how, None while it is open.

    Calls and bytes are those since `counted_since`: since it opened, or since the agent met one that was open already,
    whose `opened_at` is None. `bytes_rate`: both directions, per second since the look before.

    The rest is the connection's own, from its first segment on, as TCP_INFO has it; None: not read. Limited times are
    part of the busy one. `lost`: segments that it ever held for lost. `unacked_bytes`: sent or waiting to be sent;
    `unread_bytes`: arrived, not taken yet.
    """

    local: str
    remote: str
    pid: int | None
    process: str
    state: str
    troubles: tuple[str, ...]
    label: str
    ended: str | None
    opened_at: datetime | None
    closed_at: datetime | None
    counted_since: datetime
    write_calls: int
    write_bytes: int
    read_calls: int
    read_bytes: int
    bytes_rate: float | None = None
    srtt_us: int | None = None
    rttvar_us: int | None = None
    min_rtt_us: int | None = None
    segments_out: int | None = None
    retransmitted: int | None = None
    retransmitted_bytes: int | None = None
    lost: int | None = None
    out_of_order: int | None = None
    zero_window_probes: int | None = None
    unacked_bytes: int | None = None
    unread_bytes: int | None = None
    busy_us: int | None = None
    rwnd_limited_us: int | None = None
    sndbuf_limited_us: int | None = None


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many connections are in a state, by the kernel's name."""

    state: str
    count: int


@dataclass(frozen=True, slots=True)
class ConnectionsSeen:
    """The connections of one side of an edge, or of a process, whose `side` is None, as of `at`.

    `connections`: the most telling of those that are `open`, then some of those that ended in the last 15 s, `closed`
    in all as far as somebody looked. `why_not`: why there is nothing to see.
    """

    side: SideName | None
    host: str
    at: datetime | None
    open: int
    states: tuple[StateCount, ...]
    closed: int
    connections: tuple[Connection, ...]
    why_not: str | None

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        plain: dict[str, Any] = _texts(dataclasses.asdict(self))
        return plain | {"connections": [_texts(it) for it in plain["connections"]]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ConnectionsSeen:
        """Reads what `to_dict` wrote. Raises TypeError."""
        states = tuple(StateCount(**it) for it in data["states"])
        held = []
        for row in data["connections"]:
            moments = {name: _moment(row[name]) for name in ("opened_at", "closed_at", "counted_since")}
            held.append(Connection(**{**row, **moments, "troubles": tuple(row["troubles"])}))
        return cls(**{**data, "at": _moment(data["at"]), "states": states, "connections": tuple(held)})


def _texts(held: dict[str, Any]) -> dict[str, Any]:
    return {name: it.isoformat() if isinstance(it, datetime) else it for name, it in held.items()}


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
