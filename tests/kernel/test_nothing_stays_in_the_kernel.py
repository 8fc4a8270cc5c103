"""Is everything gone from the kernel after a kill, and do two sets of probes count side by side?"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from hopscope.agent.probes import Choice
from hopscope.libbpf.library import library
from tests.kernel.counting import SLOWER, Counting
from tests.kernel.test_each_way_on_each_rung import before_all, compare, observe, workload

WATCHING = """
import sys, time
from hopscope.agent.probes import choose
from tests.kernel.counting import Counting
counting = Counting(choose(only=sys.argv[1]))
print("ready", flush=True)
time.sleep(60)
"""


def held_by(pid: int) -> dict[str, set[int]]:
    """Ids of the programs, maps and links behind a process's descriptors."""
    found: dict[str, set[int]] = {"prog_id": set(), "map_id": set(), "link_id": set()}
    for path in Path(f"/proc/{pid}/fdinfo").iterdir():
        for line in path.read_text().splitlines():
            name, _, number = line.partition(":")
            if name in found:
                found[name].add(int(number))
    return found


def alive(kind: str, number: int) -> bool:
    """Whether the kernel still has it: bpf_*_get_fd_by_id."""
    fd = getattr(library(), f"bpf_{kind.removesuffix('_id')}_get_fd_by_id")(ctypes.c_uint32(number))
    if fd >= 0:
        os.close(fd)
    return bool(fd >= 0)


def test_after_kill_9(rung: Choice) -> None:
    command = [sys.executable, "-c", WATCHING, rung.rung.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as watching:
        assert watching.stdout is not None and watching.stdout.readline() == "ready\n"
        held = held_by(watching.pid)
        assert all(alive(kind, number) for kind, numbers in held.items() for number in numbers)
        watching.send_signal(signal.SIGKILL)
    assert len(held["prog_id"]) >= len(rung.programs) and held["map_id"]
    deadline = time.monotonic() + 10 * SLOWER
    while left := {(kind, number) for kind, numbers in held.items() for number in numbers if alive(kind, number)}:
        assert time.monotonic() < deadline, f"still there: {left}"
        time.sleep(0.1)  # freed after a grace period


def test_two_at_once(rung: Choice, kernel: Counting, ways: Path) -> None:
    other = Counting(rung)
    try:
        before = before_all(kernel)
        with workload(ways, "send-recv") as running:
            observed = observe(running, kernel, before)
        compare("send-recv", rung.rung.name, observed)
        ends = observed[0]
        again = other.closed({port for _, port in ends}, len(ends))
        assert {end: dict(counts.calls) for end, counts in again.items()} == {
            end: dict(counts.calls) for end, counts in observed[1].items()
        }
    finally:
        other.close()


def test_a_hundred_thousand_connections_fit(rung: Choice) -> None:
    started = time.monotonic()
    Counting(rung, slots=1 << 17).close()
    assert time.monotonic() - started < 3 * SLOWER
