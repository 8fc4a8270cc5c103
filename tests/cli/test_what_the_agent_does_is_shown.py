"""Do top and check say what the running agent does: its mode, its tasks, and how its reports fare?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from terminal import hopscope
from test_the_live_view import drive, text, until
from textual.pilot import Pilot

from hopscope.cli.live import Live
from hopscope.client import status
from hopscope.edges.status import Delivery, reports

pytestmark = pytest.mark.usefixtures("root")


@contextmanager
def agent(socket: Path, *arguments: str) -> Iterator[int]:
    """A running agent's pid."""
    command = [sys.executable, "-m", "hopscope.cli", "agent", "--socket", str(socket), *arguments]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        end = time.monotonic() + 30
        while status(socket) is None:
            assert time.monotonic() < end
            time.sleep(0.1)
        yield process.pid
        process.send_signal(signal.SIGTERM)


def test_in_the_live_view(tmp_path: Path) -> None:
    async def unreported(pilot: Pilot[None], app: Live) -> None:
        await until(pilot, lambda: "wait for 127.0.0.1:1: UNAVAILABLE" in text(app, "#agent"))
        assert text(app, "#agent").startswith("Agent: always; ")
        assert app.screen.query_one("#agent").display

    async def alone(pilot: Pilot[None], app: Live) -> None:
        await until(pilot, lambda: "nothing is reported" in text(app, "#agent"))
        assert text(app, "#agent").startswith("Agent: on-demand; ")

    async def without(pilot: Pilot[None], app: Live) -> None:
        await until(pilot, lambda: "edges" in text(app, "#head"))
        assert not app.screen.query_one("#agent").display

    path = tmp_path / "agent.sock"
    with agent(path, "--server", "127.0.0.1:1"):
        drive(unreported, {1}, path)
    with agent(path, "--server", "none", "--mode", "on-demand"):
        drive(alone, {1}, path)
    drive(without, {1}, path)


def test_by_check(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with agent(path, "--server", "none", "--mode", "on-demand") as pid:
        answer = json.loads(hopscope("check", "--json", "--socket", path).stdout)["agent"]
        assert answer == {
            "pid": pid, "mode": "on-demand", "recording": False, "looks": 0, "tasks": [], "delivery": None,
        }  # fmt: skip
        written = hopscope("check", "--socket", path).stdout
        assert f"pid {pid}, on-demand, at rest; nothing is reported" in written
    without = hopscope("check", "--socket", path)
    assert "none runs here" in without.stdout
    assert without.returncode == 0


def test_how_reports_fare_is_a_sentence() -> None:
    assert reports(Delivery("a:1", 5, 0, 0, 0, 0, None)) == "a:1 takes the reports"
    assert reports(Delivery("a:1", 5, 3, 99, 2, 1, "UNAVAILABLE: refused")) == (
        "3 reports wait for a:1: UNAVAILABLE: refused, 3 lost: their seconds are marked as gaps"
    )
