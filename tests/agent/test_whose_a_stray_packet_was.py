"""Whose loss is a dropped packet that had no socket: of the connection that its headers name, when that is known."""

from hopscope.agent.connections import CLIENT, SERVER, Connection
from hopscope.agent.strays import KEEP_TICKS, Stray, Strays

HERE, THERE = b"\0" * 10 + b"\xff\xff\x0a\0\0\1", b"\0" * 10 + b"\xff\xff\x0a\0\0\2"


def connection(role: int, side: int) -> Connection:
    ends = (HERE, 40000, THERE, 80) if role == CLIENT else (THERE, 80, HERE, 40000)
    return Connection(1, 1, 7, role, *ends, netns=1, flags=0, side=side)


def stray(to_server: bool, reason: str = "netfilter_drop") -> Stray:
    ends = ((HERE, 40000), (THERE, 80))
    return Stray(*(ends if to_server else ends[::-1]), 1, reason, 3)


def test_the_receiver_loses_it() -> None:
    client, server = connection(CLIENT, 4), connection(SERVER, 5)
    known = {client.initiator: [client, server]}
    assert [side for side, _ in Strays().find([stray(True), stray(False)], known, 1)] == [5, 4]


def test_the_sender_does_where_the_receiver_is_elsewhere() -> None:
    client = connection(CLIENT, 4)
    assert [side for side, _ in Strays().find([stray(True)], {client.initiator: [client]}, 1)] == [4]


def test_a_first_packet_waits_for_its_connection() -> None:
    strays, client = Strays(), connection(CLIENT, 4)
    assert not list(strays.find([stray(True)], {}, 1))
    assert [(side, found.packets) for side, found in strays.find([], {client.initiator: [client]}, 3)] == [(4, 3)]
    assert not list(strays.find([], {client.initiator: [client]}, 4))
    assert strays.unknown == 0


def test_late_packets_of_a_closed_connection() -> None:
    strays = Strays()
    strays.remember([connection(CLIENT, 4), connection(SERVER, 5)], 1)
    assert [side for side, _ in strays.find([stray(True)], {}, 2)] == [5]
    assert not list(strays.find([stray(True)], {}, 1 + 2 * KEEP_TICKS))


def test_what_nobody_knows_is_counted_unless_nobody_was_asked() -> None:
    strays = Strays()
    assert not list(strays.find([stray(True), stray(True, "no_socket")], {}, 1))
    assert not list(strays.find([], {}, 1 + KEEP_TICKS))
    assert strays.unknown == 3
