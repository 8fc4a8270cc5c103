"""Workloads of this folder as processes that talk JSON by lines."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WORKLOADS = Path(__file__).parent / "workloads"


class Workload:
    """One process; each line it prints is JSON."""

    def __init__(
        self, name: str, *arguments: object, inside: str | None = None, born: Callable[[], None] | None = None
    ) -> None:
        prefix = ["ip", "netns", "exec", inside] if inside else []
        command = [*prefix, sys.executable, str(WORKLOADS / f"{name}.py"), *map(str, arguments)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=born
        )
        self.pid = self.process.pid

    def say(self, line: str) -> None:
        """One line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def hear(self) -> Any:
        """The next line."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"{self.process.args} ended with {self.process.wait()}"
        return json.loads(line)

    def finish(self, seconds: float = 60) -> Any:
        """Ends its input, waits for it, and gives the last line it printed, None when there was none."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        lines = self.process.stdout.read().splitlines()
        self.process.stdout.close()
        self.process.wait(seconds)
        return json.loads(lines[-1]) if lines else None


@contextmanager
def workload(name: str, *arguments: object) -> Iterator[Workload]:
    """A workload that does not outlive the block."""
    running = Workload(name, *arguments)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()
        for stream in (running.process.stdin, running.process.stdout):
            if stream is not None:
                stream.close()
