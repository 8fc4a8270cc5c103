"""A service manager that only listens: it starts a service and hears what it tells."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOPSCOPE = [sys.executable, "-m", "hopscope.cli"]
TALK = """
import socket, sys, threading, time
listening = socket.create_server(("127.0.0.1", 0))
port = listening.getsockname()[1]
print(port, flush=True)
def echo():
    other, _ = listening.accept()
    while data := other.recv(100):
        other.sendall(data)
threading.Thread(target=echo, daemon=True).start()
client = socket.create_connection(("127.0.0.1", port))
while True:
    client.sendall(b"x" * 100)
    client.recv(100)
    time.sleep(0.02)
"""
"""A program that talks to itself, after it said its port."""


@contextmanager
def started(
    command: list[str], folder: Path, temporary: Path | None = None, watchdog: float | None = None
) -> Iterator[tuple[subprocess.Popen[str], socket.socket]]:
    """A service with a manager that listens to what it tells; `watchdog`: seconds for which it may be silent."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(folder / "notify"))
        (folder / "notify").chmod(0o777)
        manager.settimeout(90)
        with (folder / "said").open("w") as said:
            environment = {**os.environ, "NOTIFY_SOCKET": str(folder / "notify"), "TMPDIR": str(temporary or folder)}
            if watchdog is not None:
                environment["WATCHDOG_USEC"] = str(round(watchdog * 1e6))
            process = subprocess.Popen(command, stdout=said, stderr=said, text=True, env=environment)
        try:
            yield process, manager
        finally:
            process.kill()
            process.wait()


def heard(process: subprocess.Popen[str], manager: socket.socket, folder: Path) -> bytes:
    manager.settimeout(1)
    give_up = time.monotonic() + 90
    while time.monotonic() < give_up:
        try:
            return manager.recv(100)
        except TimeoutError:
            assert process.poll() is None, (folder / "said").read_text()
    raise AssertionError((folder / "said").read_text())
