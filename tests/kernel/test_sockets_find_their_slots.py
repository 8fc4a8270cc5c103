"""Do sockets that lie together have slots that do, and do nearly all of a crowd have one of their own?"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

from hopscope.agent.probes import Choice, choose
from tests.kernel.counting import Counting

PAGE_SLOTS = 4096 // 64


@pytest.fixture(scope="module")
def rung() -> Choice:
    """A socket's places are the same on each rung."""
    return choose()


@contextlib.contextmanager
def connections(count: int) -> Iterator[None]:
    """Connections to ourselves, one byte sent and read at both ends of each."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * count + 256
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), max(hard, wanted)))
    try:
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            for _ in range(count):
                client = stack.enter_context(socket.create_connection(listener.getsockname()))
                server = stack.enter_context(listener.accept()[0])
                for sender, receiver in ((client, server), (server, client)):
                    sender.sendall(b"x")
                    assert receiver.recv(1) == b"x"
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def ours(rung: Choice, slots: int, count: int) -> npt.NDArray[np.intp]:
    """The slots of so many connections of this process."""
    kernel = Counting(rung, slots)
    try:
        with connections(count):
            return kernel.used_by(os.getpid())
    finally:
        kernel.close()


@pytest.mark.usefixtures("root")
def test_sockets_that_lie_together_share_pages(rung: Choice) -> None:
    """Scattered, a thousand slots would be in 640 of the 1024 pages."""
    found = ours(rung, 65536, 500)
    assert len(found) >= 1000
    assert len(np.unique(found // PAGE_SLOTS)) < 320


@pytest.mark.usefixtures("root")
def test_a_crowd_has_slots_of_its_own(rung: Choice) -> None:
    """With slots for 4096 sockets and 2600 of them; places side by side would leave hundreds without one."""
    assert len(ours(rung, 4096, 1300)) >= 2600 * 0.98
