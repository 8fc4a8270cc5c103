"""Is nothing left of a demo, however it ended, and is nothing of this machine changed while it runs?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hopscope.demo import cgroups, folder
from hopscope.demo.topology import RUN
from tests.demo.oracle import demo

DEMO = [sys.executable, "-m", "hopscope.cli", "demo"]
# Other programs of this machine make namespaces and mounts too. In a network and a mount namespace of our own none
# does, and for a demo they are the whole machine.
_HOST = """
for name in /run/netns/*; do umount "$name"; done 2>/dev/null
mount -t tmpfs none /run/netns; ip link set lo up; nft add table inet before; echo ready; read end
"""


@pytest.fixture(scope="module")
def inside() -> Iterator[list[str]]:
    """How a command is run on the host that is compared."""
    Path("/run/netns").mkdir(exist_ok=True)
    holder = subprocess.Popen(
        ["unshare", "--net", "--mount", "--propagation", "private", "sh", "-c", _HOST],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert holder.stdout is not None and holder.stdout.readline() == "ready\n"
    yield ["nsenter", "--target", str(holder.pid), "--net", "--mount", "--"]
    holder.communicate("\n")


def host(inside: list[str]) -> dict[str, str]:
    """What a demo must never change, not even while it runs."""
    settings = [f"/proc/sys/net/ipv4/{name}" for name in ("ip_forward", "ip_unprivileged_port_start")]
    commands = {
        "namespaces": ["ip", "netns"],
        "rules": ["nft", "list", "ruleset"],
        "links": ["ip", "-o", "link"],
        "addresses": ["ip", "-4", "-o", "addr"],
        "routes": ["ip", "route", "show", "table", "all"],
        "policies": ["ip", "rule"],
        "mounts": ["cat", "/proc/self/mounts"],
        "settings": ["cat", *settings],
    }
    return {
        name: subprocess.run([*inside, *command], capture_output=True, text=True, check=True).stdout
        for name, command in commands.items()
    }


def left() -> dict[str, object]:
    """What there is of a demo: folders, cgroups, processes."""
    where = cgroups.find()
    processes = [pid for pid in Path("/proc").iterdir() if pid.name.isdigit() and _ours(pid)]
    return {
        "folder": RUN.exists(),
        "cgroups": [root for root in where.roots if root.exists()],
        "processes": processes,
    }


def _ours(process: Path) -> bool:
    try:
        return str(RUN).encode() in (process / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


NOTHING = {"folder": False, "cgroups": [], "processes": []}


@pytest.fixture(autouse=True)
def _clean() -> None:
    if os.geteuid() == 0:
        demo("clean")


def killed() -> None:
    """Kills the supervisor as nobody should."""
    pid = int(folder.PID.read_text())
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while left()["processes"]:
        assert time.monotonic() < until, left()
        time.sleep(0.05)


def test_down_leaves_nothing_and_nothing_changes_meanwhile(inside: list[str]) -> None:
    before = host(inside)
    begun = time.monotonic()
    demo("up", "--no-server", inside=inside)
    assert time.monotonic() - begun < 10
    for fault in ("loss", "delay", "narrow", "starve", "hang"):
        demo("fault", "on", fault)
    assert host(inside) == before
    status = json.loads(demo("status", "--json"))
    assert all(container["alive"] for pod in status["pods"] for container in pod["containers"])
    assert len(status["pods"]) == 8
    demo("down")
    assert left() == NOTHING
    assert host(inside) == before


def test_kill_9_ends_all_processes_and_clean_removes_the_rest(inside: list[str]) -> None:
    before = host(inside)
    demo("up", "--no-server", inside=inside)
    demo("fault", "on", "delay")
    demo("fault", "on", "hang", "--pod", "reviews-v1")
    killed()
    assert host(inside) == before
    assert left()["folder"]
    demo("clean")
    assert left() == NOTHING


def test_ctrl_c_takes_the_foreground_down(inside: list[str]) -> None:
    before = host(inside)
    running = subprocess.Popen([*inside, *DEMO, "--no-server"], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    for line in running.stdout:
        if "Ctrl-C" in line:
            break
    os.kill(running.pid, signal.SIGINT)
    rest, _ = running.communicate(timeout=20)
    assert "down" in rest
    assert running.returncode == 0
    assert left() == NOTHING
    assert host(inside) == before


@pytest.mark.parametrize("moment", [0.2, 0.45, 0.8])
def test_a_demo_that_is_half_finished_is_in_nobodys_way(moment: float) -> None:
    starting = subprocess.Popen([*DEMO, "--no-server"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(moment)
    starting.kill()
    starting.wait()
    demo("up", "--no-server")
    assert demo("send", "3").startswith("200: ")
    demo("down")
    assert left() == NOTHING


def test_a_second_demo_says_that_one_runs() -> None:
    demo("up", "--no-server")
    second = subprocess.run([*DEMO, "up", "--no-server"], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr == "hopscope: a demo is running already; hopscope demo down ends it\n"
    assert demo("send", "2").startswith("200: ")
    demo("down")
    assert left() == NOTHING
