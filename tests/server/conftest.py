"""A real server in a process of its own, and how to ask it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from hopscope.agent.reporters.asking import METHOD as ASK
from hopscope.agent.reporters.hopscope import METHOD, Reporter
from hopscope.edges.model import Profile
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

from .profiles import profile

STARTED = "hopscope server: agents on "


class Server:
    """`hopscope server` on a folder; the Unix socket stays the same over restarts."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.folder = folder
        self.socket = folder / "grpc.sock"
        self._arguments = arguments
        self.wrapper: tuple[str, ...] = ()
        self._process: subprocess.Popen[str] | None = None
        self.http = self.grpc = ""

    def start(self) -> Server:
        addresses = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--socket", str(self.socket)]
        command = [sys.executable, "-m", "hopscope.cli", "server", "--data-dir", str(self.folder / "data")]
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                [*self.wrapper, *command, *addresses, "--user", "none", *self._arguments],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith(STARTED), (line, (self.folder / "log").read_text())
        self.http = line.partition("API on ")[2].strip()
        self.grpc = line.removeprefix(STARTED).partition(",")[0]
        return self

    def end(self, number: int) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        process.send_signal(number)
        code = process.wait(20)
        if process.stdout is not None:
            process.stdout.close()
        return code

    def stop(self) -> int:
        return self.end(signal.SIGTERM)

    def kill(self) -> int:
        return self.end(signal.SIGKILL)

    def post(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self.http, body, {"content-type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return json.loads(error.read())

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        answer = self.post(query, variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    def ready(self) -> tuple[int, str]:
        """The code and the text of /readyz."""
        try:
            with urllib.request.urlopen(f"{self.http.removesuffix('/graphql')}/readyz", timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def send(self, data: bytes, timeout: float = 20, **options: Any) -> bytes:
        """One batch as an agent sends it. Raises grpc.RpcError."""
        local = ("grpc.use_local_subchannel_pool", 1), ("grpc.max_send_message_length", -1)
        with grpc.insecure_channel(f"unix:{self.socket}", local) as channel:
            return channel.unary_unary(METHOD)(data, timeout=timeout, **options)

    def tasks(self, request: wire.TasksRequest) -> wire.TasksReply:
        """What an agent is told when it asks for tasks. Raises grpc.RpcError."""
        with grpc.insecure_channel(f"unix:{self.socket}") as channel:
            return wire.TasksReply.FromString(channel.unary_unary(ASK)(request.SerializeToString(), timeout=10))

    def peak_mb(self) -> int:
        """The most memory that it has had."""
        assert self._process is not None
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024


@contextmanager
def servers() -> Iterator[Callable[..., Server]]:
    made: list[Server] = []
    # The path of a Unix socket is at most 107 bytes long, which pytest's own folders may exceed.
    with tempfile.TemporaryDirectory(prefix="hopscope-") as folder:

        def make(*arguments: str) -> Server:
            place = Path(folder) / str(len(made))
            place.mkdir()
            made.append(Server(place, *arguments))
            return made[-1]

        try:
            yield make
        finally:
            for server in made:
                server.kill()


@pytest.fixture
def make_server() -> Iterator[Callable[..., Server]]:
    with servers() as make:
        yield make


@pytest.fixture
def server(make_server: Callable[..., Server]) -> Server:
    return make_server().start()


@contextmanager
def feeding(reporter: Reporter, start: int) -> Iterator[list[Profile]]:
    """Reports ten profiles a second while the block runs; gives those reported so far."""
    sent: list[Profile] = []
    end = threading.Event()

    def feed() -> None:
        while not end.wait(0.1) and len(sent) < 2900:
            # On a slow machine not more than can be stored in time.
            if reporter.delivery().waiting < 30:
                sent.append(profile(start + len(sent)))
                reporter.report(sent[-1])

    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        yield sent
    finally:
        end.set()
        feeder.join()


def deliver(reporter: Reporter, profiles: list[Profile], seconds: float = 100) -> None:
    for one in profiles:
        reporter.report(one)
    settle(reporter, seconds)


def settle(reporter: Reporter, seconds: float = 30) -> None:
    """Waits until everything is delivered, as long as something is within some seconds."""
    end, before = time.monotonic() + seconds, -1
    while (state := reporter.delivery()).waiting or state.acknowledged + state.dropped < reporter._blocks._sequence:
        if state.acknowledged != before:
            end, before = time.monotonic() + seconds, state.acknowledged
        assert time.monotonic() < end, state
        time.sleep(0.02)
