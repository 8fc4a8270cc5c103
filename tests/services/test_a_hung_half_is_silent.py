"""Does a half give signs of life as long as its loops go round, and none when they hang, and then say where?"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import grpc
import pytest
from hanging import hung, signal_thread
from listening import HOPSCOPE, heard, started

from hopscope.agent.reporters.hopscope import METHOD
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

LONGEST = 4.0


def silent(manager: socket.socket, seconds: float) -> bool:
    """Whether nothing is heard for so long."""
    manager.settimeout(seconds)
    try:
        manager.recv(100)
    except TimeoutError:
        return True
    return False


def drained(manager: socket.socket) -> None:
    manager.settimeout(0)
    while True:
        try:
            manager.recv(100)
        except BlockingIOError:
            return


@pytest.mark.timeout(300)
@pytest.mark.parametrize("half", ["agent", "server"])
def test_it_is_heard_while_it_goes_round(folder: Path, root: None, half: str) -> None:
    arguments = {
        "agent": [*HOPSCOPE, "agent", "--socket", str(folder / "agent.sock"), "--server", "none"],
        "server": server_arguments(folder),
    }[half]
    with started(arguments, folder, watchdog=LONGEST) as (process, manager):
        assert heard(process, manager, folder) == b"READY=1"
        for _ in range(3):
            begin = time.monotonic()
            assert heard(process, manager, folder) == b"WATCHDOG=1"
            assert time.monotonic() - begin < LONGEST
        with hung(process.pid):
            # One that was on its way when the others came to a stop may still come.
            time.sleep(LONGEST / 4)
            drained(manager)
            assert silent(manager, LONGEST)
        assert heard(process, manager, folder) == b"WATCHDOG=1"
        # What systemd sends to one that was silent for too long.
        process.send_signal(signal.SIGABRT)
        assert process.wait(20) == -signal.SIGABRT
    said = (folder / "said").read_text()
    assert "Fatal Python error: Aborted" in said and "readiness.py" in said and said.count("thread") > 1, said


def server_arguments(folder: Path) -> list[str]:
    listens = ["--socket", str(folder / "s"), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    return [*HOPSCOPE, "server", "--data-dir", str(folder), *listens, "--user", "root"]


def test_a_server_ends_whichever_thread_the_signal_comes_to(folder: Path, root: None) -> None:
    with started(server_arguments(folder), folder) as (process, manager):
        assert heard(process, manager, folder) == b"READY=1"
        # It waits for its end by now.
        time.sleep(1)
        other = max(int(task.name) for task in Path(f"/proc/{process.pid}/task").iterdir())
        signal_thread(process.pid, other, signal.SIGTERM)
        assert process.wait(20) == 0


def test_a_server_whose_store_hangs_is_silent(folder: Path, root: None) -> None:
    first, second = (wire.Batch(boot=1, host=1, second=1, sequence=number).SerializeToString() for number in (1, 2))
    with (
        started(server_arguments(folder), folder, watchdog=LONGEST) as (process, manager),
        grpc.insecure_channel(f"unix:{folder / 's'}") as channel,
    ):
        assert heard(process, manager, folder) == b"READY=1"
        report = channel.unary_unary(METHOD)
        assert report(first, timeout=20)
        # Those with which the engine works; its callers wait, and both loops go round.
        with hung(process.pid, "ThreadPool"):
            waiting = report.future(second, timeout=60)
            time.sleep(LONGEST)
            drained(manager)
            assert silent(manager, LONGEST) and not waiting.done()
        assert waiting.result()
        assert heard(process, manager, folder) == b"WATCHDOG=1"


def test_who_is_not_watched_is_quiet(folder: Path, root: None) -> None:
    arguments = ["agent", "--socket", str(folder / "agent.sock"), "--server", "none"]
    with started([*HOPSCOPE, *arguments], folder) as (process, manager):
        assert heard(process, manager, folder) == b"READY=1"
        assert silent(manager, LONGEST)
        process.send_signal(signal.SIGTERM)
        assert heard(process, manager, folder) == b"STOPPING=1"
        assert process.wait(20) == 0
    # The sign of life of a service is not wanted of what it starts.
    environment = {**os.environ, "WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"}
    asks = [HOPSCOPE[0], "-c", "from hopscope.readiness import watchdog_seconds; print(watchdog_seconds())"]
    assert subprocess.run(asks, capture_output=True, text=True, env=environment, check=True).stdout == "None\n"
