"""The rungs that this kernel has, the compiled workload, and the table of what held for each way and rung."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from hopscope.agent.probes import Choice, choose
from hopscope.libbpf import LibbpfError
from tests.conftest import need_root
from tests.kernel.counting import TABLE, Counting
from tests.kernel.ways import compiled

RUNGS = ("L1", "L2", "L3", "L4")


@cache
def choice_of(rung: str) -> Choice | str:
    """The programs of a rung, or why this kernel does not have it."""
    try:
        return choose(only=rung)
    except LibbpfError as error:
        return str(error)


@pytest.fixture(params=RUNGS, scope="module")
def rung(request: pytest.FixtureRequest) -> Choice:
    """Each rung in turn."""
    need_root()
    choice = choice_of(request.param)
    if isinstance(choice, str):
        pytest.skip(f"{request.param}: {choice}")
    return choice


@pytest.fixture(scope="module")
def kernel(rung: Choice) -> Iterator[Counting]:
    """The programs of the rung, loaded once for all tests of a file: that takes seconds on an emulated processor."""
    running = Counting(rung)
    yield running
    running.close()


@pytest.fixture(scope="session")
def ways() -> Path:
    """The workload, compiled when it is older than its sources."""
    return compiled()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Prints the table, its reasons below."""
    if not TABLE:
        return
    rungs = [rung for rung in RUNGS if any(key[1] == rung for key in TABLE)]
    reasons: list[str] = []
    terminalreporter.section("ways and rungs: bytes / calls / times")
    terminalreporter.write_line(f"{'way':<20}" + "".join(f"{rung:<34}" for rung in rungs).rstrip())
    for way in dict.fromkeys(key[0] for key in TABLE):
        line = f"{way:<20}"
        for rung in rungs:
            cell = []
            for held, reason in TABLE.get((way, rung), (("-", ""),)):
                if reason and reason not in reasons:
                    reasons.append(reason)
                cell.append(f"{held} [{reasons.index(reason) + 1}]" if reason else held)
            line += f"{' / '.join(cell):<34}"
        terminalreporter.write_line(line.rstrip())
    for number, reason in enumerate(reasons, 1):
        terminalreporter.write_line(f"[{number}] not supported, because {reason}")
