"""Is the merge of two windows what one window over both would have said?"""

from dataclasses import replace

import pytest

from hopscope.edges import merge
from hopscope.edges.model import Connections, Edge, End, Listener, Profile, Side, Value, Window

CLIENT = End("a", "wrk", None, "host", None, (1,), "127.0.0.1")
SERVER = End(None, None, None, None, None, (), "127.0.0.1:80")
KNOWN = End("b", "nginx", None, "host", None, (2,), "127.0.0.1:80", "127.0.0.1:80")


def side(count: int, srtt: float, least: float, histogram: tuple[tuple[int, int, int], ...]) -> Side:
    write = Value(count, 10 * count, time_ns=count, timed=count, histogram=histogram, reasons={"x": count})
    return Side({"write": write}, {"srtt": srtt, "min_rtt": least, "lost": 1})


def edge(server: End, connections: Connections, client_side: Side | None, protocol: str = "unknown") -> Edge:
    security = "none" if protocol != "unknown" else "unknown"
    return Edge("id", CLIENT, server, "tcp", protocol, security, protocol.upper(), connections, client_side, None)


def profile(start: int, seconds: float, *edges: Edge, overflows: int = 0) -> Profile:
    heard = Listener(KNOWN, "127.0.0.1:80", start, 5, overflows)
    lost = {"seconds": {"asked": seconds, "recorded": seconds}, "lost": {"rows": 1}, "peers_aggregated": 2}
    return Profile("host", Window(f"2026-01-01T00:00:0{start}+00:00", seconds), edges, (heard,), lost)


FIRST = profile(
    0, 1, edge(SERVER, Connections(1, 0, 1, {"refused": 1}), side(2, 100, 5, ((0, 128, 2),)), "http"), overflows=2
)
SECOND = profile(
    1, 3, edge(KNOWN, Connections(2, 1, 2, {"refused": 1, "reset": 1}), side(3, 200, 4, ((0, 128, 1), (128, 144, 2))))
)


def test_sums_add_and_gauges_do_not() -> None:
    merged = merge.profiles([FIRST, SECOND])
    (found,) = merged.edges
    assert merged.window == Window(FIRST.window.start, 4)
    assert found.connections == Connections(3, 1, 2, {"refused": 2, "reset": 1})
    assert found.client_side is not None
    histogram = ((0, 128, 3), (128, 144, 2))
    assert found.client_side.metrics["write"] == Value(5, 50, time_ns=5, timed=5, histogram=histogram, reasons={"x": 5})
    assert found.client_side.tcp == {"srtt": 175, "min_rtt": 4, "lost": 2}
    assert merged.completeness == {
        "seconds": {"asked": 4, "recorded": 4},
        "lost": {"rows": 2},
        "peers_aggregated": 4,
    }
    assert [(it.queue, it.overflows) for it in merged.listeners] == [(1, 2)]


def test_what_was_learned_stays() -> None:
    (found,) = merge.profiles([FIRST, SECOND]).edges
    assert (found.protocol, found.server.process, found.server.pids) == ("http", "nginx", (2,))
    (found,) = merge.profiles([SECOND, FIRST]).edges
    assert (found.protocol, found.server.process) == ("http", "nginx")


def test_the_grouping_does_not_matter() -> None:
    third = replace(SECOND, window=Window(SECOND.window.start, 4))
    parts = [FIRST, SECOND, third, third]
    left = merge.profiles([merge.profiles(parts[:2]), merge.profiles(parts[2:])])
    assert left == merge.profiles(parts)


def test_a_value_that_was_not_measured_is_not_zero() -> None:
    assert merge.value(Value(1), Value(2)) == Value(3)
    assert merge.value(Value(1, call_ns=5, timed=1), Value(2)) == Value(3, call_ns=5, timed=1)


def test_nothing_to_merge() -> None:
    with pytest.raises(ValueError, match="nothing"):
        merge.profiles([])
