"""Does a look tell the truth about connections that make no call?"""

import fcntl
import socket
import struct
import termios
from collections.abc import Iterator

import numpy as np
import pytest

from hopscope.agent.kernel import Kernel, Limits
from hopscope.agent.looks import due
from hopscope.agent.probes import choose

SIZE = 10_007
TCP_INFO_BYTES_ACKED = 120  # offset of tcpi_bytes_acked in struct tcp_info, include/uapi/linux/tcp.h


@pytest.fixture
def kernel(root: None) -> Iterator[Kernel]:
    running = Kernel(choose(), Limits(slots=1 << 17))
    try:
        yield running
    finally:
        running.close()


def slot_of(kernel: Kernel, end: socket.socket) -> int:
    cold, live = kernel.slots.cold, kernel.slots.live
    local, remote = end.getsockname()[1], end.getpeername()[1]
    (index,) = np.flatnonzero((live["sk"] > 2) & (cold["local_port"] == local) & (cold["remote_port"] == remote))
    return int(index)


def queued(end: socket.socket, request: int) -> int:
    return int(struct.unpack("i", fcntl.ioctl(end, request, b"\0" * 4))[0])


def test_what_is_in_flight_and_unread(kernel: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            client.sendall(b"x" * SIZE)
            assert len(server.recv(7)) == 7
            kernel.look(np.array([slot_of(kernel, client), slot_of(kernel, server)]))
            ours, theirs = (kernel.slots.cold["truths"][slot_of(kernel, end)] for end in (client, server))
            assert (int(ours["sent"]), int(ours["unacked"])) == (SIZE, queued(client, termios.TIOCOUTQ))
            assert (int(theirs["received"]), int(theirs["unread"])) == (7, queued(server, termios.FIONREAD))
            info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            srtt, rttvar = struct.unpack_from("II", info, 68)
            assert (int(ours["srtt_us"]), int(ours["rttvar_us"])) == (srtt, rttvar)
            assert struct.unpack_from("Q", info, TCP_INFO_BYTES_ACKED)[0] == SIZE - int(ours["unacked"]) + 1  # its SYN


def test_a_listener_with_a_queue(kernel: Kernel) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=5)
    with listener, socket.create_connection(listener.getsockname()):
        cold = kernel.slots.cold
        (index,) = np.flatnonzero((cold["local_port"] == listener.getsockname()[1]) & (cold["role"] == 3))
        kernel.look(np.array([index]))
        truths = cold["truths"][index]
        assert (int(truths["accept_queue"]), int(truths["accept_queue_limit"])) == (1, 5)


def test_only_new_readings_are_told(kernel: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_connection(listener.getsockname()) as client:
        server, _ = listener.accept()
        with server:
            ends = np.array([slot_of(kernel, client), slot_of(kernel, server)])
            assert kernel.look(ends).tolist() == [True, True]
            assert kernel.look(ends).tolist() == [False, False]
            client.sendall(b"x" * SIZE)
            assert kernel.look(ends).tolist() == [True, True]
            assert kernel.look(ends).tolist()[1], "what nobody takes is looked at again"


def test_a_slot_that_was_freed_keeps_no_reading(kernel: Kernel) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        index = slot_of(kernel, client)
        client.close()
        listener.accept()[0].close()
        kernel.look(np.array([index]))
        assert kernel.slots.live["sk"][index] <= 2 or kernel.slots.cold["state"][index] == 7


def test_all_are_due_while_they_are_few() -> None:
    used = np.array([3, 5, 9])
    chosen, turn = due(used, np.zeros(10, bool), 0, budget=3)
    assert (chosen.tolist(), turn) == ([3, 5, 9], 0)


def test_the_idle_take_turns_and_the_busy_do_not_wait() -> None:
    used, busy, turn = np.arange(1000), np.zeros(1000, bool), 0
    busy[[1, 500]] = True
    seen: set[int] = set()
    for _ in range(11):
        chosen, turn = due(used, busy, turn, budget=100)
        assert {1, 500} <= set(chosen.tolist()) and len(chosen) == 100
        seen |= set(chosen.tolist())
    assert seen == set(range(1000))
