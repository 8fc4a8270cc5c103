"""Do two agents that see the two ends of many connections tell of the same few, and of few only?"""

from __future__ import annotations

import random

import pytest
from test_an_edge_keeps_its_id import end, ledger

from hopscope.agent.connections import CLIENT, SERVER, Connection
from hopscope.agent.witnesses import AT_ONCE, EACH, Witness, Witnesses


class Host:
    """One agent's books."""

    def __init__(self) -> None:
        self._ledger = ledger()
        self._connections = self._ledger._connections
        self.witnesses = Witnesses(self._ledger, self._connections)

    def see(self, connection: Connection) -> None:
        self._connections.learn(connection)
        self._ledger.settle(connection)
        self.witnesses.see(connection)

    def take(self, now: float) -> tuple[Witness, ...]:
        return self.witnesses.take(now, self._connections.live.values())


def seen_at_both(ports: list[int], near: Host, far: Host, service: int = 80) -> None:
    """Connections of these ports, each host in an order of its own; the server's end is behind a REDIRECT."""
    for port in ports:
        near.see(end(1, CLIENT, "10.0.0.1", port, "10.96.0.1", service))
    for port in sorted(ports):
        accepted = end(2, SERVER, "10.0.0.2", 15006, "10.0.0.1", port)
        accepted.redirected_from = service
        far.see(accepted)


def clients(witnesses: tuple[Witness, ...], initiator: bool) -> set[str]:
    assert {it.initiator for it in witnesses} <= {initiator}
    return {it.client for it in witnesses}


def test_the_same_few_of_many() -> None:
    near, far = Host(), Host()
    ports = random.sample(range(1024, 65535), 5000)
    for second in range(60, 120):
        seen_at_both(ports[(second - 60) * 80 : (second - 59) * 80], near, far)
        chosen = clients(near.take(second), True), clients(far.take(second), False)
        assert chosen[0] == chosen[1]
        assert len(chosen[0]) == (EACH if second == 60 else 0)
    # The minute's end: of all that were open or opened in it.
    chosen = clients(near.take(120), True), clients(far.take(120), False)
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) == EACH


def test_what_they_say_of_a_connection() -> None:
    near, far = Host(), Host()
    seen_at_both([5000], near, far)
    (said,), (answered,) = near.take(1), far.take(1)
    assert (said.client, said.server) == ("10.0.0.1:5000", "10.96.0.1:80")
    assert (answered.client, answered.server) == ("10.0.0.1:5000", "10.0.0.2:80")


@pytest.mark.parametrize("peer", ["127.0.0.1", "::1"])
def test_nothing_of_what_never_leaves_its_host(peer: str) -> None:
    host = Host()
    host.see(end(1, CLIENT, peer, 5000, peer, 80))
    assert host.take(60) == host.take(120) == ()


def test_nothing_where_both_ends_are_here() -> None:
    host = Host()
    host.see(end(1, CLIENT, "10.0.0.1", 5000, "10.0.0.2", 80))
    host.see(end(2, SERVER, "10.0.0.2", 80, "10.0.0.1", 5000))
    assert host.take(60) == host.take(120) == ()


def test_no_flood_of_many_half_edges() -> None:
    host = Host()
    for number in range(250):
        for port in range(10):
            host.see(end(1 + number % 3, CLIENT, "10.0.0.1", 2000 + number * 10 + port, f"10.1.0.{number}", 80))
    told = [host.take(60), host.take(61), host.take(62)]
    assert len(told[0]) == 250 * EACH <= AT_ONCE
    assert not told[1]
    by_edge: dict[str, int] = {}
    for witness in told[0]:
        by_edge[witness.edge] = by_edge.get(witness.edge, 0) + 1
    assert max(by_edge.values()) == EACH
