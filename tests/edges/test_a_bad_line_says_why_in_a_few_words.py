"""Does every reason have a form that fits on a line, and does the worst one stand there?"""

import pytest

from hopscope.edges.model import Connections, Edge, End, Side, Value
from hopscope.edges.state import state

CLIENT = End("a", "envoy", None, "host", None, (1,), "10.0.0.1")
SERVER = End(None, None, None, None, None, (), "10.0.0.2:80")


def edge(failed: dict[str, int] | None = None, tcp: dict[str, float] | None = None, **metrics: Value) -> Edge:
    connections = Connections(10, 4, 2, failed or {})
    side = Side(metrics, tcp or {})
    return Edge("id", CLIENT, SERVER, "tcp", "http", "mtls", "mTLS", connections, side, None)


@pytest.mark.parametrize(
    ("found", "name", "brief"),
    [
        (edge(), "healthy", ""),
        (edge({"timed out": 12, "refused": 1}), "failing", "12 timed out"),
        (edge(reset=Value(1, reasons={"peer": 1})), "failing", "1 reset"),
        (edge(tcp={"zero_window_probes": 2}), "failing", "zero window"),
        (edge(tcp={"segments_out": 1000}, retransmit=Value(31)), "slow", "3.1 % retransmit"),
        (edge(drop=Value(4, reasons={"no socket": 4})), "slow", "4 drops"),
        (edge(tcp={"busy": 1e6, "rwnd_limited": 310_000}), "slow", "window 31 %"),
        (edge(tcp={"min_rtt": 900, "srtt": 212_000}), "slow", "RTT 212 ms"),
        (edge(connect=Value(9, histogram=((2**30, 2**31, 9),))), "slow", "connect over 1 s"),
        (edge({"refused": 3}, {"segments_out": 1000}, retransmit=Value(31)), "failing", "3 refused"),
    ],
)
def test_the_first_reason_in_its_metrics_word(found: Edge, name: str, brief: str) -> None:
    said = state(found)
    assert (said.name, said.brief) == (name, brief)
    assert bool(said.reasons) == bool(brief)
