"""Do durations stay with their edge while far more edges come and go than there are histogram rows?"""

import socket
import threading

import pytest
from observing import edges_to, value

from hopscope.agent.rows import RECYCLE_EVERY
from hopscope.agent.watch import Watch
from hopscope.settings import AgentSettings

pytestmark = pytest.mark.usefixtures("root")
ROWS, CALLS = 512, 7


def talk(listener: socket.socket) -> None:
    def answer() -> None:
        peer, _ = listener.accept()
        with peer:
            while peer.recv(1):
                peer.sendall(b"y")

    server = threading.Thread(target=answer)
    server.start()
    with socket.create_connection(listener.getsockname()) as client:
        for _ in range(CALLS):
            client.sendall(b"x")
            client.recv(1)
    server.join()


def test_more_edges_than_rows() -> None:
    with Watch(AgentSettings(rows=ROWS)) as watch:
        recorder = watch._recorder
        assert recorder is not None
        for _ in range(4):
            window = watch.open()
            listeners = [socket.create_server(("127.0.0.1", 0)) for _ in range(ROWS // 4)]
            for listener in listeners:
                talk(listener)
            picture = window.take()
            for listener in listeners:
                (edge,) = edges_to(picture, listener.getsockname()[1])
                write = value(edge.client_side, "write")
                assert (write.count, write.timed) == (CALLS, CALLS), picture.completeness
                assert write.histogram is not None and sum(count for _, _, count in write.histogram) == CALLS
                listener.close()
            window.close()
            with watch._lock:
                for _ in range(2 * RECYCLE_EVERY):
                    recorder.tick()
