"""What one entry of an access log says: between whom, how it ended, where its time went. Pure.

The time of a request is cut at moments that the proxy noted, so that the pieces add up to the whole to the nanosecond:

    downstream   until the request had arrived whole, and what the end of the answer took longer than its beginning
    proxy        from there until it was passed on whole, and from the answer's first byte until that was passed on
    upstream     from there until the answer had arrived whole, or nobody waited for it any more
    unexplained  a server was chosen, but nothing was sent to it: the connection failed
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, NamedTuple

import numpy as np

from hopscope.wire.envoy.v3 import accesslog_pb2 as envoy

# https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage, RESPONSE_FLAGS; in the order
# of the fields' numbers.
FLAGS = (
    "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC", "URX", "SI", "IH",
    "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF", "DR",
)  # fmt: skip
UNKNOWN = -1
LONGEST_NS = 1 << 56
"""Two years: what is said to have lasted longer lasted that long."""
MOMENTS = 7
_NS = 1_000_000_000
_PROTOCOLS = {3: "http2", 4: "http3"}
_GRPC = "application/grpc"
_LONGEST = 512
_SENT, _PASSED = "outbound|", ("PassthroughCluster", "BlackHoleCluster")
_CAME, _CAME_PASSED = "inbound|", "InboundPassthroughCluster"
# AccessLogType: an entry at the end of a request or connection. The others are of one that goes on.
_ENDS = frozenset((0, 3, 6))


class Half(NamedTuple):
    """What makes one side's view of requests one thing; see MeshHalf on the wire."""

    side: str
    client: str
    server: str
    cluster: str
    protocol: str
    security: str
    principal: str


class Times(NamedTuple):
    """ns of each part of many requests, UNKNOWN where the proxy did not note it."""

    whole: Any
    downstream: Any
    proxy: Any
    upstream: Any
    unexplained: Any


def counts(common: envoy.AccessLogCommon) -> bool:
    """Whether an entry is of a request or connection that is over, which is when it counts."""
    return not common.intermediate_log_entry and common.access_log_type in _ENDS


@lru_cache(4096)
def flags(data: bytes) -> str:
    """ResponseFlags as Envoy writes them in text: `UF,URX`. Raises DecodeError."""
    if not data:
        return ""
    return ",".join(FLAGS[field.number - 1] for field, _ in envoy.ResponseFlags.FromString(data).ListFields())


def grpc_status(entry: envoy.HTTPAccessLogEntry) -> str | None:
    """The status of a gRPC call where the log has it, "" where only the content type says that it is one. It needs
    HTTP/2."""
    response = entry.response
    for said in (response.response_trailers, response.response_headers):
        if status := said.get("grpc-status"):
            return status[:8]
    named = (entry.request.request_headers.get("content-type"), response.response_headers.get("content-type"))
    return "" if any(kind and kind.startswith(_GRPC) for kind in named) else None


def protocol(version: int, grpc: str | None) -> str:
    """The protocol of an HTTP entry: as its proxy spoke it downstream."""
    return _PROTOCOLS.get(version, "http") if grpc is None else "grpc"


def halves(
    common: envoy.AccessLogCommon, spoken: str, kind: str, addresses: tuple[str, ...]
) -> tuple[tuple[Half, ...], str]:
    """The views that an entry of a proxy at these addresses belongs to, and the URI in the proxy's own certificate,
    "" if it showed none. A sidecar speaks for one end, a gateway is the server of one line and the client of the next.
    Raises DecodeError."""
    remote = caller(common)
    upstream, port = _address(common.upstream_remote_address)
    tls = envoy.TLSProperties.FromString(common.tls_properties)
    found = []
    for side in _sides(common.upstream_cluster, kind, _is_own(remote, addresses)):
        if side == "server":
            own, own_port = _address(common.downstream_local_address)
            security, principal = _security(bool(common.tls_properties), tls, spoken)
            found.append(Half(side, remote, _joined(own, own_port), "", spoken, security, principal))
        elif common.upstream_cluster or upstream:
            called = called_service(common.upstream_cluster)
            own = addresses[0] if addresses else ""
            found.append(Half(side, own, _joined(upstream, port), called, spoken, "unknown", ""))
    return tuple(found), _uri(tls.local_certificate_properties)


def caller(common: envoy.AccessLogCommon) -> str:
    """The address that called: a new port for each connection, which is why it is read apart from the rest."""
    direct: str = common.downstream_direct_remote_address.socket_address.address
    if direct or common.HasField("downstream_direct_remote_address"):
        return direct[:64]
    return _address(common.downstream_remote_address)[0]


def called_service(cluster: str) -> str:
    """The host that an outbound cluster stands for (`outbound|9080||reviews.default.svc.cluster.local`); for others the
    cluster's own name, "" where it stands for any address."""
    if cluster.startswith(_SENT):
        return cluster.rpartition("|")[2][:_LONGEST]
    return "" if cluster in _PASSED else cluster[:_LONGEST]


def _sides(cluster: str, kind: str, from_here: bool) -> tuple[str, ...]:
    if cluster.startswith(_CAME) or cluster == _CAME_PASSED:
        return ("server",)
    if kind == "sidecar":
        # Without a cluster (no route) only the caller tells which way the request went.
        sent = cluster.startswith(_SENT) or cluster in _PASSED or from_here
        return ("client",) if sent else ("server",)
    return "server", "client"


