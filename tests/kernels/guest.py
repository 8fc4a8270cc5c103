"""What runs inside a guest: the tests of the kernel half, each result written down as it comes.

The console shows progress as lines that begin with "@ ".
"""

from __future__ import annotations

import ast
import functools
import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.kernel.counting import TABLE

RESULTS = Path("/run/results")
TESTS = ("tests/kernel", "tests/protocols/test_labels_of_real_servers.py")


class Ledger:
    """A pytest plugin: one line of JSON for each test, flushed at once so that a panic loses nothing."""

    def __init__(self, results: Path) -> None:
        self._file = (results / "tests.jsonl").open("w")
        self._told: set[tuple[str, str]] = set()
        self._done = self._of = 0

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self._of = len(session.items)
        print(f"@ {self._of} tests", file=sys.__stderr__, flush=True)

    def pytest_runtest_logstart(self, nodeid: str, location: tuple[str, int | None, str]) -> None:
        self._done += 1
        print(f"@ {self._done}/{self._of} {location[2]}", file=sys.__stderr__, flush=True)

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, Any, None]:
        report = (yield).get_result()
        if report.when != "call" and report.passed:
            return
        rung = getattr(item, "callspec", None) and item.callspec.params.get("rung")  # type: ignore[attr-defined]
        outcome = "passed" if report.passed else "skipped" if report.skipped else "failed"
        entry = {
            "file": item.path.name,
            "question": question(item.path),
            "test": item.name,
            "rung": str(rung) if rung else None,
            "outcome": outcome,
            "reason": _reason(report),
            "seconds": round(report.duration, 2),
            "ways": [[way, on, cells] for (way, on), cells in TABLE.items() if (way, on) not in self._told],
        }
        self._told.update(TABLE)
        self._file.write(json.dumps(entry) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


@functools.cache
def question(path: Path) -> str:
    """The first line of a test file's docstring: what the file asks."""
    docstring = ast.get_docstring(ast.parse(path.read_text())) or path.stem
    return docstring.splitlines()[0]


def _reason(report: Any) -> str:
    if report.passed:
        return ""
    if report.skipped:
        text = report.longrepr[2] if isinstance(report.longrepr, tuple) else getattr(report, "wasxfail", "")
        return str(text).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message if crash else report.longrepr).splitlines()[0]


def main(arguments: list[str]) -> int:
    """Runs the tests; `arguments` go to pytest. 0 also when tests failed: the ledger says so."""
    options = ["-p", "no:cacheprovider", "-q", "--color=no", "--tb=short", "-o", "timeout=300", *(arguments or TESTS)]
    with (RESULTS / "pytest.txt").open("w") as output:
        os.dup2(output.fileno(), 1)
        status = pytest.main(options, plugins=[Ledger(RESULTS)])
    return 0 if status in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) else int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
