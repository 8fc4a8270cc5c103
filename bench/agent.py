"""What the agent itself uses: CPU under load and with many connections, memory, and a scan of idle slots."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from bench.measure import compiled, quartiles, table
from hopscope.agent.looks import due
from hopscope.agent.probes import OBJECT
from hopscope.agent.tables import Slots
from hopscope.libbpf import Object

TITLE = "The agent's own use"
CHILD = """
import sys, time
from hopscope.agent.watch import Watch
from hopscope.settings import AgentSettings
watch = Watch(AgentSettings(slots=32768))
watch.subscribe(lambda profile: None)
print("ready", flush=True)
sys.stdin.read()
watch.close()
"""
SECONDS = 10


@contextlib.contextmanager
def agent() -> Iterator[int]:
    """A process with a Watch in `always` mode; yields its pid."""
    child = subprocess.Popen([sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    try:
        if child.stdout.readline() != "ready\n":
            raise RuntimeError("the agent did not start")
        yield child.pid
    finally:
        child.stdin.close()
        child.wait()


def _cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _anonymous(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")) / 1000


def _share(pid: int) -> tuple[str, str]:
    time.sleep(3)
    before, start = _cpu(pid), time.monotonic()
    time.sleep(SECONDS)
    share = 100 * (_cpu(pid) - before) / (time.monotonic() - start)
    return f"{share:.1f} %", f"{_anonymous(pid):.0f} MB"


@contextlib.contextmanager
def _load(connections: int, rate: int) -> Iterator[list[float]]:
    """bench/ends.c in two processes, for a process may not have as many files; fills in what was reached."""
    call = [str(compiled(Path(__file__).with_name("ends.c"))), str(connections // 2), str(rate // 2)]
    halves = [subprocess.Popen(call, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    reached = [0.0]
    try:
        for half in halves:
            assert half.stdout is not None
            if half.stdout.readline() != "ready\n":
                raise RuntimeError("the load did not start")
        yield reached
    finally:
        for half in halves:
            reached[0] += float(half.communicate()[0] or 0)


def run() -> Iterator[str]:
    """Two tables: use under load, and the scan."""
    with agent() as pid:
        rows = [("idle", *_share(pid))]
        for name, connections, rate in (
            ("10 000 requests/s on 100 connections", 100, 10_000),
            ("10 000 open connections, 1 000 requests/s on them in turn", 10_000, 1_000),
            ("10 000 open connections, idle", 10_000, 0),
        ):
            with _load(connections, rate) as reached:
                used = _share(pid)
            rows.append((f"{name} ({reached[0]:,.0f}/s reached)", *used))
    yield table(("load", "CPU, of a core", "RssAnon"), rows)
    yield _scans()


def _scans() -> str:
    layouts = Object.open(OBJECT).layouts
    slot, connection = layouts.dtype("slot"), layouts.dtype("connection")
    count, used = 131072, 100_000
    memory, cold = bytearray(slot.itemsize * count), bytearray(connection.itemsize * count)
    live = np.frombuffer(memory, slot, count)
    live["sk"][:used] = np.arange(used) + 4096
    live["generation"][:used] = 1
    slots = Slots(memory, slot, cold, connection, count)  # type: ignore[arg-type]
    slots.scan()
    indices, busy, turn = np.arange(used), np.zeros(count, np.bool_), 0
    scans, choices = [], []
    for _ in range(101):
        start = time.perf_counter_ns()
        slots.scan()
        middle = time.perf_counter_ns()
        _, turn = due(indices, busy, turn)
        scans.append((middle - start) / 1e6)
        choices.append((time.perf_counter_ns() - middle) / 1e6)
    rows = [
        (name, *(f"{value:.2f}" for value in quartiles(taken)))
        for name, taken in (("scan of all slots", scans), ("choice of the slots to look at", choices))
    ]
    return table(("100 000 idle connections", "first quartile, ms", "median, ms", "third quartile, ms"), rows)
