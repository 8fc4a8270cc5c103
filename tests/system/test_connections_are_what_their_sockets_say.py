"""Does each connection behind a line say what its own sockets say: addresses, state, bytes, TCP_INFO, its end?"""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import pytest

from hopscope.agent.inspecting import Inspected, Subject
from hopscope.agent.telling import MOST
from hopscope.agent.watch import Watch
from hopscope.edges.connection import Connection
from hopscope.settings import AgentSettings
from tests.system.namespaces import Endpoint, conversation, namespaces, talk
from tests.system.observing import edge_to

pytestmark = pytest.mark.usefixtures("root")
OWN = {
    "srtt": "srtt_us", "rttvar": "rttvar_us", "min_rtt": "min_rtt_us", "segments_out": "segments_out",
    "retransmitted": "retransmitted", "retransmitted_bytes": "retransmitted_bytes",
    "out_of_order": "out_of_order",
}  # fmt: skip
"""What TCP_INFO and a row have in common."""


@contextmanager
def watching() -> Iterator[Watch]:
    with Watch(AgentSettings()) as watch:
        yield watch


def subject(watch: Watch, port: int) -> Subject:
    window = watch.open("off")
    try:
        return Subject(edge_to(window.peek(), port).id)
    finally:
        window.close()


def both(watch: Watch, of: Subject) -> tuple[Inspected, Inspected]:
    client, server = watch.inspect([of])
    assert (client.side, server.side, client.why_not, server.why_not) == ("client", "server", None, None)
    return client, server


def only(seen: Inspected) -> Connection:
    (row,) = seen.connections
    return row


def equal(row: Connection, total: dict[str, int], info: dict[str, int]) -> None:
    assert (row.write_calls, row.write_bytes) == (total["writes"], total["written"])
    assert (row.read_calls, row.read_bytes) == (total["reads"], total["read"])
    for name, field in OWN.items():
        assert getattr(row, field) == info[name], name


def quiet(*ends: Endpoint) -> None:
    """Until the last acknowledgement, which may be delayed, is a segment of each."""
    sent, before = [end.do("info")["segments_out"] for end in ends], None
    while sent != before:
        time.sleep(0.3)
        before, sent = sent, [end.do("info")["segments_out"] for end in ends]


@pytest.mark.parametrize("older", [False, True])
def test_an_open_one(older: bool) -> None:
    with ExitStack() as stack:
        if not older:
            watch = stack.enter_context(watching())
        began = datetime.now(UTC)
        client, server, port = stack.enter_context(conversation())
        if older:
            # What was moved before is the connection's own; calls are counted from now on.
            client.do("send", 1, 1000)
            server.do("recv", 1000)
            watch = stack.enter_context(watching())
        talk(client, server)
        quiet(client, server)
        seen = both(watch, subject(watch, port))
        for end, side, name in ((client, seen[0], "client"), (server, seen[1], "server")):
            row = only(side)
            assert side.states == {"ESTABLISHED": 1}
            counted = {"writes": 23, "written": 23 * 101, "reads": 23, "read": 23 * 57}
            if name == "server":
                counted = {"writes": 23, "written": 23 * 57, "reads": 23, "read": 23 * 101}
            equal(row, counted, end.do("info"))
            assert (row.pid, row.state, row.ended, row.troubles) == (end.pid, "ESTABLISHED", None, ())
            assert (row.opened_at is None) is older
            assert 0 <= (row.counted_since - began).total_seconds() < 5
        here, there = only(seen[0]), only(seen[1])
        assert here.remote == there.local == f"127.0.0.1:{port}"
        assert here.local == there.remote
        assert here.local.startswith("127.0.0.1:")


def test_lost_segments_are_the_connections_own() -> None:
    with namespaces() as (left, right), watching() as watch:
        right.lose("tcp dport != 0 numgen random mod 100 < 10")
        with conversation(left, right) as (client, server, port):
            for _ in range(40):
                client.begin("send", 5, 4000)
                got = server.do("recv", 20000)
                sent = client.answer()
            time.sleep(1)
            sender, receiver = both(watch, subject(watch, port))
            row = only(sender)
            equal(row, sent, client.do("info"))
            equal(only(receiver), got, server.do("info"))
            assert row.retransmitted > 3
            assert "segments are sent again" in row.troubles
            assert (row.local.rpartition(":")[0], row.remote) == (left.address, f"{right.address}:{port}")


def test_a_stalled_one_says_so_at_both_ends() -> None:
    with conversation() as (client, _, port), watching() as watch:
        of = subject(watch, port)
        both(watch, of)
        written = client.do("send", 10000, 100000, 0)["written"]
        time.sleep(1.5)
        both(watch, of)
        time.sleep(1.2)
        sender, receiver = both(watch, of)
        row, other = only(sender), only(receiver)
        assert row.troubles[0] == "the peer does not read, its window is closed"
        assert "the peer reads too slowly" in row.troubles
        assert other.troubles == ("what has arrived is not read",)
        assert row.write_bytes == written
        assert row.unacked_bytes + other.unread_bytes == written
        assert row.zero_window_probes > 0
        info = client.do("info")
        for name, held in (("busy", row.busy_us), ("rwnd_limited", row.rwnd_limited_us)):
            assert held == pytest.approx(info[name], abs=60_000), name


