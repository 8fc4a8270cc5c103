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
from typing import NamedTuple

from hopscope.wire.envoy.v3 import accesslog_pb2 as envoy

# https://www.envoyproxy.io/docs/envoy/latest/configuration/observability/access_log/usage, RESPONSE_FLAGS; in the order
# of the fields' numbers.
FLAGS = (
    "LH", "UH", "UT", "LR", "UR", "UF", "UC", "UO", "NR", "DI", "FI", "RL", "UAEX", "RLSE", "DC", "URX", "SI", "IH",
    "DPE", "UMSDR", "RFCF", "NFCF", "DT", "UPE", "NC", "OM", "DF", "DR",
)  # fmt: skip
UNKNOWN = -1
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
    """ns of each part, UNKNOWN where the proxy did not note it."""

    whole: int
    downstream: int
    proxy: int
    upstream: int
    unexplained: int


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
    """The status of a gRPC call where the log has it, "" where only the content type says that it is one."""
    if entry.protocol_version < 3:
        return None
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
    remote, _ = _address(common.downstream_direct_remote_address or common.downstream_remote_address)
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
    ns: int = duration.seconds * 1_000_000_000 + duration.nanos
    return ns if ns > 0 else 0


def ended_ns(common: envoy.AccessLogCommon, whole: int) -> int:
    """When it ended, ns since the epoch by the proxy's clock."""
    return _ns(common.start_time) + max(0, whole)


def lasted_ns(common: envoy.AccessLogCommon) -> int:
    """How long a connection or a request lasted."""
    return _ns(common.duration)


def times(common: envoy.AccessLogCommon) -> Times:
    """Where the time of a request went."""
    whole = _ns(common.time_to_last_downstream_tx_byte) or _ns(common.duration)
    if not whole:
        return Times(UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN)
    arrived = min(whole, _ns(common.time_to_last_rx_byte))
    passed = _ns(common.time_to_last_upstream_tx_byte) or _ns(common.time_to_first_upstream_tx_byte)
    if not passed:
        if common.upstream_remote_address:
            return Times(whole, arrived, UNKNOWN, UNKNOWN, whole - arrived)
        return Times(whole, arrived, whole - arrived, UNKNOWN, 0)
    passed = min(whole, max(arrived, passed))
    begins = _ns(common.time_to_first_downstream_tx_byte)
    answered = _ns(common.time_to_last_upstream_rx_byte) or begins or whole
    answered = min(whole, max(passed, answered))
    out = whole - answered
    first = _ns(common.time_to_first_upstream_rx_byte)
    passing = min(out, max(0, begins - first)) if begins and first else out
    return Times(whole, arrived + out - passing, passed - arrived + passing, answered - passed, 0)


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
