"""What held on which kernel and rung: the table that is printed and that docs/kernels.md is made of."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Result:
    """One test on one kernel. `rung` is None for tests that do not depend on it."""

    kernel: str
    question: str
    test: str
    rung: str | None
    outcome: str  # passed, failed, skipped
    reason: str
    seconds: float


def read(kernel: str, ledger: Path) -> list[Result]:
    """A guest's ledger; what the guest did not get to write is not in it."""
    if not ledger.exists():
        return []
    lines = [json.loads(line) for line in ledger.read_text().splitlines()]
    return [Result(kernel, e["question"], e["test"], e["rung"], e["outcome"], e["reason"], e["seconds"]) for e in lines]


def verdict(results: Sequence[Result]) -> str:
    """The word for some tests of one question: how many held, else what did not."""
    failed = [result for result in results if result.outcome == "failed"]
    passed = [result for result in results if result.outcome == "passed"]
    if failed:
        return f"FAILED {len(failed)} of {len(failed) + len(passed)}"
    if passed:
        return f"held ({len(passed)})"
    return "not supported" if results else ""


def columns(results: Iterable[Result], kernels: Sequence[str]) -> list[tuple[str, str | None]]:
    """Kernel and rung of each column: a kernel's rungs, and None only where nothing else ran there."""
    rungs: dict[str, set[str]] = defaultdict(set)
    for result in results:
        if result.rung is not None:
            rungs[result.kernel].add(result.rung)
    return [
        (kernel, rung) for kernel in kernels for rung in (*sorted(rungs[kernel]), *([] if rungs[kernel] else [None]))
    ]


def rows(results: Sequence[Result], kernels: Sequence[str]) -> list[list[str]]:
    """The table with its head: a question a row, a kernel's rung a column."""
    heads = columns(results, kernels)
    cells: dict[tuple[str, str, str | None], list[Result]] = defaultdict(list)
    for result in results:
        cells[result.question, result.kernel, result.rung].append(result)
    first: dict[str, int] = {}
    for result in results:
        first.setdefault(result.question, len(first))
    table = [["", *(f"{kernel} {rung}" if rung else kernel for kernel, rung in heads)]]
    for question in sorted(first, key=lambda q: first[q]):
        of_kernel = {kernel: cells[question, kernel, None] for kernel in kernels}
        table.append(
            [question]
            + [verdict(cells[question, kernel, rung] + (of_kernel[kernel] if rung else [])) for kernel, rung in heads]
        )
    return table


def notes(results: Iterable[Result]) -> list[str]:
    """Each reason for a test that failed or was not possible, once, with where it applies."""
    where: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for result in results:
        if result.outcome != "passed":
            place = f"{result.kernel} {result.rung}" if result.rung else result.kernel
            where[result.outcome, result.test.split("[")[0], result.reason].add(place)
    return [
        f"{test} on {', '.join(sorted(places))}: {'FAILED: ' if outcome == 'failed' else ''}{reason}"
        for (outcome, test, reason), places in sorted(where.items())
    ]


def text(table: Sequence[Sequence[str]]) -> str:
    """The table for a terminal: one question a block, for its columns are many."""
    head, *body = table
    width = max((len(name) for name in head), default=0)
    blocks = []
    for question, *cells in body:
        lines = [f"  {name:<{width}}  {cell}" for name, cell in zip(head[1:], cells, strict=True) if cell]
        blocks.append("\n".join([question, *lines]))
    return "\n".join(blocks)


def markdown(table: Sequence[Sequence[str]]) -> str:
    """The table for docs/kernels.md."""
    head, *body = table
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def page(
    results: Sequence[Result], kernels: Mapping[str, str], failures: Mapping[str, str], counts: str | None = None
) -> str:
    """docs/kernels.md. `kernels`: package version by series; `failures`: why a kernel's run did not end."""
    series = list(kernels)
    parts = [
        "# What holds on which kernel",
        "<!-- Made by `make kernels`. -->",
        "The tests of `tests/kernel`, run by `make kernels` on Debian's own kernels under QEMU, "
        "as root in this machine's files. "
        "A column is a kernel and a rung of the ladder (`hopscope check` shows the one in use). "
        "*held (n)*: n tests, all equal to the workload's or the kernel's own count; "
        "*not supported*: the kernel offers no way, for the reason below.",
        "Kernels: " + ", ".join(f"{name} (Debian {version})" for name, version in kernels.items()) + ".",
        markdown(rows(results, series)),
    ]
    for name, why in failures.items():
        parts.append(f"**{name} did not finish: {why}.**")
    if found := notes(results):
        parts.append("## Where something did not hold, and why\n" + "\n".join(f"* {note}" for note in found))
    if counts:
        parts.append(counts)
    return "\n\n".join(parts) + "\n"
