"""Who a proxy is, by the node that it names in the first message of a stream. Pure.

Istio's node is `sidecar~10.0.0.7~reviews-v1-abc.default~default.svc.cluster.local`, and its metadata know the pod's
labels. Any other Envoy is known by its node's id and cluster.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from hopscope.wire.envoy.v3 import accesslog_pb2 as envoy

KINDS = ("sidecar", "router", "waypoint")
_LONGEST, _MOST_LABELS, _MOST_ADDRESSES = 512, 64, 16
# As Istio chooses the canonical name of a service.
_SERVICE_LABELS = ("service.istio.io/canonical-name", "app.kubernetes.io/name", "app")


@dataclass(frozen=True, slots=True)
class Proxy:
    """A proxy. `kind`: sidecar, router, waypoint, or proxy where its node does not say."""

    id: int
    service: str
    namespace: str
    instance: str
    kind: str
    addresses: tuple[str, ...]
    labels: tuple[tuple[str, str], ...]


def number(*parts: str) -> int:
    """An id of 64 bits over texts."""
    return int.from_bytes(blake2b("\0".join(parts).encode(), digest_size=8).digest(), "little")


def place_of(service: str) -> int:
    """The id of a service in the table place."""
    return number("service", service)


def proxy(node: envoy.Node) -> Proxy:
    """Who a node is. Raises ValueError when it does not say, or too much."""
    if not node.id:
        raise ValueError("the stream's first message names no node")
    if max(len(node.id), len(node.cluster)) > _LONGEST:
        raise ValueError(f"a node of more than {_LONGEST} characters")
    kind, address, pod, _ = (*node.id.split("~"), "", "", "", "")[:4]
    said = node.metadata.fields
    known = kind in KINDS
    labels = _labels(said["LABELS"].struct_value.fields) if "LABELS" in said else ()
    namespace = _text(said, "NAMESPACE") or (pod.partition(".")[2] if known else "")
    instance = _text(said, "NAME") or (pod.partition(".")[0] if known else "") or node.id
    addresses = [item for item in (address if known else "", *_text(said, "INSTANCE_IPS").split(",")) if item]
    return Proxy(
        number("proxy", node.id, instance),
        _service(node.cluster, dict(labels), _text(said, "WORKLOAD_NAME") or instance, namespace),
        namespace,
        instance,
        kind if known else "proxy",
        tuple(item[:64] for item in dict.fromkeys(addresses))[:_MOST_ADDRESSES],
        labels,
    )


def _service(cluster: str, labels: dict[str, str], workload: str, namespace: str) -> str:
    named = next((labels[label] for label in _SERVICE_LABELS if labels.get(label)), "")
    if not named and cluster and not namespace:
        return cluster
    named = named or workload
    return f"{named}.{namespace}" if namespace else named


def _text(fields: Any, name: str) -> str:
    # Looking a key up in a map of messages would add it.
    return str(fields[name].string_value)[:_LONGEST] if name in fields else ""


def _labels(fields: Any) -> tuple[tuple[str, str], ...]:
    names: Iterable[str] = sorted(fields)
    found = [(name[:_LONGEST], str(fields[name].string_value)[:_LONGEST]) for name in names]
    return tuple(found[:_MOST_LABELS])
