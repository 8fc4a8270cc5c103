"""Does an edge keep its id and its connections whichever half is seen first, and are both halves one edge?"""

import itertools
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address

import pytest

from hopscope.agent.connections import CLIENT, ESTABLISHED, LISTENER, OLDER, SERVER, Connection, Connections, Owner
from hopscope.agent.ledger import Ledger, Line

GROUPS = {1: Owner("a" * 16, "client"), 2: Owner("b" * 16, "server"), 3: Owner("c" * 16, "other")}
_INDEX = itertools.count()


def address(text: str) -> bytes:
    ip = ip_address(text)
    return ip.packed if ip.version == 6 else b"\0" * 10 + b"\xff\xff" + ip.packed


def end(tgid: int, role: int, local: str, local_port: int, remote: str, remote_port: int, netns: int = 1) -> Connection:
    return Connection(
        next(_INDEX), 1, tgid, role, address(local), local_port, address(remote), remote_port, netns, ESTABLISHED
    )


def ledger(peers: int = 256) -> Ledger:
    return Ledger(Connections(), lambda connection: GROUPS.get(connection.tgid), peers=peers)


def settle(book: Ledger, *ends: Connection) -> list[Line]:
    for one in ends:
        book._connections.learn(one)
    for one in ends:
        book._connections.correct_role(one)
    found = []
    for one in sorted(ends, key=lambda one: one.role):
        book.settle(one)
        line = book.line_of(one)
        assert line is not None
        found.append(line)
    return found


CLIENT_END = end(1, CLIENT, "10.0.0.1", 5000, "10.0.0.2", 80)
SERVER_END = end(2, SERVER, "10.0.0.2", 80, "10.0.0.1", 5000, netns=2)
REDIRECTED = end(2, SERVER, "127.0.0.1", 15001, "10.0.0.1", 5000)


def copies(*ends: Connection) -> list[Connection]:
    return [replace(one) for one in ends]


@pytest.mark.parametrize("server_end", [SERVER_END, REDIRECTED], ids=["across namespaces", "through REDIRECT"])
def test_the_id_is_the_same_before_and_after_the_other_half(server_end: Connection) -> None:
    alone, late, together = ledger(), ledger(), ledger()
    client, server = copies(CLIENT_END, server_end)
    (first,) = settle(alone, client)
    assert first.server is None
    (second,) = settle(alone, server)
    assert second is first and first.server == GROUPS[2]
    client, server = copies(CLIENT_END, server_end)
    ids = {line.id for line in settle(together, client, server)}
    (only,) = settle(late, replace(CLIENT_END))
    assert ids == {first.id, only.id} == {first.id}
    assert (first.dialed, second.listen) == (
        "10.0.0.2:80",
        f"{'127.0.0.1:15001' if server_end is REDIRECTED else '10.0.0.2:80'}",
    )


@pytest.mark.parametrize("server_end", [SERVER_END, REDIRECTED], ids=["across namespaces", "through REDIRECT"])
def test_a_server_that_was_there_first_follows_its_client(server_end: Connection) -> None:
    book = ledger()
    client, server = copies(CLIENT_END, server_end)
    (alone,) = settle(book, server)
    assert alone.client is None
    (line,) = settle(book, client)
    assert book.line_of(server) is line
    assert (line.client, line.server, line.dialed) == (GROUPS[1], GROUPS[2], "10.0.0.2:80")
    assert line.listen == ("127.0.0.1:15001" if server_end is REDIRECTED else "10.0.0.2:80")


def test_both_sides_are_apart_on_one_edge() -> None:
    book = ledger()
    client, server = copies(CLIENT_END, SERVER_END)
    settle(book, client, server)
    assert (client.side, server.side) == (0, 1)


def test_a_second_group_behind_one_address_has_an_edge_of_its_own() -> None:
    book = ledger()
    first = settle(book, *copies(CLIENT_END, SERVER_END))[0]
    client, server = end(1, CLIENT, "10.0.0.1", 5001, "10.0.0.2", 80), end(3, SERVER, "10.0.0.9", 80, "10.0.0.1", 5001)
    second = settle(book, client, server)
    assert second[1] is not first and second[1].server == GROUPS[3] and first.server == GROUPS[2]
    assert client.side // 2 == server.side // 2
    assert first.live == 2 and second[1].live == 2


def test_loopback_means_another_host_in_each_namespace() -> None:
    book = ledger()
    client = end(1, CLIENT, "127.0.0.1", 5000, "127.0.0.1", 80, netns=1)
    server = end(2, SERVER, "127.0.0.1", 80, "127.0.0.1", 5000, netns=2)
    lines = settle(book, client, server)
    assert lines[0] is not lines[1] and lines[0].server is None and lines[1].client is None


