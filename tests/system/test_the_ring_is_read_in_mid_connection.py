"""Is each byte counted once, on the right edge, when the records of a connection's end come one by one?"""

# ruff: noqa: F811 - fixtures come by import
from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from hopscope.agent.assemble import Assembly, Mark, mark
from hopscope.agent.connections import CLIENT, SERVER
from hopscope.agent.kernel import Kernel, Limits
from hopscope.agent.probes import choose
from hopscope.agent.processes import Processes
from hopscope.agent.protocols import DECIDED
from hopscope.agent.recorder import Recorder
from hopscope.edges.model import Profile
from tests.kernel.conftest import ways  # noqa: F401 - a fixture
from tests.kernel.test_each_way_on_each_rung import ends_of, workload
from tests.system.observing import edge_to, value
from tests.system.test_a_profile_is_exact_in_each_way import of_profile, of_workload

pytestmark = pytest.mark.usefixtures("root")
TICKS = 12


class Trickling(Kernel):
    """A ring that gives one closing record a tick: in its reading before the scan of the slots, or in the one after.

    Those of the host's other processes come at once, so that none of ours waits for them.
    """

    others: frozenset[int]
    waiting: list[tuple[str, bytes]]
    readings = 0
    late = False

    def drain(self) -> Iterator[tuple[str, bytes]]:
        for kind, record in super().drain():
            if kind == "RECORD_CLOSED" and self._tgid(record) not in self.others:
                self.waiting.append((kind, record))
            else:
                yield kind, record
        self.readings += 1
        if self.waiting and self.readings % 2 != self.late:
            yield self.waiting.pop(0)

    def _tgid(self, record: bytes) -> int:
        return int(np.frombuffer(record, self.layouts["closed_record"], 1)["slot"]["tgid"][0])


class Interrupted(Kernel):
    """Something happens once, after the next scan of the slots and before the ring is read again."""

    readings = 0
    happens: Callable[[], None] | None = None

    def drain(self) -> Iterator[tuple[str, bytes]]:
        self.readings += 1
        if self.happens is not None and self.readings % 2 == 0:
            self.happens()
            self.happens = None
        yield from super().drain()


@pytest.fixture(params=["before the scan", "after the scan"])
def recording(request: pytest.FixtureRequest) -> Iterator[tuple[Recorder, Mark]]:
    kernel = Trickling(choose(), Limits())
    kernel.waiting, kernel.late = [], request.param == "after the scan"
    kernel.others = frozenset(int(it.name) for it in Path("/proc").glob("[0-9]*")) - {os.getpid()}
    try:
        recorder = Recorder(kernel, Processes())
        recorder.tick()
        yield recorder, mark(recorder, 0.0, 0.0)
    finally:
        kernel.close()


def picture(recorder: Recorder, start: Mark, ticks: int = TICKS) -> Profile:
    """Everything since the start, after so many ticks."""
    for _ in range(ticks):
        recorder.tick()
    return Assembly(recorder, start, 1.0, 1.0).profile({})


