"""`python -m tests.kernels [SERIES ...]`: the tests of tests/kernel on Debian's kernels, one after the other."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable

from tests.kernels import table
from tests.kernels.boot import Run, run
from tests.kernels.packages import BUILD, REPOSITORY, SUITES, Kernel, KernelsError, kernel

PAGE = REPOSITORY / "docs" / "kernels.md"
SLOWER = 15
"""How much slower than this machine a guest is: processors are emulated, instruction by instruction."""


def main() -> int:
    """Exit status 0 when everything held on every kernel."""
    parser = argparse.ArgumentParser(prog="make kernels", description=__doc__)
    parser.add_argument("series", nargs="*", metavar="SERIES", default=list(SUITES), help=f"of {', '.join(SUITES)}")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one kernel")
    parser.add_argument("--pytest", default="tests/kernel", help="what to hand to pytest in the guest")
    options = parser.parse_args()
    if unknown := set(options.series) - set(SUITES):
        parser.error(f"no such series: {', '.join(sorted(unknown))}")
    results: list[table.Result] = []
    versions: dict[str, str] = {}
    failures: dict[str, str] = {}
    for series in options.series:
        progress = _Progress(series)
        try:
            found = kernel(series, progress.say)
            versions[series] = found.version
            outcome = _tests(found, options.pytest, options.timeout, progress.say)
        except KernelsError as error:
            failures[series] = str(error)
            progress.end(str(error))
            continue
        here = table.read(series, outcome.results / "tests.jsonl")
        results += here
        failed = sum(result.outcome == "failed" for result in here)
        progress.end(outcome.failure or f"{len(here)} tests, {failed} failed, {outcome.seconds:.0f} s")
        if outcome.failure:
            failures[series] = outcome.failure
            print("\n".join(f"    {line}" for line in outcome.console))
    print(table.text(table.rows(results, options.series)))
    print("\n".join(f"* {note}" for note in table.notes(results)))
    if options.series == list(SUITES) and options.pytest == "tests/kernel" and not failures:
        PAGE.write_text(table.page(results, versions, failures))
    return 1 if failures or not results or any(result.outcome == "failed" for result in results) else 0


def _tests(found: Kernel, arguments: str, timeout: float, say: Callable[[str], None]) -> Run:
    command = (
        f"export HOPSCOPE_TEST_SLOWER={SLOWER} CI=1\n{shlex.quote(sys.executable)} -m tests.kernels.guest {arguments}"
    )
    return run(found, command, BUILD / "results" / found.series, timeout=timeout, say=say)


class _Progress:
    """One line for one kernel: rewritten on a terminal, elsewhere written at the start and at the end."""

    def __init__(self, series: str) -> None:
        self._series, self._started, self._live = series, time.monotonic(), sys.stdout.isatty()
        self.say("starting")

    def _line(self, text: str) -> str:
        return f"  {self._series:<5} {time.monotonic() - self._started:4.0f} s  {text}"[:118]

    def say(self, text: str) -> None:
        """What is going on now."""
        if self._live:
            print(f"\r\x1b[K{self._line(text)}", end="", flush=True)
        elif "/" not in text.split(" ")[0]:
            print(self._line(text), flush=True)

    def end(self, text: str) -> None:
        """What became of it."""
        print(f"{chr(13) + chr(27) + '[K' if self._live else ''}{self._line(text)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