def test_private_networks_with_the_same_addresses() -> None:
    book = ledger()
    ends = [
        end(1, CLIENT, "10.0.0.1", 5000, "10.0.0.2", 80, netns=1),
        end(3, CLIENT, "10.0.0.1", 5000, "10.0.0.2", 90, netns=3),
        end(2, SERVER, "10.0.0.2", 80, "10.0.0.1", 5000, netns=2),
        end(2, SERVER, "10.0.0.2", 90, "10.0.0.1", 5000, netns=4),
    ]
    settle(book, *ends)
    assert (ends[0].side // 2, ends[1].side // 2) == (ends[2].side // 2, ends[3].side // 2)


def test_an_older_connection_whose_listener_had_no_backlog_is_the_servers() -> None:
    book = ledger()
    listener = end(2, LISTENER, "0.0.0.0", 80, "0.0.0.0", 0)
    book._connections.learn(listener)
    server = end(2, CLIENT, "10.0.0.2", 80, "10.0.0.1", 5000)
    server.flags |= OLDER
    (line,) = settle(book, server)
    assert server.role == SERVER and line.server == GROUPS[2] and line.key == ("10.0.0.1", "10.0.0.2:80")


def test_accepted_and_not_used_yet_is_the_listeners_and_then_the_users() -> None:
    book = ledger()
    book._connections.learn(end(2, LISTENER, "0.0.0.0", 80, "0.0.0.0", 0))
    child = end(0, SERVER, "10.0.0.2", 80, "10.0.0.1", 5000)
    (line,) = settle(book, child)
    assert line.server == GROUPS[2] and line.processes(1, 0) == set()
    claimed = replace(child, tgid=3, side=-1)
    known = book._connections.learn(claimed)
    assert known is child
    book.settle(child)
    after = book.line_of(child)
    assert after is not None and after.server == GROUPS[3] and after.processes(1, 0) == {3}
    assert line.live == 0 and after.live == 1


def test_peers_beyond_the_limit_are_taken_together_and_counted() -> None:
    book = ledger(peers=4)
    ends = [end(2, SERVER, "10.0.0.2", 80, f"192.0.{number}.7", 5000) for number in range(12)]
    keys = {line.key[0] for line in settle(book, *ends)}
    assert keys == {
        *(f"192.0.{number}.7" for number in range(4)),
        *(f"192.0.{number}.0/24" for number in range(4, 8)),
        "0.0.0.0/0",
    }
    assert book.peers.aggregated == 8


def test_a_retired_edge_gives_its_number_and_its_peer_back() -> None:
    book = ledger(peers=1)
    one = end(2, SERVER, "10.0.0.2", 80, "192.0.2.1", 5000)
    (line,) = settle(book, one)
    book.leave(one)
    assert line.live == 0
    book.retire(line)
    (again,) = settle(book, end(2, SERVER, "10.0.0.2", 80, "192.0.2.9", 5000))
    assert (again.number, again.key[0]) == (line.number, "192.0.2.9")


def orders(ends: Sequence[Connection]) -> list[tuple[Connection, ...]]:
    return list(itertools.permutations(ends))


def test_the_order_of_arrival_does_not_matter() -> None:
    ids = set()
    for order in orders((CLIENT_END, REDIRECTED)):
        book = ledger()
        ids |= {line.id for line in settle(book, *copies(*order))}
    assert len(ids) == 1


def test_one_port_of_an_application_and_of_its_sidecar() -> None:
    # The kernel gives a local port to two connections that go to different places.
    app = end(1, CLIENT, "10.0.0.1", 5000, "10.96.0.1", 80)
    sidecar_accepts = end(2, SERVER, "127.0.0.1", 15001, "10.0.0.1", 5000)
    sidecar = end(2, CLIENT, "10.0.0.1", 5000, "10.0.0.2", 80)
    far = end(3, SERVER, "10.0.0.2", 15006, "10.0.0.1", 5000, netns=2)
    for order in orders((app, sidecar_accepts, sidecar, far)):
        book = ledger()
        here = [replace(one, sk=one.index) for one in order]
        settle(book, *here)
        pairs = {line.dialed: (line.client, line.server) for one in here if (line := book.line_of(one))}
        assert pairs == {"10.96.0.1:80": (GROUPS[1], GROUPS[2]), "10.0.0.2:80": (GROUPS[2], GROUPS[3])}


def test_a_connection_keeps_its_slot_when_the_one_before_is_told_of_late() -> None:
    known = Connections()
    now = known.learn(replace(CLIENT_END, index=7, generation=2))
    before = known.learn(replace(CLIENT_END, index=7, generation=1, local_port=4999), ended=True)
    known.leave(before)
    listening = known.learn(replace(SERVER_END, index=8, generation=2, role=LISTENER))
    known.leave(known.learn(replace(SERVER_END, index=8, generation=1, role=LISTENER), ended=True))
    assert known.live == {7: now, 8: listening}
    assert known.listeners == {8: listening}
    for _ in range(3):
        assert known.listener_of(SERVER_END) is listening
        known.forget_left()
    assert list(known.listeners_at(SERVER_END)) == [listening]


def test_never_used_and_ended_together_with_its_listener() -> None:
    book = ledger()
    listener = book._connections.learn(end(2, LISTENER, "0.0.0.0", 80, "0.0.0.0", 0), ended=True)
    child = book._connections.learn(end(0, SERVER, "10.0.0.2", 80, "10.0.0.1", 5000), ended=True)
    book.settle(child)
    line = book.line_of(child)
    assert line is not None and line.server == GROUPS[2]
    book._connections.leave(listener)
    for _ in range(2):
        book._connections.forget_left()
    assert list(book._connections.listeners_at(child)) == []
