"""`python -m tests.kernels [SERIES ...]`: the tests of tests/kernel on Debian's kernels, one after the other."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.kernel.ways import compiled
from tests.kernels import instructions, ledger, record, table
from tests.kernels.boot import Run, run
from tests.kernels.packages import BUILD, REPOSITORY, SUITES, Kernel, KernelsError, kernel

PAGE = REPOSITORY / "docs" / "kernels.md"
SHORT = (
    "tests/kernel/test_each_way_on_each_rung.py tests/kernel/test_how_connections_begin_and_end.py "
    "tests/protocols/test_labels_of_real_servers.py "
    "-k 'not older-splice and not test_label or http-nginx or redis-resp3'"
)
"""What says most in three minutes: each way on each rung, beginnings and ends, a few labels."""
LOCKED = "6.1"
"""The series that is also started locked down."""
SILENT = 20
"""Seconds of tests, on what is no terminal, until the next line of progress."""
SLOWER = 15
"""How much slower than this machine a guest is: its processors are emulated, instruction by instruction."""


@dataclass(slots=True)
class Findings:
    """What the kernels said. `failures`: in words, why something is not as it must be."""

    whole: dict[str, record.Finding] = field(default_factory=dict)
    figures: dict[str, instructions.Figures] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)


def main() -> int:
    """Exit status 0 when everything held on every kernel."""
    options = _options()
    compiled()  # a guest would take a minute for it
    findings, accepted = Findings(), record.recorded()
    for series in options.series:
        _one(series, options, findings)
        if options.accept and series in findings.whole:
            accepted[series] = findings.whole[series]
            accepted = {known: accepted[known] for known in SUITES if known in accepted}
            record.RECORD.write_text(record.text(accepted))
            PAGE.write_text(table.page(record.recorded()))  # as the file has it, rounded
    if findings.figures:
        print(table.markdown(instructions.rows(findings.figures)))
    for series, figures in findings.figures.items():
        before = accepted[series].instructions if series in accepted else None
        findings.failures += instructions.regressions(series, figures, before)
    print("\n".join(f"FAILED {failure}" for failure in findings.failures))
    return 1 if findings.failures else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.kernels", description=__doc__)
    parser.add_argument("series", nargs="*", metavar="SERIES", default=list(SUITES), help=f"of {', '.join(SUITES)}")
    parser.add_argument("--timeout", type=float, default=2400, help="seconds for one start of a kernel")
    parser.add_argument("--pytest", default="", metavar="ARGUMENTS", help="for pytest in the guest, not tests/kernel")
    parser.add_argument("--short", action="store_const", dest="pytest", const=SHORT, help="what says most in minutes")
    parser.add_argument("--only", choices=("tests", "instructions"), help="not both")
    parser.add_argument(
        "--accept",
        action="store_true",
        help="what is found goes into docs/kernels.md; later instruction counts are compared with these",
    )
    options = parser.parse_args()
    if options.accept and (options.only or options.pytest):
        parser.error("--accept takes whole runs: without --only, --pytest and --short")
    if unknown := set(options.series) - set(SUITES):
        parser.error(f"no such series: {', '.join(sorted(unknown))}")
    return options


def _one(series: str, options: argparse.Namespace, findings: Findings) -> None:
    progress = _Progress(series)
    answers: list[ledger.Answer] = []
    ways: list[ledger.Way] = []
    ended = False
    try:
        found = kernel(series, progress.say)
        if options.only != "instructions":
            outcome = _tests(found, options.pytest, options.timeout, progress.say)
            results = ledger.read(outcome.results / "tests.jsonl")
            answers, ways = ledger.answers(results), ledger.ways(outcome.results / "tests.jsonl")
            failed = [f"{answer.rung or ''} {what}" for answer in answers for what in answer.failed]
            findings.failures += [f"{series} {what}" for what in failed]
            ended = not outcome.failure
            if ended and options.pytest in ("", SHORT):
                findings.failures += ledger.gone(series, answers)
            progress.end(outcome.failure or f"{len(results)} tests, {len(failed)} failed")
            _report(series, outcome, findings)
            print(table.text(series, answers))
            if series == LOCKED and not options.pytest:
                outcome = _locked_down(found, options.timeout, progress.say)
                progress.end(outcome.failure or "locked down: it says so")
                _report(series, outcome, findings)
        if options.only != "tests":
            outcome = _instructions(found, options.timeout, progress.say)
            if figures := instructions.read(outcome.results / "instructions.json"):
                findings.figures[series] = figures
                if ended:
                    findings.whole[series] = record.Finding(found.version, answers, ways, figures)
            progress.end(outcome.failure or "instructions counted")
            _report(series, outcome, findings)
    except KernelsError as error:
        findings.failures.append(f"{series}: {error}")
        progress.end(str(error))


def _tests(found: Kernel, arguments: str, timeout: float, say: Callable[[str], None]) -> Run:
    command = (
        f"export HOPSCOPE_TEST_SLOWER={SLOWER} CI=1\n{shlex.quote(sys.executable)} -m tests.kernels.guest {arguments}"
    )
    return run(found, command, BUILD / "results" / found.series / "tests", timeout=timeout, say=say)


def _locked_down(found: Kernel, timeout: float, say: Callable[[str], None]) -> Run:
    arguments = "-q -p no:cacheprovider -o timeout=300 tests/kernels/test_a_locked_down_kernel_says_so.py"
    command = f"export HOPSCOPE_TEST_SLOWER={SLOWER} CI=1\n{shlex.quote(sys.executable)} -m pytest {arguments}"
    results = BUILD / "results" / found.series / "locked"
    return run(found, command, results, timeout=timeout, say=say, boot="lockdown=confidentiality")


def _instructions(found: Kernel, timeout: float, say: Callable[[str], None]) -> Run:
    command = f"{shlex.quote(sys.executable)} -m tests.kernels.counting"
    results = BUILD / "results" / found.series / "instructions"
    return run(found, command, results, timeout=timeout, say=say, counting=True)


def _report(series: str, outcome: Run, findings: Findings) -> None:
    if outcome.failure:
        findings.failures.append(f"{series}: {outcome.failure}; its console: {outcome.results / 'console'}")
        print("\n".join(f"    {line}" for line in outcome.console))


class _Progress:
    """One line for one kernel: rewritten on a terminal, elsewhere written when something begins, or time passed."""

    def __init__(self, series: str) -> None:
        self._series, self._started, self._live = series, time.monotonic(), sys.stdout.isatty()
        self._written = self._started
        self.say("starting")

    def _line(self, text: str) -> str:
        return f"  {self._series:<5} {time.monotonic() - self._started:4.0f} s  {text}"[:118]

    def say(self, text: str) -> None:
        """What is going on now."""
        if self._live:
            print(f"\r\x1b[K{self._line(text)}", end="", flush=True)
        elif "/" not in text.split(" ")[0] or time.monotonic() - self._written > SILENT:
            self._written = time.monotonic()
            print(self._line(text), flush=True)

    def end(self, text: str) -> None:
        """What became of it."""
        print(f"{chr(13) + chr(27) + '[K' if self._live else ''}{self._line(text)}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