def _is_own(address: str, addresses: tuple[str, ...]) -> bool:
    if address in addresses:
        return True
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False


def _address(data: bytes) -> tuple[str, int]:
    socket = envoy.Address.FromString(data).socket_address
    return socket.address[:64], socket.port_value


def _joined(address: str, port: int) -> str:
    if not address:
        return ""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _security(terminated: bool, tls: envoy.TLSProperties, spoken: str) -> tuple[str, str]:
    if not terminated:
        # What is passed on unread may be encrypted all the same.
        return ("unknown" if spoken == "tcp" else "none"), ""
    peer = tls.peer_certificate_properties
    return ("mtls" if peer.subject_alt_name or peer.subject else "tls"), _uri(peer)


def _uri(certificate: envoy.TLSProperties.CertificateProperties) -> str:
    return next((name.uri[:_LONGEST] for name in certificate.subject_alt_name if name.uri), "")


def _ns(duration: envoy.Duration) -> int:
    # Absent is 0, and 0 is not a time that anything takes.
    ns: int = duration.seconds * _NS + duration.nanos
    return ns if ns > 0 else 0


def ended_ns(common: envoy.AccessLogCommon, whole: int) -> int:
    """When it ended, ns since the epoch by the proxy's clock."""
    return _ns(common.start_time) + max(0, whole)


def lasted_ns(common: envoy.AccessLogCommon) -> int:
    """How long a connection or a request lasted."""
    return _ns(common.duration)


def moments(common: envoy.AccessLogCommon) -> tuple[int, int, int, int, int, int, int]:
    """What the proxy noted of a request, ns from its start, 0 where it did not: see `times`."""
    ends, arrived = common.time_to_last_downstream_tx_byte, common.time_to_last_rx_byte
    passed, answered = common.time_to_last_upstream_tx_byte, common.time_to_last_upstream_rx_byte
    first, begins = common.time_to_first_upstream_rx_byte, common.time_to_first_downstream_tx_byte
    # Spelled out: a call for each took a fifth of what it takes to count an entry.
    return (
        ends.seconds * _NS + ends.nanos or _ns(common.duration),
        arrived.seconds * _NS + arrived.nanos,
        passed.seconds * _NS + passed.nanos or _ns(common.time_to_first_upstream_tx_byte),
        answered.seconds * _NS + answered.nanos,
        first.seconds * _NS + first.nanos,
        begins.seconds * _NS + begins.nanos,
        1 if common.upstream_remote_address else 0,
    )


def times(noted: Any) -> Times:
    """Where the time of requests went: of a table with a row of `moments` for each, a column for each part."""
    # Nothing takes less than no time, and what is said to have taken longer than that would not add up.
    whole, arrived, passed, answered, first, begins, reached = np.clip(noted, 0, LONGEST_NS).T
    arrived = np.minimum(whole, arrived)
    sent = passed > 0
    passed = np.minimum(whole, np.maximum(arrived, passed))
    answered = np.where(answered > 0, answered, np.where(begins > 0, begins, whole))
    answered = np.minimum(whole, np.maximum(passed, answered))
    out = whole - answered
    passing = np.where((begins > 0) & (first > 0), np.minimum(out, np.maximum(0, begins - first)), out)
    lost = ~sent & (reached > 0)
    found = Times(
        whole,
        np.where(sent, arrived + out - passing, arrived),
        np.where(sent, passed - arrived + passing, np.where(lost, UNKNOWN, whole - arrived)),
        np.where(sent, answered - passed, UNKNOWN),
        np.where(lost, whole - arrived, 0),
    )
    return Times(*(np.where(whole > 0, part, UNKNOWN) for part in found))


@lru_cache(4096)
def answer(code: int, grpc: str | None, raised: str) -> str:
    """How a request ended in one label: `200`, `503 UF,URX`, `200 grpc:14`. Code 0: there was no answer."""
    parts = [str(code if 0 <= code < 1000 else 999)]
    if grpc:
        parts.append(f"grpc:{grpc}")
    if raised:
        parts.append(raised)
    return " ".join(parts)


class Answer(NamedTuple):
    """The parts of such a label."""

    code: int
    grpc: str
    flags: tuple[str, ...]


@lru_cache(4096)
def read_answer(label: str) -> Answer:
    """The parts of a label of `answer`."""
    code, grpc, raised = 0, "", tuple[str, ...]()
    for number, word in enumerate(label.split(" ")):
        if number == 0:
            code = int(word) if word.isdecimal() else 999
        elif word.startswith("grpc:"):
            grpc = word[5:]
        else:
            raised = tuple(word.split(","))
    return Answer(code, grpc, raised)


# As OpenTelemetry's conventions for RPC have it, what is the server's fault: UNKNOWN, DEADLINE_EXCEEDED, UNIMPLEMENTED,
# INTERNAL, UNAVAILABLE, DATA_LOSS.
_GRPC_FAILED: Mapping[str, None] = dict.fromkeys(("2", "4", "12", "13", "14", "15"))


def failed(label: str) -> bool:
    """Whether a request failed: no answer, a status of 500 and above, or a gRPC status that is the server's fault."""
    said = read_answer(label)
    return said.code == 0 or said.code >= 500 or said.grpc in _GRPC_FAILED
