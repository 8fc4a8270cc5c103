"""What a profile holds: edges, their two sides, listeners, and how much was seen. The JSON is a contract, version 1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

VERSION = 1


@dataclass(frozen=True, slots=True)
class End:
    """One end of a line. Outside this host only the address is known."""

    id: str | None
    process: str | None
    service: str | None
    instance: str | None
    container: str | None
    pids: tuple[int, ...]
    address: str
    listen: str | None = None
    cgroup: str | None = None
    layer: str | None = None
    labels: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A process group and its living members, the oldest first; `started`: Unix time of that one, 0 if not known.

    `attributes`: what else is known of it, by name.
    """

    end: End
    command_line: str
    executable: str
    started: int
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Value:
    """A metric of one side. Absent: this rung cannot measure it, or it does not apply.

    `timed`: of how many `time_ns` (else `call_ns`) is the sum, and `histogram` the distribution.
    """

    count: int
    bytes: int | None = None
    time_ns: int | None = None
    call_ns: int | None = None
    queue_ns: int | None = None
    timed: int | None = None
    histogram: tuple[tuple[int, int, int], ...] | None = None
    reasons: Mapping[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Side:
    """What one side of an edge measured."""

    metrics: Mapping[str, Value]
    tcp: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections of an edge in the window; `failed` by cause."""

    opened: int
    closed: int
    active: int
    failed: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Edge:
    """One line: a client's process group, a server's, a port."""

    id: str
    client: End
    server: End
    transport: str
    protocol: str
    security: str
    label: str
    connections: Connections
    client_side: Side | None
    server_side: Side | None
    tls: Mapping[str, tuple[str, ...]] | None = None
    own: bool = False


@dataclass(frozen=True, slots=True)
class Listener:
    """What listens at an address. `queue`, `limit`: connections; the rest happened in the window."""

    process: End
    address: str
    queue: int
    limit: int
    overflows: int
    synacks_retransmitted: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """Start in ISO 8601 UTC, length in seconds."""

    start: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Probe:
    """What measures a metric, or why nothing does."""

    rung: str | None
    hook: str | None
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class Profile:
    """Everything seen in a window."""

    host: str
    window: Window
    edges: tuple[Edge, ...]
    listeners: tuple[Listener, ...]
    completeness: Mapping[str, Any]
    probes: Mapping[str, Probe] = field(default_factory=dict)
    version: int = VERSION

    def to_dict(self) -> dict[str, Any]:
        """The JSON's content."""
        return {
            "version": self.version,
            "host": self.host,
            "window": _plain(self.window),
            "edges": [_edge(edge) for edge in self.edges],
            "listeners": [_plain(listener) for listener in self.listeners],
            "completeness": dict(self.completeness),
            "probes": {name: _plain(probe) for name, probe in self.probes.items()},
        }

    def to_json(self, indent: int | None = None) -> str:
        """The JSON text."""
        return json.dumps(self.to_dict(), indent=indent)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Profile:
        """Reads what `to_dict` wrote. Raises ValueError that names what is wrong."""
        if not isinstance(data, Mapping) or data.get("version") != VERSION:
            raise ValueError(f"not a profile of version {VERSION}")
        try:
            return cls(
                data["host"],
                Window(**data["window"]),
                tuple(_read_edge(edge) for edge in data["edges"]),
                tuple(_read_listener(item) for item in data["listeners"]),
                data["completeness"],
                {name: Probe(p.get("rung"), p.get("hook"), p.get("why_not")) for name, p in data["probes"].items()},
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"the profile is damaged: {error}") from error


_SHALLOW = ("id", "client", "server", "transport", "protocol", "security", "label", "connections")
_PARTS = ("bytes", "time_ns", "call_ns", "queue_ns", "timed")
_NULLABLE = {"id", "process", "service", "instance", "container", "client_side", "server_side", "rung", "hook"}


def _plain(thing: Any) -> Any:
    if hasattr(thing, "__dataclass_fields__"):
        fields = {name: _plain(getattr(thing, name)) for name in thing.__dataclass_fields__}
        return {name: value for name, value in fields.items() if value is not None or name in _NULLABLE}
    if isinstance(thing, tuple | list):
        return [_plain(item) for item in thing]
    if isinstance(thing, Mapping):
        return {key: _plain(value) for key, value in thing.items()}
    return thing


def _edge(edge: Edge) -> dict[str, Any]:
    plain = {name: _plain(getattr(edge, name)) for name in _SHALLOW}
    plain |= {"client_side": _side(edge.client_side), "server_side": _side(edge.server_side)}
    if edge.tls is not None:
        plain["tls"] = _plain(edge.tls)
    return {**plain, "own": True} if edge.own else plain


def _side(side: Side | None) -> dict[str, Any] | None:
    if side is None:
        return None
    return {**{name: _value(value) for name, value in side.metrics.items()}, "tcp": dict(side.tcp)}


def _value(value: Value) -> dict[str, Any]:
    # Written out: nine tenths of a profile are values, and the agent answers one a second.
    plain: dict[str, Any] = {"count": value.count}
    for name in _PARTS:
        part = getattr(value, name)
        if part is not None:
            plain[name] = part
    if value.histogram is not None:
        plain["histogram"] = [list(triple) for triple in value.histogram]
    if value.reasons is not None:
        plain["reasons"] = dict(value.reasons)
    return plain


def _read_end(data: Mapping[str, Any]) -> End:
    return End(**{**data, "pids": tuple(data["pids"])})


def _read_listener(data: Mapping[str, Any]) -> Listener:
    return Listener(**{**data, "process": _read_end(data["process"])})


def _read_side(data: Mapping[str, Any] | None) -> Side | None:
    if data is None:
        return None
    metrics = {
        name: Value(
            **{**value, **({"histogram": tuple(map(tuple, value["histogram"]))} if "histogram" in value else {})}
        )
        for name, value in data.items()
        if name != "tcp"
    }
    return Side(metrics, dict(data["tcp"]))


def _read_edge(data: Mapping[str, Any]) -> Edge:
    return Edge(
        data["id"], _read_end(data["client"]), _read_end(data["server"]), data["transport"], data["protocol"],
        data["security"], data["label"], Connections(**data["connections"]), _read_side(data["client_side"]),
        _read_side(data["server_side"]), {k: tuple(v) for k, v in data["tls"].items()} if data.get("tls") else None,
        bool(data.get("own", False)),
    )  # fmt: skip
