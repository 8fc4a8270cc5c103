"""Where a rung sees whole calls: connects that never sent a SYN, the wait in the accept queue, connect's own time?"""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
import time
from typing import Any

import pytest

from hopscope.agent.probes import Choice
from tests.kernel.counting import SLOWER, Counting

CLIENT, SERVER, FAILED, NO_SLOT = 1, 2, 4, 0xFFFFFFFF
WAIT = 0.2

UNREACHABLE = """
import errno, socket, sys
s = socket.socket()
sys.exit(0 if s.connect_ex(("192.0.2.1", 8019)) == errno.ENETUNREACH else 1)
"""


@pytest.fixture(autouse=True)
def _sees_calls(rung: Choice) -> None:
    if rung.rung.time != "call_ns":
        pytest.skip(f"{rung.rung.name} sees no whole calls")


def wait_for(kernel: Counting, wanted: Any) -> list[Any]:
    found: list[Any] = []
    deadline = time.monotonic() + 5 * SLOWER
    while time.monotonic() < deadline and not found:
        found = [record for record in kernel.records() if wanted(record)]
        time.sleep(0.02)
    return found


def test_no_route_no_syn(kernel: Counting) -> None:
    """In a network namespace without any route."""
    subprocess.run(["unshare", "-n", sys.executable, "-c", UNREACHABLE], check=True)
    (record,) = wait_for(kernel, lambda r: r["connection"]["remote_port"] == 8019)
    cold = record["connection"]
    assert int(record["index"]) == NO_SLOT and int(cold["flags"]) & FAILED
    assert int(cold["error"]) == errno.ENETUNREACH
    assert bytes(cold["remote"]) == b"\0" * 10 + b"\xff\xff" + bytes((192, 0, 2, 1))


def test_the_wait_in_the_accept_queue(kernel: Counting) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        before = time.monotonic_ns()
        client = socket.create_connection(listener.getsockname())
        took, port = time.monotonic_ns() - before, client.getsockname()[1]
        time.sleep(WAIT)
        server, _ = listener.accept()
        waited = time.monotonic_ns() - before
        client.close()
        server.close()
    records = []
    while len(records) < 2 and (more := wait_for(kernel, lambda r: port in ports(r))):
        records += more
    cold = {int(r["connection"]["role"]): r["connection"] for r in records}
    assert WAIT * 1e9 <= int(cold[SERVER]["accept_queue_ns"]) <= waited
    assert 0 < int(cold[CLIENT]["connect_ns"]) <= int(cold[CLIENT]["connect_call_ns"]) <= took


def ports(record: Any) -> tuple[int, int]:
    return int(record["connection"]["local_port"]), int(record["connection"]["remote_port"])
