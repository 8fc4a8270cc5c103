"""Envoys that say what a test tells them: streams of access logs whose every number is known."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Queue
from typing import Any, ClassVar

import grpc

from hopscope.server.receivers.als import METHOD, SERVICE
from hopscope.wire.envoy.v3 import accesslog_pb2 as envoy

PATH = f"/{SERVICE}/{METHOD}"
MESH = "query($window: WindowInput!, $namespace: String) { mesh(window: $window, namespace: $namespace) { ...whole } }"
PODS = "query($service: ID!, $window: WindowInput!) { meshPods(service: $service, window: $window) { ...whole } }"
WHOLE = """
fragment whole on Mesh {
  window { from to seconds } seconds proxies proxiesSilent entries lastEntry complete { name value }
  services { id name namespace layer ordinal instances requests errors rate p99Ns state reasons }
  lines {
    id client server protocol security label requests rate errors errorShare byStatus { reason count }
    byFlag { reason count } retries bytesIn bytesOut connections state reasons clientSeen serverSeen
    latency { part side averageNs percentiles histogram } instances { client server requests errors }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod with a sidecar, or a gateway."""

    name: str
    service: str
    address: str
    kind: str = "sidecar"
    namespace: str = "default"

    @property
    def principal(self) -> str:
        return f"spiffe://cluster.local/ns/{self.namespace}/sa/{self.service}"

    def node(self) -> envoy.Node:
        node = envoy.Node(id=f"{self.kind}~{self.address}~{self.name}.{self.namespace}~{self.namespace}.svc.local")
        node.metadata.update(
            {"NAME": self.name, "NAMESPACE": self.namespace, "LABELS": {"app": self.service, "version": "v1"}}
        )
        return node


def endpoint(ip: str, port: int) -> envoy.Address:
    return envoy.Address(socket_address=envoy.SocketAddress(address=ip, port_value=port))


def address(ip: str, port: int) -> bytes:
    return endpoint(ip, port).SerializeToString()


def duration(ns: int) -> envoy.Duration:
    return envoy.Duration(seconds=ns // 10**9, nanos=ns % 10**9)


def tls(own: Pod, peer: Pod | None) -> bytes:
    said = envoy.TLSProperties(tls_version=4)
    said.local_certificate_properties.subject_alt_name.add(uri=own.principal)
    if peer is not None:
        said.peer_certificate_properties.subject_alt_name.add(uri=peer.principal)
    return said.SerializeToString()


@dataclass(slots=True)
class Request:
    """One request, as it went: from its start, ns. `times`: of the moments that a proxy notes, by field."""

    start_ns: int
    code: int = 200
    flags: tuple[str, ...] = ()
    received: tuple[int, int] = (100, 20)
    sent: tuple[int, int] = (150, 300)
    attempts: int = 1
    times: dict[str, int] = field(default_factory=dict)
    version: int = 2
    trailers: dict[str, str] = field(default_factory=dict)


def served(request: Request) -> Request:
    """The same request as its server's proxy saw it: all of it while the client's waited for the answer."""
    waited = request.times["time_to_last_upstream_rx_byte"] - request.times["time_to_last_upstream_tx_byte"]
    share = waited / request.times["time_to_last_downstream_tx_byte"] * 0.9
    return replace(request, times={name: int(ns * share) for name, ns in request.times.items()})


def random_request(chance: random.Random, start_ns: int) -> Request:
    """One that was answered, with all its moments in order."""
    moments = sorted(chance.randrange(1_000, 400_000_000) for _ in range(7))
    names = (
        "time_to_last_rx_byte", "time_to_first_upstream_tx_byte", "time_to_last_upstream_tx_byte",
        "time_to_first_upstream_rx_byte", "time_to_first_downstream_tx_byte", "time_to_last_upstream_rx_byte",
        "time_to_last_downstream_tx_byte",
    )  # fmt: skip
    return Request(
        start_ns,
        chance.choice((200, 200, 200, 204, 404, 500, 503)),
        chance.choice(((), (), ("upstream_connection_termination",), ("delay_injected", "rate_limited"))),
        (chance.randrange(50, 900), chance.randrange(5000)),
        (chance.randrange(50, 900), chance.randrange(50_000)),
        chance.choice((1, 1, 1, 2, 4)),
        dict(zip(names, moments, strict=True)),
    )


def entry(request: Request, **common: Any) -> envoy.HTTPAccessLogEntry:
    flags = envoy.ResponseFlags(**dict.fromkeys(request.flags, True)).SerializeToString()
    made = envoy.HTTPAccessLogEntry(protocol_version=request.version)
    made.common_properties.MergeFrom(
        envoy.AccessLogCommon(
            start_time=duration(request.start_ns),
            response_flags=flags,
            upstream_request_attempt_count=request.attempts,
            **{name: duration(ns) for name, ns in request.times.items()},
            **common,
        )
    )
    made.request.request_headers_bytes, made.request.request_body_bytes = request.received
    made.response.response_code.value = request.code
    made.response.response_headers_bytes, made.response.response_body_bytes = request.sent
    made.response.response_trailers.update(request.trailers)
    return made


def outbound(request: Request, client: Pod, server: Pod, reached: bool = True) -> envoy.HTTPAccessLogEntry:
    """As the client's sidecar logs it."""
    return entry(
        request,
        upstream_cluster=f"outbound|9080||{server.service}.{server.namespace}.svc.cluster.local",
        downstream_direct_remote_address=endpoint(client.address, random.randrange(1024, 65536)),
        downstream_local_address=address("10.96.0.1", 9080),
        upstream_remote_address=address(server.address, 9080) if reached else b"",
    )


def inbound(
    request: Request, client: Pod, server: Pod, mtls: bool = True, seen_as: str | None = None
) -> envoy.HTTPAccessLogEntry:
    """As the server's sidecar logs it; the client's address may be translated on the way."""
    return entry(
        request,
        upstream_cluster="inbound|9080||",
        downstream_direct_remote_address=endpoint(seen_as or client.address, random.randrange(1024, 65536)),
        downstream_local_address=address(server.address, 9080),
        upstream_remote_address=address("127.0.0.6", 9080),
        tls_properties=tls(server, client) if mtls else b"",
    )


def message(entries: Iterable[Any], node: Pod | None = None) -> bytes:
    said = envoy.StreamAccessLogsMessage()
    if node is not None:
        said.identifier.node.CopyFrom(node.node())
    for one in entries:
        kind = said.http_logs if isinstance(one, envoy.HTTPAccessLogEntry) else said.tcp_logs
        kind.log_entry.append(one)
    return said.SerializeToString()


class Envoy:
    """A stream that stays open as long as its channel."""

    # gRPC cancels a call of which nobody knows any more.
    kept: ClassVar[list[Envoy]] = []

    def __init__(self, channel: grpc.Channel, node: Pod | None) -> None:
        self._node = node
        self._messages: Queue[bytes | None] = Queue()
        self._call = channel.stream_unary(PATH).future(iter(self._messages.get, None))
        self.ended = threading.Event()
        self._call.add_done_callback(lambda _: self.ended.set())
        self.kept.append(self)

    def log(self, entries: Iterable[Any]) -> None:
        self.write(message(entries, self._node))
        self._node = None

    def write(self, data: bytes) -> None:
        self._messages.put(data)

    def status(self) -> tuple[grpc.StatusCode, str]:
        self.ended.wait(10)
        return self._call.code(), self._call.details()


@contextmanager
def channel(path: Path) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(f"unix:{path}", [("grpc.max_send_message_length", -1)]) as made:
        yield made
    Envoy.kept.clear()


def now() -> int:
    return time.time_ns()
