"""Which column of the mesh a service stands in: the longest way from an entry. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

Edge = tuple[str, str]


def layers(nodes: Iterable[str], edges: Iterable[Edge], first: Mapping[str, float]) -> dict[str, int]:
    """The column of each node, 0 for an entry. A cycle is broken at the node that was seen last, by `first`: what it
    calls within the cycle does not count."""
    names = sorted(nodes)
    after = {name: set[str]() for name in names}
    for client, server in edges:
        if client != server:
            after[client].add(server)
    _break_cycles(after, first)
    column = dict.fromkeys(names, 0)
    for name in _ordered(after):
        for server in after[name]:
            column[server] = max(column[server], column[name] + 1)
    return column


def _break_cycles(after: dict[str, set[str]], first: Mapping[str, float]) -> None:
    cyclic = [group for group in _components(after) if len(group) > 1]
    while cyclic:
        group = cyclic.pop()
        last = max(group, key=lambda name: (first.get(name, float("inf")), name))
        after[last] -= group
        rest = {name: after[name] & group for name in group}
        cyclic += [smaller for smaller in _components(rest) if len(smaller) > 1]


def _components(after: Mapping[str, set[str]]) -> list[set[str]]:
    """Groups within which each node reaches each other one (Kosaraju)."""
    before: dict[str, set[str]] = defaultdict(set)
    for name, servers in after.items():
        for server in servers:
            before[server].add(name)
    done: set[str] = set()
    groups = []
    for start in reversed(_finished(after)):
        group, waiting = set[str](), [start]
        while waiting:
            name = waiting.pop()
            if name not in done:
                done.add(name)
                group.add(name)
                waiting.extend(before[name] - done)
        if group:
            groups.append(group)
    return groups


def _finished(after: Mapping[str, set[str]]) -> list[str]:
    """All nodes, each after those that it reaches, as far as there are no cycles."""
    seen: set[str] = set()
    order: list[str] = []
    for start in after:
        path = [(start, iter(sorted(after[start])))] if start not in seen else []
        seen.add(start)
        while path:
            name, servers = path[-1]
            ahead = next((server for server in servers if server not in seen), None)
            if ahead is None:
                order.append(name)
                path.pop()
            else:
                seen.add(ahead)
                path.append((ahead, iter(sorted(after[ahead]))))
    return order


def _ordered(after: Mapping[str, set[str]]) -> list[str]:
    return list(reversed(_finished(after)))
