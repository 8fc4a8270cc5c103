"""Is what the API says of an edge what the agent saw in the same seconds, and what the workload itself counted?"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from hopscope.agent.reporters.hopscope import Reporter
from hopscope.agent.watch import Watch
from hopscope.edges import merge
from hopscope.edges.model import Profile
from hopscope.server.query.windows import text
from hopscope.settings import AgentSettings

from .conftest import Server, settle
from .questions import EDGES, answered, expected

CALLS, SIZE, ROUNDS = 23, 101, 5


def exchange(listener: socket.socket) -> None:
    """ROUNDS connections, on each CALLS requests of SIZE bytes and as many answers of SIZE + 1."""

    def serve() -> None:
        for _ in range(ROUNDS):
            peer, _address = listener.accept()
            with peer:
                for _ in range(CALLS):
                    peer.recv(SIZE, socket.MSG_WAITALL)
                    peer.sendall(b"y" * (SIZE + 1))
                peer.recv(1)

    serving = threading.Thread(target=serve)
    serving.start()
    for _ in range(ROUNDS):
        with socket.create_connection(listener.getsockname()) as client:
            for _ in range(CALLS):
                client.sendall(b"x" * SIZE)
                client.recv(SIZE + 1, socket.MSG_WAITALL)
            time.sleep(0.3)
    serving.join()


def dialed(answer: dict, address: str) -> dict:
    (edge,) = [edge for edge in answer["edges"]["edges"] if edge["server"]["address"] == address]
    return edge


@pytest.mark.usefixtures("root")
def test_the_same_seconds_of_the_agent(server: Server) -> None:
    seen: list[Profile] = []
    settings = AgentSettings(server=f"unix:{server.socket}", window_share=1.0)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        watch = stack.enter_context(Watch(settings))
        reporter = Reporter(settings)
        stack.callback(reporter.close)
        stack.callback(watch.subscribe(reporter.hear))
        stack.callback(watch.subscribe(lambda second: seen.append(second.profile)))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        exchange(listener)
        time.sleep(1.5)
    settle(reporter)
    starts = [datetime.fromisoformat(given.window.start).timestamp() for given in seen]
    assert len(seen) >= 3
    assert [int(start) for start in starts] == list(range(int(starts[0]), int(starts[0]) + len(seen)))
    window = {"from": text(int(starts[0])), "to": text(int(starts[-1]) + 1)}
    answer = server.ask(EDGES, window=window, own=True)
    merged = merge.profiles(seen)
    unsupported = {name: probe.why_not or "" for name, probe in merged.probes.items() if probe.rung is None}
    wanted = expected(merged, unsupported)
    assert dialed(answer, address)["connections"]["opened"] == ROUNDS
    found = answered(answer["edges"]["edges"])
    assert found.keys() == wanted.keys()
    for identity, edge in wanted.items():
        assert differences(without_means(found[identity]), without_means(edge)) == []


def differences(found: object, wanted: object, where: str = "") -> list[str]:
    """Where two answers differ, instead of two pages of both."""
    if isinstance(found, dict) and isinstance(wanted, dict) and found.keys() == wanted.keys():
        return [line for key in found for line in differences(found[key], wanted[key], f"{where}.{key}")]
    if isinstance(found, list) and isinstance(wanted, list) and len(found) == len(wanted):
        return [line for n in range(len(found)) for line in differences(found[n], wanted[n], f"{where}.{n}")]
    return [] if found == wanted else [f"{where}: {found} is not {wanted}"]


def without_means(edge: dict) -> dict:
    """Means over the window are weighted by seconds there and by samples here: compared on their own, elsewhere."""
    edge = dict(edge)
    for name in ("client", "server"):
        edge[name] = {**edge[name], "pids": sorted(edge[name]["pids"])}
    for name in ("clientSide", "serverSide"):
        if edge[name]:
            # What could be measured only later is 0 there and nothing here, as long as it was 0.
            late = {"busy": 0.0, "rwnd_limited": 0.0, "sndbuf_limited": 0.0}
            tcp = late | {key: value for key, value in edge[name]["tcp"].items() if key not in ("srtt", "rttvar")}
            edge[name] = {**edge[name], "tcp": tcp}
            for metric in edge[name]["metrics"]:
                metric.pop("rate", None)
                metric.pop("bytesRate", None)
    return edge


def counted(server: Server, start: int, address: str) -> dict:
    """The edge as far as it has been reported."""
    answer = server.ask(EDGES, window={"from": text(start), "to": text(int(time.time()) + 1)})
    found = [edge for edge in answer["edges"]["edges"] if edge["server"]["address"] == address]
    return found[0] if found else {"connections": {"closed": 0}}


@contextlib.contextmanager
def agent(folder: Path, server: Server) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "hopscope.cli", "agent", "--server", f"unix:{server.socket}"]
    with (folder / "agent.log").open("wb") as log:
        process = subprocess.Popen([*command, "--socket", str(folder / "agent.sock")], stderr=log, stdout=log)
    try:
        end = time.monotonic() + 30
        while "watching" not in (folder / "agent.log").read_text():
            assert process.poll() is None and time.monotonic() < end, (folder / "agent.log").read_text()
            time.sleep(0.05)
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0, (folder / "agent.log").read_text()


@pytest.mark.usefixtures("root")
def test_the_workloads_own_count_over_a_restart_of_the_server(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, agent(server.folder, server):
        start, address = int(time.time()), f"127.0.0.1:{listener.getsockname()[1]}"
        exchange(listener)
        server.kill()
        exchange(listener)
        server.start()
        both, until = 2 * ROUNDS, time.monotonic() + 30
        edge = counted(server, start, address)
        while edge["connections"]["closed"] < both and time.monotonic() < until:
            time.sleep(0.5)
            edge = counted(server, start, address)
    assert (edge["connections"]["opened"], edge["connections"]["closed"]) == (both, both)
    assert edge["client"]["process"] == edge["server"]["process"] is not None
    for side, out, into in (("clientSide", 0, 1), ("serverSide", 1, 0)):
        metrics = {row["metric"]: row for row in edge[side]["metrics"]}
        assert (metrics["write"]["count"], metrics["write"]["bytes"]) == (both * CALLS, both * CALLS * (SIZE + out))
        assert metrics["read"]["bytes"] == both * CALLS * (SIZE + into)
