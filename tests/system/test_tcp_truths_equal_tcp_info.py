"""Do RTT, segments, retransmits and limited times equal what TCP_INFO of the same socket says?"""

import time

import pytest

from tests.system.namespaces import conversation, namespaces, talk
from tests.system.observing import edge_to, observing, value

pytestmark = pytest.mark.usefixtures("root")


def test_rtt_and_segments_at_rest() -> None:
    with conversation() as (client, server, port), observing() as seen:
        talk(client, server)
        seen.take()
        infos = client.do("info"), server.do("info")
        time.sleep(0.3)
        edge = edge_to(seen.take(), port)
    for side, info in zip((edge.client_side, edge.server_side), infos, strict=True):
        assert side is not None
        for name in ("srtt", "rttvar", "min_rtt"):
            assert side.tcp[name] == pytest.approx(info[name]), name


def test_segments_of_a_connection_from_its_first_byte() -> None:
    with observing() as seen, conversation() as (client, server, port):
        for _ in range(23):
            client.do("send", 1, 101)
            server.do("recv", 101)
        time.sleep(0.3)
        infos = client.do("info"), server.do("info")
        edge = edge_to(seen.take(), port)
    for side, info in zip((edge.client_side, edge.server_side), infos, strict=True):
        assert side is not None
        assert side.tcp["segments_out"] == info["segments_out"]


def test_loss_is_counted_as_the_kernel_counts_it() -> None:
    with namespaces() as (left, right), observing() as seen:
        right.lose("tcp dport != 0 numgen random mod 100 < 10")
        with conversation(left, right) as (client, server, port):
            for _ in range(40):
                client.begin("send", 5, 4000)
                server.do("recv", 20000)
                client.answer()
            infos = client.do("info"), server.do("info")
            client.do("close")
            server.do("close")
            time.sleep(2)
            edge = edge_to(seen.take(), port)
            dropped, counters = right.dropped(), left.nstat()
    assert dropped > 0
    assert edge.client_side is not None and edge.server_side is not None
    tcp = edge.client_side.tcp
    assert value(edge.client_side, "retransmit").count == counters["TcpRetransSegs"] >= infos[0]["retransmitted"]
    assert tcp["retransmitted"] == counters["TcpRetransSegs"]
    assert tcp["out_of_order"] == infos[0]["out_of_order"]
    assert edge.server_side.tcp["out_of_order"] == infos[1]["out_of_order"] > 0
    drops = [value(side, "drop").reasons or {} for side in (edge.client_side, edge.server_side)]
    assert sum(reasons.get("netfilter_drop", 0) for reasons in drops) == dropped, drops


def test_a_stalled_receiver_is_seen_within_a_second() -> None:
    with namespaces() as (left, right), conversation(left, right) as (client, server, port), observing() as seen:
        client.do("send", 10000, 100000, 0)
        time.sleep(0.2)
        seen.take()
        before, probes = client.do("info"), left.nstat()["TcpExtTCPWinProbe"]
        time.sleep(1)
        edge = edge_to(seen.take(), port)
        after, probes_after = client.do("info"), left.nstat()["TcpExtTCPWinProbe"]
        assert edge.client_side is not None
        tcp = edge.client_side.tcp
        for name in ("busy", "rwnd_limited", "sndbuf_limited"):
            assert tcp[name] == pytest.approx(after[name] - before[name], abs=60_000), name
        assert tcp["rwnd_limited"] > 900_000
        assert 0 < tcp["zero_window_probes"] == probes_after - probes
        read = server.do("recv", client.do("send", 1, 1, 0)["written"] - 1)
        assert read["read"] > 0
