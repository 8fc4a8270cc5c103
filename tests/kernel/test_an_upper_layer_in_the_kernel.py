"""Of a connection that the kernel encrypts (kTLS): do calls and bytes equal what the application moved?"""

from __future__ import annotations

import errno
import os
import socket
import struct
from pathlib import Path

import pytest

from hopscope.agent.probes import Choice
from tests.kernel.counting import LAYERED, Counting

TCP_ULP, SOL_TLS, TLS_TX, TLS_RX = 31, 282, 1, 2
TLS_1_2, AES_GCM_128 = 0x0303, 51
CALLS, SIZE, FILE = 23, 101, 7001


def layer(end: socket.socket) -> None:
    """Puts kTLS between an end and its application, with keys of our own. Skips where the kernel has none."""
    try:
        end.setsockopt(socket.IPPROTO_TCP, TCP_ULP, b"tls")
    except OSError as error:
        assert error.errno == errno.ENOENT
        pytest.skip("this kernel has no kTLS")
    info = struct.pack("=HH8s16s4s8s", TLS_1_2, AES_GCM_128, b"i" * 8, b"k" * 16, b"salt", b"\0" * 8)
    for direction in (TLS_TX, TLS_RX):
        end.setsockopt(SOL_TLS, direction, info)


def take(end: socket.socket, size: int) -> int:
    """Reads so many bytes; how many calls that took."""
    calls = 0
    while size:
        size -= len(end.recv(size))
        calls += 1
    return calls


def test_calls_and_bytes_are_the_applications(rung: Choice, kernel: Counting) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        client = socket.create_connection(listener.getsockname())
        server, _ = listener.accept()
        port = client.getsockname()[1]
        with client, server, Path("/proc/self/exe").open("rb") as file:
            layer(client)
            layer(server)
            for _ in range(CALLS):
                client.sendall(b"x" * SIZE)
            reads = take(server, CALLS * SIZE)
            assert os.sendfile(server.fileno(), file.fileno(), 0, FILE) == FILE
            answers = take(client, FILE)
    found = kernel.closed({port}, 2)
    calls = {role: counts.calls[os.getpid()] for (role, _), counts in found.items()}
    moved = {role: counts.bytes[os.getpid()] for (role, _), counts in found.items()}
    assert moved == {"client": [CALLS * SIZE, FILE], "server": [FILE, CALLS * SIZE]}
    assert (calls["client"], calls["server"][1]) == ([CALLS, answers], reads)
    assert all(counts.flags & LAYERED for counts in found.values())
    assert all(counts.total[0] > moved[role][0] for (role, _), counts in found.items()), "records are among them"
