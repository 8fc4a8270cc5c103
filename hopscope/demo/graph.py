"""The known graph: every edge the mesh has, and the counts of those who talk on it. The oracle for a profile."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from hopscope.demo import bootstrap, containers, envoy
from hopscope.demo.topology import (
    APP_PORT,
    DNS_ADDRESS,
    DNS_PORT,
    GATEWAY_PORT,
    INBOUND,
    OUTBOUND,
    Container,
    Copy,
    Mesh,
    Pod,
)
from hopscope.edges.label import label


@dataclass(frozen=True, slots=True)
class Source:
    """Who counts one side of an edge: a container, under which names. `waiting`: connections without a byte so far."""

    container: Container
    connections: str
    written: str
    read: str
    waiting: str | None = None


@dataclass(frozen=True, slots=True)
class KnownEdge:
    """One edge as it must be seen. `dialed`: what the client's sockets say; `seen_as`: the client's own address."""

    client: Container
    server: Container
    dialed: str
    listen: str
    seen_as: str
    protocol: str = "http"
    security: str = "none"
    sni: str | None = None
    client_counts: Source | None = None
    server_counts: Source | None = None


def edges(mesh: Mesh) -> Iterator[KnownEdge]:
    """All edges of a mesh."""
    for copy in mesh.copies:
        assert mesh.traffic.app is not None and copy.gateway.sidecar is not None
        address = f"{copy.gateway.address}:{GATEWAY_PORT}"
        yield KnownEdge(
            mesh.traffic.app, copy.gateway.sidecar, address, address, mesh.traffic.address,
            client_counts=_own(mesh.traffic.app, f"out.{copy.gateway.address}"),
            server_counts=_downstream(copy.gateway.sidecar, f"http.outbound_0.0.0.0_{GATEWAY_PORT}"),
        )  # fmt: skip
        for pod in (copy.gateway, *copy.pods):
            yield from _between(mesh, copy, pod)
            if pod.app is not None:
                yield from _inside(mesh, copy, pod)


def _between(mesh: Mesh, copy: Copy, pod: Pod) -> Iterator[KnownEdge]:
    # What one sidecar sends another for a service.
    plain = "http" if mesh.options.protocol == "http1" else "http2"
    protocol, security = ("unknown", "tls") if mesh.options.mtls else (plain, "none")
    for service in pod.calls:
        for callee in copy.of(service):
            assert pod.sidecar is not None and callee.sidecar is not None
            yield KnownEdge(
                pod.sidecar, callee.sidecar, f"{callee.address}:{APP_PORT}", f"{callee.address}:{INBOUND}",
                pod.address, protocol, security,
                bootstrap.sni(service, copy.namespace) if mesh.options.mtls else None,
                # Envoy counts a connection when its first byte tells whether it is TLS.
                server_counts=_downstream(
                    callee.sidecar, f"http.inbound_0.0.0.0_{APP_PORT}",
                    f"listener.0.0.0.0_{INBOUND}.downstream_pre_cx_active",
                ),
            )  # fmt: skip


def _inside(mesh: Mesh, copy: Copy, pod: Pod) -> Iterator[KnownEdge]:
    # What goes through a pod's loopback, and to the DNS server.
    app, sidecar, dns = pod.app, pod.sidecar, mesh.dns.app
    assert app is not None and sidecar is not None and dns is not None
    own = f"{pod.address}:{APP_PORT}"
    yield KnownEdge(
        sidecar, app, own, own, "127.0.0.6",
        client_counts=_upstream(sidecar, f"cluster.inbound|{APP_PORT}||"), server_counts=_own(app, "in"),
    )  # fmt: skip
    if not pod.calls:
        return
    outbound, lookup = f"127.0.0.1:{OUTBOUND}", f"{DNS_ADDRESS}:{DNS_PORT}"
    for service in pod.calls:
        # The sidecar counts its outbound connections together, so it can speak for one service only.
        both = _downstream(sidecar, f"http.outbound_0.0.0.0_{APP_PORT}") if len(pod.calls) == 1 else None
        yield KnownEdge(
            app, sidecar, f"{copy.virtual[service]}:{APP_PORT}", outbound, pod.address,
            client_counts=_own(app, f"out.{service}"), server_counts=both,
        )  # fmt: skip
    yield KnownEdge(
        app, sidecar, lookup, outbound, pod.address, "unknown", "unknown",
        client_counts=_own(app, "dns"), server_counts=_downstream(sidecar, "tcp.PassthroughCluster"),
    )  # fmt: skip
    yield KnownEdge(
        sidecar, dns, lookup, lookup, pod.address, "unknown", "unknown",
        client_counts=_upstream(sidecar, "cluster.PassthroughCluster"),
        server_counts=_own(dns, f"in.{pod.address}"),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class KnownLine:
    """What access logs must show between two services: who, and what the wire between their proxies carries."""

    client: str
    server: str
    protocol: str = "http"
    security: str = "none"


def lines(mesh: Mesh) -> set[KnownLine]:
    """All lines between services. Connections to the DNS server pass through a sidecar unread."""
    found = set()
    protocol = "http" if mesh.options.protocol == "http1" else "http2"
    for copy in mesh.copies:
        found.add(KnownLine(mesh.traffic.full_service, copy.gateway.full_service))
        for pod in (copy.gateway, *copy.pods):
            for service in pod.calls:
                server = copy.of(service)[0].full_service
                security = "mtls" if mesh.options.mtls else "none"
                found.add(KnownLine(pod.full_service, server, protocol, security))
            if pod.app is not None and pod.calls:
                found.add(KnownLine(pod.full_service, mesh.dns.full_service, "tcp", "unknown"))
    return found


def _own(container: Container, prefix: str) -> Source:
    return Source(container, f"{prefix}.connections", f"{prefix}.written", f"{prefix}.read")


def _downstream(sidecar: Container, prefix: str, waiting: str | None = None) -> Source:
    name = f"{prefix}.downstream_cx_"
    return Source(sidecar, f"{name}total", f"{name}tx_bytes_total", f"{name}rx_bytes_total", waiting)


def _upstream(sidecar: Container, prefix: str) -> Source:
    name = f"{prefix}.upstream_cx_"
    return Source(sidecar, f"{name}total", f"{name}tx_bytes_total", f"{name}rx_bytes_total")


def flat(counts: Mapping[str, Any], prefix: str = "") -> dict[str, int]:
    """Nested counts by dotted names; addresses may be names, so a name is never split again."""
    found: dict[str, int] = {}
    for name, value in counts.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{name}.")
        elif isinstance(value, int):
            found[prefix + name] = value
    return found


def read_counts(container: Container) -> dict[str, int]:
    """All counts of one container. Raises OSError when it does not answer."""
    if container.process == "envoy":
        return envoy.stats(container)
    return flat(containers.ask(container, "counts"))


def known(mesh: Mesh, pids: Mapping[str, int]) -> dict[str, Any]:
    """The graph in the shape of a profile, with what each side counted since the start. `pids` by cgroup path."""
    counts = {container: read_counts(container) for container in mesh.containers}
    owners = {container: pod for pod in mesh.pods for container in pod.containers}

    def end(container: Container, address: str, listen: str | None = None) -> dict[str, Any]:
        pod = owners[container]
        ours = {
            "process": container.process,
            "service": pod.full_service,
            "instance": pod.name,
            "container": container.name,
            "layer": container.layer,
            "pids": [pids[containers.path_of(container)]],
            "address": address,
        }
        return ours | ({"listen": listen} if listen else {})

    traffic = mesh.traffic.app
    assert traffic is not None
    return {
        "pods": [_pod(pod, pids) for pod in mesh.pods],
        "edges": [_edge(edge, end, counts) for edge in edges(mesh)],
        "sent": {name: value for name, value in containers.ask(traffic, "counts").items() if name != "out"},
    }


def _pod(pod: Pod, pids: Mapping[str, int]) -> dict[str, Any]:
    held = [
        {"name": c.name, "process": c.process, "layer": c.layer, "pid": pids[containers.path_of(c)]}
        for c in pod.containers
    ]
    names = {"name": pod.name, "namespace": pod.namespace, "service": pod.full_service, "address": pod.address}
    return {**names, "labels": dict(pod.labels), "containers": held}


def _edge(
    edge: KnownEdge, end: Callable[..., dict[str, Any]], counts: Mapping[Container, Mapping[str, int]]
) -> dict[str, Any]:
    found = {
        "client": end(edge.client, edge.seen_as),
        "server": end(edge.server, edge.dialed, edge.listen),
        "transport": "tcp",
        "protocol": edge.protocol,
        "security": edge.security,
        "label": label("tcp", edge.protocol, edge.security),
        "client_side": _side(edge.client_counts, counts, "connect"),
        "server_side": _side(edge.server_counts, counts, "accept"),
    }
    return found | ({"tls": {"sni": [edge.sni]}} if edge.sni else {})


def _side(
    source: Source | None, counts: Mapping[Container, Mapping[str, int]], opening: str
) -> dict[str, dict[str, int]] | None:
    if source is None:
        return None
    held = counts[source.container]
    number = held.get(source.connections, 0) + (held.get(source.waiting, 0) if source.waiting else 0)
    written, read = held.get(source.written, 0), held.get(source.read, 0)
    return {opening: {"count": number}, "write": {"bytes": written}, "read": {"bytes": read}}
