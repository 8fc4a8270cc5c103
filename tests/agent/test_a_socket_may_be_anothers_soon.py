"""Do the users of a shared socket stay together when its address is another connection's before all of them ended?"""

from __future__ import annotations

import numpy as np

from hopscope.agent.connections import CLIENT, ESTABLISHED, EXTRA, TAKEN_OVER, Connection, Connections
from hopscope.agent.probes import OBJECT
from hopscope.agent.sharing import PATIENCE, End, SharedSockets
from hopscope.agent.truths import TcpTruths
from hopscope.libbpf import Object

SK, LOOPBACK = 0xFFFF_8880_1234_5000, b"\0" * 10 + b"\xff\xff\x7f\0\0\1"
LAYOUTS = Object.open(OBJECT).layouts


def user(index: int, flags: int, port: int) -> Connection:
    """A process of its own that uses the connection from a port."""
    return Connection(
        index, 1, 100 + index, CLIENT, LOOPBACK, port, LOOPBACK, 80, 4026531840, ESTABLISHED | flags, sk=SK
    )


def end() -> End:
    return End(np.zeros(1, LAYOUTS.dtype("connection")), 0, {})


def test_each_end_counts_once() -> None:
    connections = Connections()
    sockets = SharedSockets(connections, TcpTruths(LAYOUTS.dtype("truths"), 16), lambda *_: True)
    first, second = user(1, EXTRA, 40001), user(2, TAKEN_OVER, 40001)
    next_first, next_second = user(3, EXTRA, 40002), user(4, TAKEN_OVER, 40002)

    def meet(connection: Connection) -> None:
        connections.learn(connection)
        sockets.meet(connection)

    meet(first)
    ending = sockets.ends(first, end())
    assert ending is not None and list(sockets.closed()) == []
    # The ring was read between two closing records, and the kernel gave the socket's memory to the next connection.
    meet(next_first)
    meet(next_second)
    meet(second)
    assert sockets.ends(second, end()) is ending
    assert list(sockets.closed()) == [ending]
    others = sockets.of(next_first)
    assert others is not None and others.members == [next_first, next_second]
    assert sockets.of(first) is sockets.of(second) is None


def test_nobody_is_waited_for_without_end() -> None:
    sockets = SharedSockets(Connections(), TcpTruths(LAYOUTS.dtype("truths"), 16), lambda *_: True)
    ending = sockets.ends(user(1, EXTRA, 40001), end())
    for _ in range(PATIENCE):
        assert list(sockets.closed()) == []
    assert list(sockets.closed()) == [ending] and not list(sockets)
