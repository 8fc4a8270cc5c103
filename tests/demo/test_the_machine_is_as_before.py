"""Is nothing left of a demo, however it ended, and is nothing of this machine changed while it runs?"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hopscope.demo import cgroups, folder
from hopscope.demo.topology import RUN
from tests.demo.oracle import demo

DEMO = [sys.executable, "-m", "hopscope.cli", "demo"]


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def host() -> dict[str, object]:
    """What a demo must never change, not even while it runs."""
    settings = [Path("/proc/sys/net/ipv4") / name for name in ("ip_forward", "ip_unprivileged_port_start")]
    return {
        "namespaces": said("ip", "netns"),
        "rules": said("nft", "list", "ruleset"),
        "links": said("ip", "-o", "link"),
        "addresses": said("ip", "-4", "-o", "addr"),
        "routes": said("ip", "route", "show", "table", "all"),
        "policies": said("ip", "rule"),
        "mounts": Path("/proc/self/mounts").read_text(),
        "settings": [path.read_text() for path in settings],
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


def test_down_leaves_nothing_and_nothing_changes_meanwhile() -> None:
    before = host()
    begun = time.monotonic()
    demo("up", "--no-server")
    assert time.monotonic() - begun < 10
    for fault in ("loss", "delay", "narrow", "starve", "hang"):
        demo("fault", "on", fault)
    assert host() == before
    status = json.loads(demo("status", "--json"))
    assert all(container["alive"] for pod in status["pods"] for container in pod["containers"])
    assert len(status["pods"]) == 8
    demo("down")
    assert left() == NOTHING
    assert host() == before


def test_kill_9_ends_all_processes_and_clean_removes_the_rest() -> None:
    before = host()
    demo("up", "--no-server")
    demo("fault", "on", "delay")
    demo("fault", "on", "hang", "--pod", "reviews-v1")
    killed()
    assert host() == before
    assert left()["folder"]
    demo("clean")
    assert left() == NOTHING


def test_ctrl_c_takes_the_foreground_down() -> None:
    before = host()
    running = subprocess.Popen([*DEMO, "--no-server"], stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    for line in running.stdout:
        if "Ctrl-C" in line:
            break
    os.kill(running.pid, signal.SIGINT)
    rest, _ = running.communicate(timeout=20)
    assert "down" in rest
    assert running.returncode == 0
    assert left() == NOTHING
    assert host() == before


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
