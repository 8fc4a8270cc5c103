"""What a real mesh pays for being watched, and what the agent itself uses meanwhile."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.measure import quartiles, table
from hopscope.demo import containers, topology
from hopscope.demo.discovery import AGENT_SOCKET, SETTINGS

TITLE = "The demo's mesh at a steady rate, and saturated, with and without the agent"
RATE, ROUNDS, STRETCH, SATURATED_PAGES = 60, 6, 12.0, 3000
HOPSCOPE = [sys.executable, "-m", "hopscope.cli"]


@dataclass(frozen=True, slots=True)
class Round:
    """One stretch: the generator's latencies in ms, CPU in ms a page, pages/s when saturated, the agent's own use."""

    p50: float
    p99: float
    cpu_ms: float
    saturated: float
    agent_cpu: float = 0.0
    agent_saturated: float = 0.0
    agent_rss_kb: int = 0


class Mesh:
    """A running demo, and its processes."""

    def __init__(self) -> None:
        subprocess.run([*HOPSCOPE, "demo", "clean"], check=True, stdout=subprocess.DEVNULL)
        call = [*HOPSCOPE, "demo", "up", "--no-server", "--rate", str(RATE)]
        subprocess.run(call, check=True, stdout=subprocess.DEVNULL)
        made = topology.mesh(topology.Options())
        assert made.traffic.app is not None
        self._traffic = made.traffic.app
        status = json.loads(subprocess.check_output([*HOPSCOPE, "demo", "status", "--json"]))
        self._pids = [held["pid"] for pod in status["pods"] for held in pod["containers"]]

    def ask(self, command: str, **arguments: Any) -> Any:
        """Asks the traffic generator."""
        return containers.ask(self._traffic, command, **arguments)

    def cpu_ns(self) -> int:
        """CPU time of the whole mesh so far."""
        return sum(_cpu_ns(pid) for pid in self._pids)

    def close(self) -> None:
        """Takes it down."""
        subprocess.run([*HOPSCOPE, "demo", "down"], check=True, stdout=subprocess.DEVNULL)


def _cpu_ns(pid: int) -> int:
    # proc(5), schedstat: the first number is ns on the CPU.
    return sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())


def _rss_anon_kb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


@contextmanager
def _agent() -> Iterator[int]:
    # In its usual mode: calls are timed in windows of 10 %.
    call = [*HOPSCOPE, "agent", "--config", str(SETTINGS), "--server", "none"]
    agent = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 20
        while not AGENT_SOCKET.exists():
            if agent.poll() is not None or time.monotonic() > until:
                raise RuntimeError("the agent does not start")
            time.sleep(0.05)
        time.sleep(2)
        yield agent.pid
    finally:
        agent.terminate()
        agent.wait()


def _stretch(mesh: Mesh, agent: int | None) -> Round:
    mesh.ask("latency")
    mesh_before, agent_before = mesh.cpu_ns(), _cpu_ns(agent) if agent else 0
    begun = time.monotonic()
    time.sleep(STRETCH)
    seconds = time.monotonic() - begun
    mesh_after, agent_after = mesh.cpu_ns(), _cpu_ns(agent) if agent else 0
    latency = mesh.ask("latency")
    mesh.ask("pause")
    agent_idle, begun = _cpu_ns(agent) if agent else 0, time.monotonic()
    mesh.ask("send", number=SATURATED_PAGES)
    sending = time.monotonic() - begun
    agent_busy = _cpu_ns(agent) if agent else 0
    mesh.ask("resume")
    return Round(
        latency["p50"], latency["p99"], (mesh_after - mesh_before) / 1e6 / latency["pages"], SATURATED_PAGES / sending,
        (agent_after - agent_before) / 1e9 / seconds, (agent_busy - agent_idle) / 1e9 / sending,
        _rss_anon_kb(agent) if agent else 0,
    )  # fmt: skip


def run() -> Iterator[str]:
    """Two tables: the mesh, and the agent."""
    if os.geteuid() != 0:
        raise SystemExit("bench: mesh needs root")
    mesh = Mesh()
    without: list[Round] = []
    watched: list[Round] = []
    try:
        mesh.ask("send", number=SATURATED_PAGES)
        for _ in range(ROUNDS):
            for on in random.sample((False, True), 2):
                if on:
                    with _agent() as pid:
                        watched.append(_stretch(mesh, pid))
                else:
                    without.append(_stretch(mesh, None))
    finally:
        mesh.close()
    rows = [
        _row(f"page at {RATE}/s, p50", "ms", without, watched, "p50"),
        _row(f"page at {RATE}/s, p99", "ms", without, watched, "p99"),
        _row("CPU of the mesh for a page", "ms", without, watched, "cpu_ms"),
        _row("pages/s, saturated", "", without, watched, "saturated"),
    ]
    yield table(("", "without", "with the agent", "median difference"), rows)
    cpu = statistics.median(found.agent_cpu for found in watched)
    busy = statistics.median(found.agent_saturated for found in watched)
    pages = statistics.median(found.saturated for found in watched)
    rss = statistics.median(found.agent_rss_kb for found in watched)
    uses = [
        (f"CPU, at {RATE} pages/s", f"{100 * cpu:.1f} % of a core"),
        (f"CPU, saturated at {pages:.0f} pages/s", f"{100 * busy:.1f} % of a core"),
        ("RssAnon", f"{rss / 1024:.0f} MB"),
    ]
    yield table(("the agent", ""), uses)


def _row(what: str, unit: str, without: list[Round], watched: list[Round], field: str) -> tuple[str, str, str, str]:
    before, after = [[float(getattr(found, field)) for found in rounds] for rounds in (without, watched)]
    change = 100 * (statistics.median(after) / statistics.median(before) - 1)
    return what, _cell(before, unit), _cell(after, unit), f"{change:+.1f} %"


def _cell(values: list[float], unit: str) -> str:
    low, middle, high = quartiles(values)
    return f"{middle:.2f} {unit} ({low:.2f} .. {high:.2f})".replace("  ", " ")
