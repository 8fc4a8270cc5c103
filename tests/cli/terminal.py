"""How a test uses the command line: as a process of its own, its words caught."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TALK = Path(__file__).parent.parent / "talk.py"


def hopscope(
    *arguments: str | Path, before: tuple[str, ...] = (), seconds: float = 60
) -> subprocess.CompletedProcess[str]:
    """Runs `hopscope ARGUMENTS` to its end; `before` is a command that runs it."""
    call = [*before, sys.executable, "-m", "hopscope.cli", *map(str, arguments)]
    environment = {**os.environ, "COLUMNS": "80"}
    return subprocess.run(call, capture_output=True, text=True, timeout=seconds, env=environment, check=False)


def one_line(ended: subprocess.CompletedProcess[str]) -> str:
    """What a command that could not do its work said: one line, nothing else, and it did not exit with 0."""
    lines = [line for line in ended.stderr.splitlines() if line]
    assert ended.returncode != 0 and not ended.stdout and len(lines) == 1, ended
    assert lines[0].startswith("hopscope: ") and "Traceback" not in ended.stderr and "internal" not in ended.stderr
    return lines[0]


@contextmanager
def talking(exchanges: int = 1, request: int = 10, answer: int = 20, seconds: float = 30) -> Iterator[int]:
    """A client and a server that talk while the block runs; their port."""
    call = [sys.executable, str(TALK), *map(str, (exchanges, request, answer, seconds))]
    with subprocess.Popen(call, stdout=subprocess.PIPE, text=True) as talkers:
        assert talkers.stdout is not None
        try:
            yield int(talkers.stdout.readline())
        finally:
            talkers.terminate()


@contextmanager
def agent(socket: Path) -> Iterator[subprocess.Popen[str]]:
    """A running agent that answers at `socket`."""
    call = [sys.executable, "-m", "hopscope.cli", "agent", "--socket", str(socket), "--server", "none"]
    with subprocess.Popen(call, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr is not None
        try:
            said = running.stderr.readline()
            assert "watching" in said, said
            yield running
            if running.poll() is None:  # else the test ended it
                running.terminate()
                assert running.wait(10) == 0
                assert not socket.exists()
        finally:
            running.kill()
