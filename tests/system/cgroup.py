"""Cgroups of a test's own, processes that are born in them, and a discovery file that makes instances of them."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hopscope.agent.cgroups import unified_root
from hopscope.settings import AgentSettings
from tests.system.running import Workload


class Cgroups:
    """Folders below one of the test's own."""

    def __init__(self) -> None:
        self.name = f"/hopscope-test-{os.getpid()}"
        self._root = unified_root() / self.name[1:]

    def make(self, name: str) -> str:
        """A cgroup's path."""
        (self._root / name).mkdir(parents=True, exist_ok=True)
        return f"{self.name}/{name}"

    def move(self, pid: int, name: str) -> None:
        """Puts a process into one."""
        (self._root / name / "cgroup.procs").write_text(str(pid))

    def born_in(self, name: str) -> Callable[[], None]:
        """What a child does before its exec to be in one from its first instruction."""
        procs = self._root / name / "cgroup.procs"
        return lambda: Path.write_text(procs, "0") and None

    def remove(self) -> None:
        """Kills what is in them and takes them away."""
        for folder, _, _ in sorted(os.walk(self._root), reverse=True):
            deadline = time.monotonic() + 5
            while (procs := (Path(folder) / "cgroup.procs").read_text().split()) and time.monotonic() < deadline:
                for pid in procs:
                    with suppress(ProcessLookupError):
                        os.kill(int(pid), 9)
                time.sleep(0.02)
            Path(folder).rmdir()


@contextmanager
def cgroups() -> Iterator[Cgroups]:
    """Some that are gone afterwards."""
    made = Cgroups()
    try:
        yield made
    finally:
        made.remove()


def settings(file: Path, places: dict[str, str], **more: object) -> AgentSettings:
    """On demand, with instances (of a service of the same name) by cgroup."""
    entries = {path: {"service": instance, "instance": instance, "layer": "MESH"} for path, instance in places.items()}
    file.write_text(json.dumps({"version": 1, "cgroups": entries}))
    return AgentSettings(mode="on-demand", discovery="file", discovery_file=file, **more)  # type: ignore[arg-type]


@contextmanager
def endpoint(made: Cgroups, name: str) -> Iterator[Workload]:
    """The workload of that name, in a cgroup."""
    running = Workload("endpoint", born=made.born_in(name))
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait()
        for stream in (running.process.stdin, running.process.stdout):
            if stream is not None:
                stream.close()
