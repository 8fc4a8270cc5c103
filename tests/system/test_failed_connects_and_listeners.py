"""Are connects that fail counted by cause, resets by sender, and listeners as ss and nstat see them?"""

import re
import time

import pytest

from tests.system.namespaces import Endpoint, Namespace, conversation, namespaces
from tests.system.observing import edge_to, edges_to, observing, value

pytestmark = pytest.mark.usefixtures("root")


def fails(inside: Namespace, address: str, port: int, seconds: float = 30) -> None:
    client = Endpoint(inside)
    answer = client.do("connect", address, port, seconds)
    assert isinstance(answer, dict), answer
    client.end()


def test_refused() -> None:
    with namespaces() as (left, right), observing() as seen:
        for _ in range(3):
            fails(left, right.address, 4001)
        edge = edge_to(seen.take(), 4001)
    assert edge.connections.failed == {"refused": 3}
    assert edge.connections.opened == edge.connections.closed == 0
    assert value(edge.client_side, "connect").count == 0


def test_timed_out() -> None:
    with namespaces() as (left, right), observing() as seen:
        left.run("sysctl", "-qw", "net.ipv4.tcp_syn_retries=1", "net.ipv4.tcp_syn_linear_timeouts=0")
        left.lose("tcp dport 4002", "output")  # where the packet still knows its socket
        fails(left, right.address, 4002)
        edge = edge_to(seen.take(), 4002)
        dropped = left.dropped()
    assert edge.connections.failed == {"timed out": 1}
    assert value(edge.client_side, "retransmit").count == dropped - 1 == 1
    assert (value(edge.client_side, "drop").reasons or {})["netfilter_drop"] == dropped


def test_unreachable_after_the_first_segment() -> None:
    with namespaces() as (left, _), observing() as seen:
        fails(left, "10.77.0.9", 4003)  # nobody answers its ARP
        edge = edge_to(seen.take(), 4003)
    assert edge.connections.failed == {"unreachable": 1}


def test_given_up_by_the_application() -> None:
    with namespaces() as (left, right), observing() as seen:
        right.lose("tcp dport 4004")
        fails(left, right.address, 4004, 0.3)
        edge = edge_to(seen.take(), 4004)
    assert edge.connections.failed == {"aborted": 1}


def test_resets_by_sender() -> None:
    with observing() as seen:
        with conversation() as (client, server, port):
            client.do("send", 1)
            server.do("recv", 100)
            client.do("reset")
            time.sleep(0.1)
        edge = edge_to(seen.take(), port)
    client_side, server_side = value(edge.client_side, "reset"), value(edge.server_side, "reset")
    assert client_side.reasons == {"local application": 1}
    assert server_side.reasons == {"peer": 1}
    assert edge.connections.opened == edge.connections.closed == 1


def test_unread_bytes_at_close_reset_the_connection() -> None:
    with observing() as seen:
        with conversation() as (client, server, port):
            client.do("send", 1)
            time.sleep(0.1)
            server.do("close")
            time.sleep(0.1)
        edge = edge_to(seen.take(), port)
    assert value(edge.server_side, "reset").reasons == {"local application": 1}
    assert value(edge.client_side, "reset").reasons == {"peer": 1}


def test_listener_queue_limit_and_overflow() -> None:
    with namespaces() as (left, right), observing() as seen:
        server = Endpoint(right)
        port = server.do("listen", right.address, 3)
        clients = [Endpoint(left) for _ in range(6)]
        seen.take()
        for client in clients:
            client.begin("connect", right.address, port, 1.5)
        time.sleep(1.2)
        picture, counters = seen.take(), right.nstat()
        found = re.search(r"LISTEN +(\d+) +(\d+).*,d(\d+)\)", right.run("ss", "-ltnmH"), re.DOTALL)
        assert found is not None
        queue, limit, drops = map(int, found.groups())
        for client in clients:
            client.answer()
            client.end()
        server.end()
    (listener,) = (item for item in picture.listeners if item.address.endswith(f":{port}"))
    assert (listener.process.process, listener.queue, listener.limit) == ("endpoint", queue, limit)
    assert queue == 4 == listener.limit + 1
    # The kernel adds a last ACK that finds the queue full twice to sk_drops, once to ListenOverflows.
    assert listener.overflows == drops >= counters["TcpExtListenOverflows"] > 0
    assert len(edges_to(picture, port)) == 1
