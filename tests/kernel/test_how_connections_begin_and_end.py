"""Are failed connects told by cause, resets by sender, and what finds no slot counted for its process?"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import time
from collections.abc import Iterator

import pytest

from hopscope.agent.probes import Choice, choose
from tests.kernel.counting import SLOWER, Counting

CLIENT, SERVER = 1, 2
FAILED, RESET_APP, RESET_KERNEL, RESET_PEER = 4, 32, 64, 128
RESETS = RESET_APP | RESET_KERNEL | RESET_PEER


@pytest.fixture(scope="module")
def rung() -> Choice:
    """The hooks of this file are the same on each rung."""
    return choose()


def ended(kernel: Counting, port: int, ends: int = 1) -> dict[int, tuple[int, int]]:
    """Flags and errno by role, of connections to this port."""
    found: dict[int, tuple[int, int]] = {}
    deadline = time.monotonic() + 5 * SLOWER
    while len(found) < ends and time.monotonic() < deadline:
        for record in kernel.records():
            cold = record["connection"]
            if port in (int(cold["local_port"]), int(cold["remote_port"])) and int(cold["role"]) in (CLIENT, SERVER):
                found[int(cold["role"])] = int(cold["flags"]), int(cold["error"])
        time.sleep(0.02)
    return found


@contextlib.contextmanager
def full_listener() -> Iterator[int]:
    """The port of a listener whose queue is full: it answers no SYN."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            yield port


@pytest.mark.usefixtures("root")
def test_refused(kernel: Counting) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", port)) == errno.ECONNREFUSED
    flags, error = ended(kernel, port)[CLIENT]
    assert flags & FAILED and error == errno.ECONNREFUSED


@pytest.mark.usefixtures("root")
def test_timed_out(kernel: Counting) -> None:
    with full_listener() as port, socket.socket() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
        assert client.connect_ex(("127.0.0.1", port)) == errno.ETIMEDOUT
        client.close()
        flags, error = ended(kernel, port)[CLIENT]
    assert flags & FAILED and error == errno.ETIMEDOUT


@pytest.mark.usefixtures("root")
def test_given_up_by_the_application(kernel: Counting) -> None:
    with full_listener() as port, socket.socket() as client:
        client.setblocking(False)
        assert client.connect_ex(("127.0.0.1", port)) == errno.EINPROGRESS
        client.close()
        flags, error = ended(kernel, port)[CLIENT]
    assert flags & FAILED and error == 0


@pytest.mark.usefixtures("root")
def test_tried_again_on_the_same_socket(kernel: Counting) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        refused = closed.getsockname()[1]
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", refused)) == errno.ECONNREFUSED
        client.connect(listener.getsockname())
        client.sendall(b"x" * 23)
        flags, error = ended(kernel, refused)[CLIENT]
        assert flags & FAILED and error == errno.ECONNREFUSED
        port = client.getsockname()[1]
        client.close()
        listener.accept()[0].close()
    flags, _ = ended(kernel, port)[CLIENT]
    assert not flags & FAILED


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("how", ["linger", "unread"])
def test_reset_by_the_application(kernel: Counting, how: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        port = client.getsockname()[1]
        with server:
            if how == "linger":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            else:
                server.sendall(b"never read")
                while not client.recv(1, socket.MSG_PEEK):
                    pass
            client.close()
            with contextlib.suppress(ConnectionResetError):
                server.recv(1)
    found = ended(kernel, port, 2)
    assert found[CLIENT][0] & RESETS == RESET_APP
    assert found[SERVER][0] & RESETS == RESET_PEER


@pytest.mark.usefixtures("root")
def test_syn_ack_sent_again(kernel: Counting) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # It takes no ACK without data, so the SYN-ACK is sent again.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
        with socket.create_connection(listener.getsockname()):
            index = kernel.listener(listener.getsockname()[1])
            deadline = time.monotonic() + 5 * SLOWER
            while not kernel.cold["synack_retransmitted"][index] and time.monotonic() < deadline:
                time.sleep(0.05)
            assert kernel.cold["synack_retransmitted"][index] >= 1


@pytest.mark.usefixtures("root")
def test_without_a_slot_the_process_is_still_exact(rung: Choice) -> None:
    """More connections than slots: what finds none is counted in the process's overflow slot."""
    calls, size, connections = 7, 101, 40
    kernel = Counting(rung, slots=16)
    try:
        with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
            pairs = []
            for _ in range(connections):
                client = socket.create_connection(listener.getsockname())
                pairs.append((client, listener.accept()[0]))
            for client, server in pairs:
                for _ in range(calls):
                    client.sendall(b"x" * size)
                    assert len(server.recv(size, socket.MSG_WAITALL)) == size
            own, over = kernel.moved(os.getpid()), kernel.overflow(os.getpid())
            assert over[0] > 0 and kernel.lost().keys() == {"overflowed"}
            total = connections * calls
            sums = tuple(a + b for a, b in zip(own, over, strict=True))
            assert sums == (total, total * size, total, total * size)
            for client, server in pairs:
                client.close()
                server.close()
    finally:
        kernel.close()
