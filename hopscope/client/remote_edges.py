"""Edges as a server answers them, in the shape of a profile's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hopscope.client.answers import Completeness, Window
from hopscope.client.frames import frame
from hopscope.client.reading import field_name, read, selection
from hopscope.edges import model
from hopscope.edges.rows import rows

if TYPE_CHECKING:
    import pandas

_VALUE = ("count", "bytes", "time_ns", "call_ns", "queue_ns", "timed")
_END = ("id", "process", "service", "instance", "container", "cgroup", "pids", "address", "listen")
_ATTRIBUTES = ("id", "transport", "protocol", "security", "label", "own")


def _words(names: tuple[str, ...]) -> str:
    return " ".join(map(field_name, names))


_SIDE = f"metrics {{ metric {_words(_VALUE)} histogram reasons {{ reason count }} whyNot }} tcp {{ name value }}"
EDGES = f"""query($window: WindowInput!, $own: Boolean!, $limit: Int!, $instance: ID) {{
  edges(window: $window, own: $own, limit: $limit, instance: $instance) {{
    window {selection(Window)} step total
    edges {{ {_words(_ATTRIBUTES)} client {{ {_words(_END)} }} server {{ {_words(_END)} }} tls {{ sni alpn }}
      connections {{ opened closed active failed {{ reason count }} }}
      clientSide {{ {_SIDE} }} serverSide {{ {_SIDE} }} }}
    completeness {selection(Completeness)} }} }}"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The edges of a window, the most bytes first; `total` of them there are. `window`: what they are exact for."""

    window: Window
    total: int
    edges: tuple[model.Edge, ...]
    completeness: tuple[Completeness, ...]
    why_not: Mapping[str, str]
    """Why a metric was not measured, at least at one side of one edge."""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Seen:
        """An answer to EDGES."""
        window, completeness = read(answer["window"], Window), read(answer["completeness"], tuple[Completeness, ...])
        why_not = {
            value["metric"]: value["whyNot"]
            for edge in answer["edges"]
            for side in (edge["clientSide"], edge["serverSide"])
            for value in (side or {"metrics": ()})["metrics"]
            if value["whyNot"]
        }
        return cls(window, answer["total"], tuple(map(_edge, answer["edges"])), completeness, why_not)

    def profile(self) -> model.Profile:
        """The same as a profile: its edges, its window and how much of it was recorded."""
        window = model.Window(self.window.from_.isoformat().replace("+00:00", "Z"), float(self.window.seconds))
        probes = {name: model.Probe(None, None, why_not) for name, why_not in self.why_not.items()}
        hosts = sorted({held.host for held in self.completeness})
        return model.Profile(", ".join(hosts), window, self.edges, (), together(self.completeness), probes)

    def to_pandas(self) -> pandas.DataFrame:
        """A row per edge, columns as in docs/profile.md. Raises HopscopeError when pandas is not installed."""
        return frame(rows(self.profile()))


def together(seen: Iterable[Completeness]) -> dict[str, Any]:
    """How much several hosts saw, in the shape of a profile's; `missing`: what was not seen, by host."""
    seconds, connections, lost = Counter[str](), Counter[str](), Counter[str]()
    found: dict[str, Any] = {"not_traced": {}, "missing": {}, "peers_aggregated": 0}
    for held in seen:
        amounts, state = {it.name: it.value for it in held.amounts}, held.state or {}
        seconds.update(asked=held.seconds_asked, recorded=held.seconds_recorded)  # type: ignore[call-overload]
        connections.update(state.get("connections") or {})
        lost.update({name[5:]: round(number) for name, number in amounts.items() if name.startswith("lost.")})
        found["peers_aggregated"] += round(amounts.get("peers_aggregated", 0))
        found["not_traced"] |= state.get("not_traced") or {}
        found["missing"] |= {held.host: list(held.missing)} if held.missing else {}
    return {"seconds": dict(seconds), "connections": dict(connections), "lost": dict(+lost), **found}


def _edge(held: Mapping[str, Any]) -> model.Edge:
    joined = held["connections"]
    tls = held["tls"]
    return model.Edge(
        **{name: held[name] for name in _ATTRIBUTES},
        client=_end(held["client"]),
        server=_end(held["server"]),
        connections=model.Connections(joined["opened"], joined["closed"], joined["active"], _reasons(joined["failed"])),
        client_side=_side(held["clientSide"]),
        server_side=_side(held["serverSide"]),
        tls={name: tuple(values) for name, values in tls.items() if values} if tls else None,
    )


def _end(held: Mapping[str, Any]) -> model.End:
    return model.End(**{name: held[name] for name in _END} | {"pids": tuple(held["pids"])})


def _side(held: Mapping[str, Any] | None) -> model.Side | None:
    if held is None:
        return None
    metrics = {it["metric"]: _value(it) for it in held["metrics"] if it["count"] is not None}
    return model.Side(metrics, {it["name"]: it["value"] for it in held["tcp"]})


def _value(held: Mapping[str, Any]) -> model.Value:
    return model.Value(
        **{name: held[field_name(name)] for name in _VALUE},
        histogram=tuple(tuple(triple) for triple in held["histogram"]) or None,
        reasons=_reasons(held["reasons"]) or None,
    )


def _reasons(held: list[Mapping[str, Any]]) -> dict[str, int]:
    return {it["reason"]: it["count"] for it in held}