def test_one_that_the_peer_has_closed() -> None:
    with watching() as watch, conversation() as (client, _, port):
        of = subject(watch, port)
        client.do("shut")
        time.sleep(1.2)
        here, there = both(watch, of)
        assert (only(here).state, only(there).state) == ("FIN_WAIT2", "CLOSE_WAIT")
        assert only(there).troubles == ("the peer has closed, this end has not",)


@pytest.mark.parametrize(
    ("how", "said"),
    [("close", ("closed", "closed")), ("reset", ("reset by this end's application", "reset by the peer"))],
)
def test_one_that_ends_under_our_eyes(how: str, said: tuple[str, str]) -> None:
    with watching() as watch, conversation() as (client, server, port):
        of = subject(watch, port)
        both(watch, of)
        client.do("send", 3, 100)
        total = server.do("recv", 300)
        client.do(how)
        server.do("close")
        time.sleep(0.5)
        seen = both(watch, of)
        assert [it.states for it in seen] == [{}, {}]
        assert [it.closed for it in seen] == [1, 1]
        rows = [only(it) for it in seen]
        assert tuple(row.ended for row in rows) == said
        assert (rows[0].write_calls, rows[0].write_bytes) == (3, 300)
        assert (rows[1].read_calls, rows[1].read_bytes) == (total["reads"], 300)
        for row in rows:
            assert 0 < (datetime.now(UTC) - row.closed_at).total_seconds() < 2
            assert row.opened_at < row.closed_at


def test_one_that_is_refused() -> None:
    with watching() as watch, conversation() as (_, server, port):
        of = subject(watch, port)
        both(watch, of)
        server.do("close")
        server.do("stop")
        other = Endpoint()
        try:
            assert other.do("connect", "127.0.0.1", port)["failed"] == "ConnectionRefusedError"
            time.sleep(0.3)
            seen = [it for it in watch.inspect([of]) if it.side == "client"]
            failed = [row for row in seen[0].connections if row.pid == other.pid]
            assert [row.ended for row in failed] == ["failed: refused"]
            other.do("close")
            time.sleep(0.3)
            seen = [it for it in watch.inspect([of]) if it.side == "client"]
            assert [row.ended for row in seen[0].connections if row.pid == other.pid] == ["failed: refused"]
        finally:
            other.end()


def test_a_process_has_its_connections_by_state() -> None:
    with watching() as watch, conversation() as (client, server, port):
        client.do("send", 1, 10)
        server.do("recv", 10)
        server.do("shut")
        time.sleep(0.3)
        window = watch.open("off")
        edge = edge_to(window.peek(), port)
        window.close()
        client_group, server_group = edge.client.id, edge.server.id
        assert client_group == server_group is not None
        (seen,) = watch.inspect([Subject(client_group, process=True)])
        assert seen.side is None
        assert {"CLOSE_WAIT", "FIN_WAIT2"} <= seen.states.keys()
        assert {row.pid for row in seen.connections} >= {client.pid, server.pid}


def test_of_many_the_worst_and_the_busiest_are_told() -> None:
    with watching() as watch, ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=400))
        port = listener.getsockname()[1]
        pairs = []
        for _ in range(3 * MOST):
            near = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            pairs.append((near, stack.enter_context(listener.accept()[0])))
        busy, closing = pairs[137], pairs[211]
        busy[0].sendall(b"x" * 50_000)
        busy[1].recv(50_000, socket.MSG_WAITALL)
        closing[0].shutdown(socket.SHUT_WR)
        time.sleep(1.2)
        of = subject(watch, port)
        here, there = both(watch, of)
        assert here.states == {"ESTABLISHED": 3 * MOST - 1, "FIN_WAIT2": 1}
        assert there.states == {"ESTABLISHED": 3 * MOST - 1, "CLOSE_WAIT": 1}
        assert len(here.connections) == len(there.connections) == MOST
        names = [f"{host}:{number}" for host, number in (pair[0].getsockname() for pair in (closing, busy))]
        assert [row.remote for row in there.connections[:2]] == names
        assert here.connections[0].local == names[1]
        assert here.connections[0].write_bytes == 50_000


def test_nothing_is_kept_when_nobody_looks() -> None:
    with watching() as watch, conversation() as (client, server, port):
        of = subject(watch, port)
        both(watch, of)
        watch.inspect([])
        client.do("close")
        server.do("close")
        time.sleep(0.3)
        assert [(it.closed, it.connections) for it in watch.inspect([of])] == [(0, ()), (0, ())]


def test_who_stops_looking_takes_nothing_from_another() -> None:
    with watching() as watch, conversation() as (client, server, port):
        of = subject(watch, port)
        window = watch.open("off")
        both(watch, of)
        assert [it.side for it in window.inspect(of.id)] == ["client", "server"]
        client.do("close")
        server.do("close")
        time.sleep(0.3)
        window.inspect(None)
        window.close()
        assert [it.closed for it in watch.inspect([of])] == [1, 1]
