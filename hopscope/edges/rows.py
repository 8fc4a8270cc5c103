"""A profile as a table with a row per edge: the same columns always, made from the catalogue. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from hopscope.edges.histogram import percentile
from hopscope.edges.model import Edge, End, Profile, Side
from hopscope.metrics import SIDE, TCP

PERCENTILES = (50, 90, 99)
Kind = Literal["text", "integer", "number"]
_END = ("id", "process", "service", "instance", "container", "cgroup", "address", "listen", "pids")
_PARTS = ("count", "bytes", "time_ns", "call_ns", "queue_ns", "timed")


def _side_columns() -> Iterator[tuple[str, Kind]]:
    for side in ("client", "server"):
        for metric in SIDE:
            if metric.at in (side, "both"):
                for part in _PARTS:
                    if part in metric.parts:
                        yield f"{side}_side_{metric.name}_{part}", "integer"
                if "histogram" in metric.parts:
                    for share in PERCENTILES:
                        yield f"{side}_side_{metric.name}_p{share}_ns", "number"
        for metric in TCP:
            yield f"{side}_side_tcp_{metric.name}", "number"


COLUMNS: dict[str, Kind] = {
    "start": "text",
    "seconds": "number",
    "id": "text",
    **{f"{end}_{part}": "text" for end in ("client", "server") for part in _END},
    **dict.fromkeys(("transport", "protocol", "security", "label"), "text"),
    **dict.fromkeys(("opened", "closed", "active", "failed"), "integer"),
    **dict(_side_columns()),
}
"""Name of each column and what it holds; a value that was not measured is None."""


def rows(profile: Profile) -> list[dict[str, Any]]:
    """A row per edge with all columns."""
    return [dict.fromkeys(COLUMNS) | _row(edge, profile) for edge in profile.edges]


def _row(edge: Edge, profile: Profile) -> dict[str, Any]:
    known: dict[str, Any] = {"start": profile.window.start, "seconds": profile.window.seconds, "id": edge.id}
    known |= _end("client", edge.client) | _end("server", edge.server)
    known |= {name: getattr(edge, name) for name in ("transport", "protocol", "security", "label")}
    known |= {name: getattr(edge.connections, name) for name in ("opened", "closed", "active")}
    known["failed"] = sum(edge.connections.failed.values())
    known |= _side("client_side", edge.client_side) | _side("server_side", edge.server_side)
    return {name: it for name, it in known.items() if name in COLUMNS}


def _end(name: str, end: End) -> dict[str, Any]:
    parts = {part: getattr(end, part) for part in _END}
    return {f"{name}_{part}": it for part, it in parts.items()} | {f"{name}_pids": " ".join(map(str, end.pids))}


def _side(name: str, side: Side | None) -> dict[str, Any]:
    if side is None:
        return {}
    flat: dict[str, Any] = {f"{name}_tcp_{truth}": float(number) for truth, number in side.tcp.items()}
    for metric, measured in side.metrics.items():
        flat |= {f"{name}_{metric}_{part}": getattr(measured, part) for part in _PARTS}
        for share in PERCENTILES:
            flat[f"{name}_{metric}_p{share}_ns"] = percentile(measured.histogram or (), share / 100)
    return flat
