"""How profiles of neighbouring windows, or edges of one, become one: sums, histograms, extremes, means. Pure.

Law: the order of the profiles is the order of their windows. Sums, histograms and extremes come out the same however
they are grouped; means weigh each window by its seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hopscope.edges import histogram
from hopscope.edges.model import Connections, Edge, End, Listener, Probe, Profile, Side, Value, Window
from hopscope.metrics import TCP

_MERGE = {metric.name: metric.merge for metric in TCP}


def profiles(parts: Iterable[Profile]) -> Profile:
    """One profile of all windows, oldest first. Raises ValueError when there is none."""
    found = list(parts)
    if not found:
        raise ValueError("nothing to merge")
    merged = found[0]
    for later in found[1:]:
        merged = _two(merged, later)
    return merged


def _two(first: Profile, second: Profile) -> Profile:
    a, b = first.window.seconds, second.window.seconds
    known = {edge.id: edge for edge in first.edges}
    for edge in second.edges:
        known[edge.id] = edges(known[edge.id], edge, a, b) if edge.id in known else edge
    heard = {(item.process.id, item.address): item for item in first.listeners}
    for item in second.listeners:
        key = item.process.id, item.address
        heard[key] = _listener(heard[key], item) if key in heard else item
    return Profile(
        second.host,
        Window(first.window.start, round(a + b, 6)),
        tuple(known.values()),
        tuple(heard.values()),
        completeness(first.completeness, second.completeness),
        _probes(first.probes, second.probes),
    )


def edges(first: Edge, second: Edge, first_weight: float = 1, second_weight: float = 1) -> Edge:
    """One edge of two, the second the later one. The weights are those of the means: seconds, or 1."""
    learned = first if second.protocol == "unknown" and second.security == "unknown" else second
    return Edge(
        second.id,
        end(first.client, second.client),
        end(first.server, second.server),
        second.transport,
        learned.protocol,
        learned.security,
        learned.label,
        Connections(
            first.connections.opened + second.connections.opened,
            first.connections.closed + second.connections.closed,
            second.connections.active,
            counts(first.connections.failed, second.connections.failed),
        ),
        side(first.client_side, second.client_side, first_weight, second_weight),
        side(first.server_side, second.server_side, first_weight, second_weight),
        _tls(first.tls, second.tls),
        first.own or second.own,
    )


def end(first: End, second: End) -> End:
    """An end as it is known later, with the processes of both."""
    newer = second if second.process is not None or first.process is None else first
    return End(
        newer.id,
        newer.process,
        newer.service,
        newer.instance,
        newer.container,
        tuple(sorted({*first.pids, *second.pids})),
        second.address or first.address,
        second.listen or first.listen,
        newer.cgroup,
        newer.layer,
        newer.labels,
    )


def side(first: Side | None, second: Side | None, first_weight: float = 1, second_weight: float = 1) -> Side | None:
    """What one side measured in both."""
    if first is None or second is None:
        return first or second
    metrics = dict(first.metrics)
    for name, measured in second.metrics.items():
        metrics[name] = value(metrics[name], measured) if name in metrics else measured
    tcp = dict(first.tcp)
    for name, number in second.tcp.items():
        tcp[name] = _truth(name, tcp[name], number, first_weight, second_weight) if name in tcp else number
    return Side(metrics, tcp)


def value(first: Value, second: Value) -> Value:
    """The sum of two values of one metric; a field that only one of them has is that one's."""
    return Value(
        first.count + second.count,
        _sum(first.bytes, second.bytes),
        _sum(first.time_ns, second.time_ns),
        _sum(first.call_ns, second.call_ns),
        _sum(first.queue_ns, second.queue_ns),
        _sum(first.timed, second.timed),
        # Most values have no reasons, and many no times: half of a merge was joining nothing with nothing.
        histogram.merge(first.histogram, second.histogram)
        if first.histogram and second.histogram
        else first.histogram or second.histogram or None,
        counts(first.reasons or {}, second.reasons or {}) if first.reasons or second.reasons else None,
    )


def counts(first: Mapping[str, int], second: Mapping[str, int]) -> dict[str, int]:
    """Counts by name, added."""
    return {name: first.get(name, 0) + second.get(name, 0) for name in {**first, **second}}


def completeness(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """How much of both was seen: counts add up, what describes the end of a window is the later one's."""
    merged = {**first, **second}
    for name in first.keys() & second.keys():
        if isinstance(first[name], int | float):
            merged[name] = first[name] + second[name]
    for name in ("seconds", "lost"):
        if name in first and name in second:
            merged[name] = {
                key: round(first[name].get(key, 0) + second[name].get(key, 0), 6)
                for key in {**first[name], **second[name]}
            }
    return merged


def _probes(first: Mapping[str, Probe], second: Mapping[str, Probe]) -> dict[str, Probe]:
    return {**first, **second}


def _sum(first: int | None, second: int | None) -> int | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


def _truth(name: str, first: float, second: float, first_weight: float, second_weight: float) -> float:
    how = _MERGE.get(name, "last")
    if how == "sum":
        return first + second
    if how == "min":
        return min(first, second)
    if how == "max":
        return max(first, second)
    if how == "mean" and first_weight + second_weight > 0:
        return (first * first_weight + second * second_weight) / (first_weight + second_weight)
    return second


def _tls(
    first: Mapping[str, tuple[str, ...]] | None, second: Mapping[str, tuple[str, ...]] | None
) -> dict[str, tuple[str, ...]] | None:
    if not first and not second:
        return None
    return {
        name: tuple(sorted({*(first or {}).get(name, ()), *(second or {}).get(name, ())}))
        for name in {**(first or {}), **(second or {})}
    }


def _listener(first: Listener, second: Listener) -> Listener:
    return Listener(
        end(first.process, second.process),
        second.address,
        second.queue,
        second.limit,
        first.overflows + second.overflows,
        first.synacks_retransmitted + second.synacks_retransmitted,
    )
