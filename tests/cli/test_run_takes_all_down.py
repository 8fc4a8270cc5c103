"""Does `hopscope run` start both halves, survive the loss of one, and leave nothing behind?"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from terminal import hopscope, talking

pytestmark = pytest.mark.usefixtures("root")


@contextmanager
def running(folder: Path, *flags: str) -> Iterator[subprocess.Popen[str]]:
    """`hopscope run` without a terminal, up to the line that says where to look."""
    folder.chmod(0o755)
    config = folder / "hopscope.toml"
    config.write_text(f'[server]\nuser = "none"\nsocket = "{folder}/server/grpc.sock"\n')
    places = ["--config", str(config), "--socket", str(folder / "agent.sock"), "--data-dir", str(folder / "data")]
    call = [sys.executable, "-m", "hopscope.cli", "run", *places, *flags]
    with (folder / "log").open("w") as log, subprocess.Popen(call, stdout=subprocess.PIPE, stderr=log, text=True) as it:
        assert it.stdout is not None
        assert "hopscope top" in it.stdout.readline(), (folder / "log").read_text()
        try:
            yield it
        finally:
            it.kill()


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def until(true: object) -> None:
    end = time.monotonic() + 20
    while not true():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.05)


def port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_child_is_left(tmp_path: Path, number: int) -> None:
    with running(tmp_path, "--no-server") as it:
        (agent,) = children(it.pid)
        with talking() as talkers:
            asked = ("profile", "--json", "--duration", "1", "--socket", tmp_path / "agent.sock")
            found = json.loads(hopscope(*asked, "--port", str(talkers)).stdout)
        assert len(found["edges"]) == 1
        os.kill(it.pid, number)
        assert it.wait(10) == (0 if number != signal.SIGKILL else -number)
        until(lambda: gone(agent))
        until(lambda: not (tmp_path / "agent.sock").exists())


def test_a_dead_agent_is_said(tmp_path: Path) -> None:
    with running(tmp_path, "--no-server") as it:
        os.kill(children(it.pid)[0], signal.SIGKILL)
        assert it.wait(10) == 1
    assert "the agent ended" in (tmp_path / "log").read_text()


def test_without_its_ports_the_view_runs_on(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with running(tmp_path, "--grpc", where, "--http", port()) as it:
            assert len(children(it.pid)) == 1
    said = (tmp_path / "log").read_text()
    assert f"without the server: {where} is not to be had (Address already in use); another --grpc" in said


def test_a_dead_server_is_said_and_the_agent_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("chdb")
    with running(tmp_path, "--grpc", port(), "--http", port()) as it:
        agent, server = children(it.pid)
        os.kill(server, signal.SIGKILL)
        until(lambda: "the server ended" in (tmp_path / "log").read_text())
        assert not gone(agent) and it.poll() is None
        it.terminate()
        assert it.wait(10) == 0


def test_an_agent_that_cannot_start_is_said(tmp_path: Path) -> None:
    hide = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /sys/kernel/btf; exec "$@"', "sh")
    ended = hopscope("run", "--no-server", "--socket", tmp_path / "agent.sock", before=hide)
    assert ended.returncode == 1 and not ended.stdout, ended
    assert "type information" in ended.stderr and "Traceback" not in ended.stderr, ended


@pytest.mark.parametrize("wait", [0.0, 0.1, 0.2, 0.3, 0.5])
def test_a_signal_is_heard_before_the_agent_is_ready(tmp_path: Path, wait: float) -> None:
    path = tmp_path / "agent.sock"
    call = [sys.executable, "-m", "hopscope.cli", "agent", "--server", "none", "--socket", str(path)]
    with subprocess.Popen(call, stderr=subprocess.DEVNULL) as agent:
        until(path.exists)
        time.sleep(wait)
        agent.terminate()
        try:
            assert agent.wait(10) == 0
        finally:
            agent.kill()
    assert not path.exists()
