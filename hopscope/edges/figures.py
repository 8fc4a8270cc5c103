"""What one edge comes to: the figures that a line shows, sorts by and is compared by. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from hopscope.edges.histogram import percentile
from hopscope.edges.model import Edge, Side, Value

Unit = Literal["number", "bytes", "ns"]
Of = Callable[[Edge, float], float | None]


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of an edge watched for some seconds; None where it was not measured. `total`: grows with the window."""

    name: str
    unit: Unit
    of: Of
    sentence: str
    total: bool = False


def sides(edge: Edge) -> list[Side]:
    """The sides that were measured, the client's first."""
    return [side for side in (edge.client_side, edge.server_side) if side is not None]


def value(side: Side | None, metric: str) -> Value | None:
    """A metric of a side; None where it was not measured."""
    return side.metrics.get(metric) if side else None


def _bytes(edge: Edge, at_client: str, at_server: str) -> int | None:
    client, server = value(edge.client_side, at_client), value(edge.server_side, at_server)
    return client.bytes if client is not None else server.bytes if server is not None else None


def sent(edge: Edge, _seconds: float = 0) -> int | None:
    """Bytes from client to server, as the client counted them, else the server."""
    return _bytes(edge, "write", "read")


def received(edge: Edge, _seconds: float = 0) -> int | None:
    """Bytes from server to client."""
    return _bytes(edge, "read", "write")


def moved_bytes(edge: Edge) -> int:
    """Bytes both ways."""
    return (sent(edge) or 0) + (received(edge) or 0)


def _calls(edge: Edge, _seconds: float) -> int | None:
    near = edge.client_side or edge.server_side
    found = [measured.count for metric in ("write", "read") if (measured := value(near, metric))]
    return sum(found) if found else None


def rtt(edge: Edge, _seconds: float = 0) -> float | None:
    """Smoothed round trip in ns, from the client's own tcp_sock, else the server's."""
    for side in sides(edge):
        if side.tcp.get("srtt"):
            return side.tcp["srtt"] * 1000
        measured = side.metrics.get("write_rtt")
        if measured is not None and measured.time_ns and measured.timed:
            return measured.time_ns / measured.timed
    return None


def _both(metric: str) -> Of:
    def total(edge: Edge, _seconds: float) -> float | None:
        found = [measured.count for side in sides(edge) if (measured := side.metrics.get(metric))]
        return sum(found) if found else None

    return total


def _time(metric: str, share: float) -> Of:
    def at(edge: Edge, _seconds: float) -> float | None:
        for side in sides(edge):
            measured = side.metrics.get(metric)
            if measured is not None and measured.histogram:
                return percentile(measured.histogram, share)
        return None

    return at


def _rate(of: Of) -> Of:
    def per_second(edge: Edge, seconds: float) -> float | None:
        number = of(edge, seconds)
        return None if number is None or seconds <= 0 else number / seconds

    return per_second


FIGURES = (
    Figure("active", "number", lambda edge, _: edge.connections.active, "connections open at the end"),
    Figure("calls_per_second", "number", _rate(_calls), "reads and writes that moved bytes"),
    Figure("sent_per_second", "bytes", _rate(sent), "bytes from client to server"),
    Figure("received_per_second", "bytes", _rate(received), "bytes from server to client"),
    Figure("rtt", "ns", rtt, "smoothed round trip"),
    Figure("retransmits", "number", _both("retransmit"), "segments sent again, both sides", True),
    Figure("drops", "number", _both("drop"), "packets the kernel dropped, both sides", True),
    Figure("resets", "number", _both("reset"), "connections reset, both sides", True),
    Figure("failed", "number", lambda edge, _: sum(edge.connections.failed.values()), "connects that failed", True),
    Figure("write_p50", "ns", _time("write", 0.5), "time of a write, half are faster"),
    Figure("write_p99", "ns", _time("write", 0.99), "time of a write, 99 of 100 are faster"),
    Figure("read_p50", "ns", _time("read", 0.5), "time of a read, half are faster"),
    Figure("read_p99", "ns", _time("read", 0.99), "time of a read, 99 of 100 are faster"),
    Figure("connect_p99", "ns", _time("connect", 0.99), "handshake at the client, 99 of 100 are faster"),
    Figure("opened", "number", lambda edge, _: edge.connections.opened, "connections opened", True),
    Figure("closed", "number", lambda edge, _: edge.connections.closed, "connections closed", True),
    Figure("sent", "bytes", sent, "bytes from client to server, in all", True),
    Figure("received", "bytes", received, "bytes from server to client, in all", True),
)
BY_NAME = {figure.name: figure for figure in FIGURES}
