"""How a difference is measured on a noisy machine: pairs next to each other in random order, medians and quartiles."""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
BUILD = ROOT / "build" / "bench"
State = Callable[[], AbstractContextManager[object]]


def compiled(source: Path, *flags: str) -> Path:
    """A C program, compiled when it is older than its source."""
    BUILD.mkdir(parents=True, exist_ok=True)
    target = BUILD / source.stem
    if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
        subprocess.run(["gcc", "-O2", "-Wall", "-Werror", *flags, "-o", str(target), str(source)], check=True)
    return target


class Loop:
    """bench/pair.c, one process for the whole run, pinned to a CPU."""

    def __init__(self, cpu: int = 1) -> None:
        program = compiled(Path(__file__).with_name("pair.c"))
        self._process = subprocess.Popen(
            ["taskset", "-c", str(cpu), str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def ask(self, command: str) -> str:
        """One command, its answer. Raises RuntimeError when the process is gone."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        if not (answer := self._process.stdout.readline()):
            raise RuntimeError(f"the loop ended at {command!r}")
        return answer.strip()

    def close(self) -> None:
        """Ends the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@contextmanager
def nothing() -> Iterator[None]:
    """The baseline: nothing attached."""
    yield


def paired(measure: Callable[[], float], variants: Mapping[str, State], rounds: int, label: str = "") -> Differences:
    """Measures each variant `rounds` times beside the baseline, which comes first or second at random."""
    found = Differences({name: [] for name in variants}, [])
    for turn in range(rounds):
        if sys.stderr.isatty():
            print(f"\r  {label} {turn + 1}/{rounds}", end="", file=sys.stderr)
        for name in random.sample(list(variants), len(variants)):
            off_first = random.random() < 0.5
            off = measure() if off_first else 0.0
            with variants[name]():
                on = measure()
            if not off_first:
                off = measure()
            found.by_variant[name].append(on - off)
            found.base.append(off)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return found


class Differences:
    """Paired differences of each variant, and the baseline's own values."""

    def __init__(self, by_variant: dict[str, list[float]], base: list[float]) -> None:
        self.by_variant, self.base = by_variant, base

    def cell(self, name: str, digits: int = 0) -> str:
        """Median and quartiles of a variant's differences."""
        low, middle, high = quartiles(self.by_variant[name])
        return f"{middle:+.{digits}f} ({low:+.{digits}f} .. {high:+.{digits}f})"

    def share(self, name: str) -> str:
        """Median and quartiles as a share of the baseline's median."""
        base = statistics.median(self.base)
        low, middle, high = (100 * value / base for value in quartiles(self.by_variant[name]))
        return f"{middle:+.1f} % ({low:+.1f} .. {high:+.1f})"

    def median_base(self) -> float:
        """The baseline's median."""
        return statistics.median(self.base)


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """First quartile, median, third quartile."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown; all columns but the first are to the right."""
    lines = ["| " + " | ".join(head) + " |", "|---" + "|---:" * (len(head) - 1) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])
