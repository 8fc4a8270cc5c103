"""Does a state rest on the right counts, and does its reason name the end that is to blame?"""

import pytest

from hopscope.edges.model import Connections, Edge, End, Side, Value
from hopscope.edges.state import state

HEALTHY = {"segments_out": 1000, "srtt": 500.0, "min_rtt": 400, "busy": 1e6, "rwnd_limited": 0, "sndbuf_limited": 0}


def edge(metrics: dict | None = None, tcp: dict | None = None, at: str = "client", **connections: object) -> Edge:
    ends = [End(None, name, None, None, None, (), "10.0.0.1:1") for name in ("a", "b")]
    shape = Connections(**{"opened": 0, "closed": 0, "active": 1, "failed": {}, **connections})  # type: ignore[arg-type]
    side = Side({"write": Value(100, 1000), **(metrics or {})}, {**HEALTHY, **(tcp or {})})
    sides = (side, None) if at == "client" else (None, side)
    return Edge("id", *ends, "tcp", "http", "none", "HTTP", shape, *sides)


@pytest.mark.parametrize(
    ("given", "name", "reason"),
    [
        (edge(), "healthy", ""),
        (edge(failed={"refused": 3}, opened=1), "failing", "3 of 4 connects failed (refused)"),
        (edge(failed={"refused": 1}, opened=1000), "healthy", ""),
        (
            edge({"reset": Value(5, reasons={"peer": 5})}, closed=50),
            "failing",
            "5 of 50 closed by a reset from the server",
        ),
        (
            edge({"reset": Value(5, reasons={"peer": 5})}, closed=50, at="server"),
            "failing",
            "by a reset from the client",
        ),
        (edge({"reset": Value(1, reasons={"peer": 1})}, closed=500), "healthy", ""),
        (
            edge(tcp={"zero_window_probes": 2}),
            "failing",
            "the server does not read: 2 zero-window probes from the client",
        ),
        (edge({"retransmit": Value(42, 9)}), "slow", "the client sent 42 segments again, 4.2% of its segments"),
        (edge({"retransmit": Value(2, 9)}, {"segments_out": 10}), "healthy", ""),
        (edge({"retransmit": Value(9, 9)}, {"segments_out": 10_000}), "healthy", ""),
        (
            edge(tcp={"rwnd_limited": 5e5}),
            "slow",
            "the server reads too slowly: its window held the client back 50% of the time",
        ),
        (edge(tcp={"rwnd_limited": 5e5}, at="server"), "slow", "the client reads too slowly"),
        (edge(tcp={"sndbuf_limited": 3e5}), "slow", "the client's send buffer is too small"),
        (edge(tcp={"rwnd_limited": 500, "busy": 600}), "healthy", ""),
        (
            edge(tcp={"srtt": 200_000.0, "min_rtt": 1000}),
            "slow",
            "packets queue on the way: round trip 200 ms, at its best 1.0 ms",
        ),
        (edge(tcp={"srtt": 200_000.0, "min_rtt": 20}), "healthy", ""),
        (
            edge({"connect": Value(2, timed=2, histogram=((1_000_000_000, 1_100_000_000, 2),))}),
            "slow",
            "a SYN or its answer is lost",
        ),
        (
            edge({"drop": Value(7, reasons={"socket_rcvbuff": 7})}),
            "slow",
            "dropped 7 packets of the client (socket_rcvbuff)",
        ),
    ],
)
def test_states(given: Edge, name: str, reason: str) -> None:
    found = state(given)
    assert found.name == name and reason in "; ".join(found.reasons), found
    assert bool(found.reasons) == (name != "healthy")