@pytest.mark.parametrize("looked_at", ["while it lives", "when it is over"])
@pytest.mark.parametrize("way", ["fork", "fd-passing", "pre-fork"])
def test_a_socket_that_two_processes_used(
    way: str, looked_at: str, recording: tuple[Recorder, Mark], ways: Path
) -> None:
    recorder, start = recording
    with workload(ways, way) as running:
        while looked_at == "while it lives" and running.poll() is None:
            recorder.tick()
        lines, _ = running.communicate(timeout=20)
    ends = ends_of(lines)
    found = picture(recorder, start, TICKS + 3 * len(ends))
    pids = {pid for by_process in ends.values() for pid in by_process}
    for role in ("client", "server"):
        assert of_profile(found, role, pids) == of_workload(ends, role), role
    opened = {(edge.connections.opened, edge.connections.closed) for edge in found.edges if {*edge.client.pids} & pids}
    assert opened == {(len(ends) // 2, len(ends) // 2)}


def test_the_initiator_is_gone_when_the_other_end_is_met(recording: tuple[Recorder, Mark]) -> None:
    recorder, start = recording
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        recorder.tick()
        client = socket.create_connection(("127.0.0.1", port))
        server, _ = listener.accept()
        client.sendall(b"x" * 23)
        assert len(server.recv(23)) == 23
        client.close()
        while server.recv(1):
            pass
        time.sleep(0.3)  # until the server's kernel has acknowledged the end, the initiator's socket stays
        recorder.tick()
        server.close()
        found = picture(recorder, start)
    edge = edge_to(found, port)
    assert edge.client.process is not None
    assert (edge.connections.opened, edge.connections.closed) == (1, 1)
    assert value(edge.server_side, "read").bytes == value(edge.client_side, "write").bytes == 23


@pytest.mark.parametrize("recording", ["after the scan"], indirect=True)
def test_the_initiator_ends_in_the_tick_after_the_other_end(recording: tuple[Recorder, Mark]) -> None:
    """Neither end is met alive: all that is known of the initiator then is the record that waits for the next tick."""
    recorder, start = recording
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        recorder.tick()
        client = socket.create_connection(("127.0.0.1", port))
        server, _ = listener.accept()
        client.sendall(b"x" * 23)
        assert len(server.recv(23)) == 23
        server.close()
        assert client.recv(1) == b""
        client.close()
        time.sleep(0.3)
        found = picture(recorder, start)
    edge = edge_to(found, port)
    assert edge.client.process is not None
    assert (edge.connections.opened, edge.connections.closed) == (1, 1)
    assert value(edge.server_side, "read").bytes == value(edge.client_side, "write").bytes == 23


def test_the_initiator_is_forgotten_when_the_other_end_is_accepted(recording: tuple[Recorder, Mark]) -> None:
    recorder, start = recording
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        recorder.tick()
        client.sendall(b"x" * 23)
        client.close()
        time.sleep(0.3)  # until the server's kernel has acknowledged the end, the initiator's socket stays
        picture(recorder, start)
        server, _ = listener.accept()
        assert len(server.recv(23)) == 23
        recorder.tick()
        server.close()
        found = picture(recorder, start)
    edge = edge_to(found, port)
    assert edge.client.process is not None
    assert (edge.connections.opened, edge.connections.closed) == (1, 1)
    assert value(edge.server_side, "read").bytes == value(edge.client_side, "write").bytes == 23


def test_both_ends_close_after_the_scan_that_met_them() -> None:
    """Each is met with its calls while the records of their ends wait: neither is taken for ended already."""
    kernel = Interrupted(choose(), Limits())
    try:
        recorder = Recorder(kernel, Processes())
        recorder.tick()
        start = mark(recorder, 0.0, 0.0)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            recorder.tick()
            client = socket.create_connection(("127.0.0.1", port))
            server, _ = listener.accept()
            for _ in range(19):
                server.sendall(b"x" * 103)
                assert len(client.recv(103)) == 103

            def close() -> None:
                server.close()
                client.close()
                time.sleep(0.3)

            kernel.happens = close
            found = picture(recorder, start, 4)
        side = edge_to(found, port).server_side
        assert (value(side, "write").count, value(side, "write").bytes) == (19, 1957)
        assert recorder.without_owner == 0
    finally:
        kernel.close()


def test_a_slot_is_anothers_after_the_scan_that_saw_its_calls() -> None:
    """Its protocol is that one's then. The kernel gives slots away when it likes: the test writes what it would."""
    kernel = Interrupted(choose(), Limits())
    try:
        recorder = Recorder(kernel, Processes())
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
            recorder.tick()
            start = mark(recorder, 0.0, 0.0)
            client = socket.create_connection(("127.0.0.1", port))
            server, _ = listener.accept()
            recorder.tick()
            client.sendall(b"x" * 23)
            ends = [it for it in recorder.connections.live.values() if port in (it.local_port, it.remote_port)]
            slots = [it.index for it in ends if it.role in (CLIENT, SERVER)]
            decided = next(number for number, name in kernel.protocols.items() if name.endswith("TLS")) | DECIDED

            def give_away() -> None:
                kernel.slots.live["generation"][slots] += 1
                kernel.slots.live["protocol"][slots] = decided

            kernel.happens = give_away
            found = picture(recorder, start, 1)
            kernel.slots.live["generation"][slots] -= 1
            client.close()
            server.close()
        assert len(slots) == 2
        assert edge_to(found, port).security == "unknown"
    finally:
        kernel.close()
