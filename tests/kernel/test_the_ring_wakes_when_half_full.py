"""Is user space woken when half of the ring waits, and not before?"""

from __future__ import annotations

import select
import socket

import pytest

from hopscope.agent.probes import choose
from tests.kernel.counting import Counting

RING = 1 << 16


@pytest.mark.usefixtures("root")
def test_a_quiet_ring_sleeps_and_a_full_one_wakes() -> None:
    kernel = Counting(choose(), ring_bytes=RING)
    poll = select.epoll()
    poll.register(kernel.ring_fd, select.EPOLLIN | select.EPOLLET)
    try:
        kernel.records()
        poll.poll(0)  # the edge of the registration itself
        with socket.create_server(("127.0.0.1", 0)) as listener:
            while kernel.waiting() < RING // 4:
                socket.create_connection(listener.getsockname()).close()
                listener.accept()[0].close()
            assert not poll.poll(0.2) or kernel.waiting() > RING // 2
            while kernel.waiting() <= RING // 2:
                socket.create_connection(listener.getsockname()).close()
                listener.accept()[0].close()
            socket.create_connection(listener.getsockname()).close()
            listener.accept()[0].close()
            assert poll.poll(5)
        assert kernel.records()
        assert not kernel.lost()
    finally:
        poll.close()
        kernel.close()
