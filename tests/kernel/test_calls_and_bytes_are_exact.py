"""Do our counts equal the workload's own, to the call and to the byte?"""

import os
import socket
import threading
import time

import pytest

from hopscope.agent.watch import Watch
from hopscope.edges.selection import Selection, select
from hopscope.settings import AgentSettings

CALLS, SIZE = 23, 101


def exchange(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        for _ in range(CALLS):
            client.sendall(b"x" * SIZE)
            assert len(client.recv(SIZE + 1)) == SIZE + 1


def answer(listener: socket.socket) -> None:
    peer, _ = listener.accept()
    with peer:
        for _ in range(CALLS):
            received = b""
            while len(received) < SIZE:
                received += peer.recv(SIZE)
            peer.sendall(b"y" * (SIZE + 1))
        peer.recv(1)


@pytest.mark.usefixtures("root")
def test_both_sides_of_one_connection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, Watch(AgentSettings(slots=1 << 17)) as watch:
        window = watch.open()
        port = listener.getsockname()[1]
        child = os.fork()
        if child == 0:
            exchange(port)
            os._exit(0)
        server = threading.Thread(target=answer, args=(listener,))
        server.start()
        server.join()
        os.waitpid(child, 0)
        time.sleep(0.1)
        picture = select(window.take(), Selection(ports=frozenset({port}), own=True))
    (edge,) = picture.edges
    assert edge.connections.opened == edge.connections.closed == 1
    assert edge.client_side is not None and edge.server_side is not None
    client, server = edge.client_side.metrics, edge.server_side.metrics
    assert (client["write"].count, client["write"].bytes) == (CALLS, CALLS * SIZE)
    assert (client["read"].count, client["read"].bytes) == (CALLS, CALLS * (SIZE + 1))
    assert (server["write"].count, server["write"].bytes) == (CALLS, CALLS * (SIZE + 1))
    assert (server["read"].count, server["read"].bytes) == (CALLS, CALLS * SIZE)
    assert client["write"].timed == CALLS
