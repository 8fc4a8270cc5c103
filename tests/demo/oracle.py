"""The known graph against a profile: what is missing, what is wrong, in words."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
Key = tuple[str, str, str, str, str]


def demo(*arguments: str, inside: Sequence[str] = ()) -> str:
    """What `hopscope demo ...` says; it must succeed. `inside`: what to run it by."""
    call = [*inside, sys.executable, "-m", "hopscope.cli", "demo", *arguments]
    done = subprocess.run(call, capture_output=True, text=True, check=False, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


def graph() -> Json:
    """The known graph, with the counts of this moment."""
    found: Json = json.loads(demo("graph", "--json"))
    return found


def key(edge: Json) -> Key:
    """What makes an edge itself: both ends and the dialed address."""
    client, server = edge["client"], edge["server"]
    return (client["instance"], client["process"], server["instance"], server["process"], server["address"])


def in_mesh(edges: list[Json], pods: list[Json]) -> dict[Key, Json]:
    """The edges of a profile that touch a pod."""
    names = {pod["name"] for pod in pods}
    return {key(edge): edge for edge in edges if {edge["client"]["instance"], edge["server"]["instance"]} & names}


def differences(before: Json, seen: Json, after: Json) -> list[str]:
    """Empty when a profile shows exactly the known graph and exactly what its ends counted meanwhile."""
    found: list[str] = []
    shown = in_mesh(seen["edges"], after["pods"])
    known = {key(edge): edge for edge in after["edges"]}
    earlier = {key(edge): edge for edge in before["edges"]}
    found += [f"not in the graph: {wrong}" for wrong in sorted(set(shown) - set(known), key=str)]
    for name, edge in known.items():
        moved = _moved(earlier[name], edge)
        if name not in shown:
            found += [f"missing: {name}"] if any(moved.values()) else []
            continue
        found += [f"{name}: {what}" for what in _ends(edge, shown[name]) + _labels(edge, shown[name])]
        found += [f"{name}: {what}" for what in _counts(edge, moved, shown[name])]
    return found


def _moved(before: Json, after: Json) -> dict[tuple[str, str, str], int]:
    # By (side, metric, field), what the ends counted between two graphs.
    moved = {}
    for side in ("client_side", "server_side"):
        for metric, fields in (after[side] or {}).items():
            for field, value in fields.items():
                moved[side, metric, field] = value - before[side][metric][field]
    return moved


def _ends(known: Json, seen: Json) -> list[str]:
    wrong = []
    for end in ("client", "server"):
        for field in ("service", "container", "pids", "listen"):
            want, got = known[end].get(field), seen[end].get(field)
            if field in known[end] and want != got:
                wrong.append(f"{end}.{field} is {got}, not {want}")
    if seen["client"]["address"] != known["client"]["address"]:
        wrong.append(f"client.address is {seen['client']['address']}, not {known['client']['address']}")
    return wrong


def _labels(known: Json, seen: Json) -> list[str]:
    fields = ("transport", "protocol", "security", "label")
    wrong = [f"{field} is {seen[field]}, not {known[field]}" for field in fields if seen[field] != known[field]]
    names = (seen.get("tls") or {}).get("sni", [])
    if names and list(names) != known.get("tls", {}).get("sni"):
        wrong.append(f"sni is {names}, not {known.get('tls')}")
    return wrong


def _counts(known: Json, moved: Mapping[tuple[str, str, str], int], seen: Json) -> list[str]:
    wrong = []
    for (side, metric, field), want in moved.items():
        if field == "bytes" and known["security"] == "tls":
            # Envoy counts what is inside the TLS records, the kernel the records.
            continue
        got = (seen[side] or {}).get(metric, {}).get(field)
        if got != want:
            wrong.append(f"{side}.{metric}.{field} is {got}, counted {want}")
    openings = [value for (_, _, field), value in moved.items() if field == "count"]
    if seen["connections"]["opened"] not in openings:
        wrong.append(f"connections.opened is {seen['connections']['opened']}, counted {openings}")
    return wrong
