"""What held on which kernel and rung: the table that is printed and that docs/kernels.md is made of."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RUNGS = {
    "5.10": ("L1", "L3", "L4"),
    "6.1": ("L1", "L3", "L4"),
    "6.12": ("L1", "L3", "L4"),
    "7.3": ("L1", "L2", "L3", "L4"),
}
"""The rungs that a series has: one that does not load there any more is a failure, whatever the reason."""


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


@dataclass(frozen=True, slots=True)
class Way:
    """One way of moving bytes on one rung: what held for bytes, calls and times, each with the reason where not all."""

    kernel: str
    rung: str
    name: str
    cells: Sequence[tuple[str, str]]


def _entries(ledger: Path) -> list[dict[str, Any]]:
    """As far as the guest got: a line that a panic cut off is not a result."""
    if not ledger.exists():
        return []
    *lines, _cut = ledger.read_text().split("\n")
    return [json.loads(line) for line in lines]


def ways(kernel: str, ledger: Path) -> list[Way]:
    """What a guest's tests say of each way of moving bytes."""
    return [
        Way(kernel, rung, way, [(held, reason) for held, reason in cells])
        for entry in _entries(ledger)
        for way, rung, cells in entry["ways"]
    ]


def read(kernel: str, ledger: Path) -> list[Result]:
    """The tests in a guest's ledger."""
    names = ("question", "test", "rung", "outcome", "reason", "seconds")
    return [Result(kernel, *(entry[name] for name in names)) for entry in _entries(ledger)]


def gone(kernel: str, results: Sequence[Result]) -> list[str]:
    """Each rung that a kernel should have and that no test could run on."""
    found = []
    for rung in RUNGS[kernel]:
        mine = [result for result in results if result.rung == rung]
        if all(result.outcome == "skipped" for result in mine):
            found.append(f"{kernel} {rung}: no test ran: {next((result.reason for result in mine), 'none chosen')}")
    return found


def verdict(results: Sequence[Result]) -> str:
    """The word for some tests of one question: how many held, else what did not."""
    failed = [result for result in results if result.outcome == "failed"]
    passed = [result for result in results if result.outcome == "passed"]
    if failed:
        return f"FAILED {len(failed)} of {len(failed) + len(passed)}"
    if passed:
        return f"held ({len(passed)})"
    return "not supported" if results else ""


def columns(results: Iterable[Result], kernels: Sequence[str]) -> list[tuple[str, str]]:
    """Kernel and rung of each column: the rungs that a kernel has."""
    has = {(result.kernel, result.rung or "") for result in results if result.rung and result.outcome != "skipped"}
    return [(kernel, rung) for kernel in kernels for rung in sorted(r for k, r in has if k == kernel) or [""]]


def rows(results: Sequence[Result], kernels: Sequence[str]) -> list[list[str]]:
    """The table with its head: a question a row, a kernel's rung a column.

    Tests that do not choose a rung ran on the kernel's best.
    """
    heads = columns(results, kernels)
    best = {kernel: rung for kernel, rung in reversed(heads)}
    cells: dict[tuple[str, str, str], list[Result]] = defaultdict(list)
    for result in results:
        cells[result.question, result.kernel, result.rung or best[result.kernel]].append(result)
    table = [["", *(f"{kernel} {rung}".strip() for kernel, rung in heads)]]
    for question in dict.fromkeys(result.question for result in results):
        table.append([question, *(verdict(cells[question, kernel, rung]) for kernel, rung in heads)])
    return table


def notes(results: Iterable[Result]) -> list[str]:
    """Each test that failed, and each reason for which something was not possible, once, with where it applies."""
    where: dict[tuple[bool, str], set[str]] = defaultdict(set)
    for result in results:
        if result.outcome != "passed":
            failed = result.outcome == "failed"
            what = f"{result.test.split('[')[0]} FAILED: {result.reason}" if failed else result.reason
            where[failed, what].add(f"{result.kernel} {result.rung}" if result.rung else result.kernel)
    return [f"{', '.join(sorted(places))}: {what}" for (_, what), places in sorted(where.items(), reverse=True)]


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


def way_rows(found: Sequence[Way], kernels: Sequence[str]) -> tuple[list[list[str]], list[str]]:
    """A table of ways by kernel and rung, and the reasons that its cells number."""
    heads = sorted({(way.kernel, way.rung) for way in found}, key=lambda head: (kernels.index(head[0]), head[1]))
    by_place = {(way.name, way.kernel, way.rung): way for way in found}
    reasons: list[str] = []
    lines = [["", *(f"{kernel} {rung}" for kernel, rung in heads)]]
    for name in dict.fromkeys(way.name for way in found):
        line = [name]
        for place in heads:
            way = by_place.get((name, *place))
            cell = ["exact" if way else ""]
            for what, (held, reason) in zip(("bytes", "calls", "times"), way.cells if way else (), strict=False):
                if held != "exact":
                    if reason not in reasons:
                        reasons.append(reason)
                    cell.append(f"{what}: {held} [{reasons.index(reason) + 1}]")
            line.append("; ".join(cell[1:] or cell))
        lines.append(line)
    return lines, reasons


def page(results: Sequence[Result], found: Sequence[Way], kernels: Mapping[str, str], instructions: str) -> str:
    """docs/kernels.md.

    `found`: the ways of moving bytes; `kernels`: package version by series; `instructions`: the table of costs.
    """
    parts = [
        "# What holds on which kernel",
        "<!-- Made by `make kernels`. -->",
        "The tests of `tests/kernel`, run by `make kernels` on Debian's own kernels under QEMU. "
        "A column is a kernel and a rung of the ladder; `hopscope check` shows the one in use. "
        "*held (n)*: n tests, each equal to the workload's or the kernel's own count. "
        "*not supported*: the kernel offers no way, for the reason below.",
        "Kernels: " + ", ".join(f"{name} (Debian {version})" for name, version in kernels.items()) + ".",
        markdown(rows(results, list(kernels))),
    ]
    if why := notes(results):
        parts.append("## What does not hold, and why\n\n" + "\n".join(f"* {note}" for note in why))
    lines, reasons = way_rows(found, list(kernels))
    parts += [
        "## Each way of moving bytes",
        "Bytes are exact in each. *exact*: calls and times too. Where a hook cannot see a call the cell says so, "
        "and the number leads to the cause.",
        markdown(lines),
        "\n".join(f"{number}. {reason}" for number, reason in enumerate(reasons, 1)),
    ]
    parts += [
        "## What it costs in instructions",
        "Instructions that the programs add to one `send` and `recv` of 64 bytes on loopback, and to `getppid`, "
        "counted by QEMU's clock (`-icount`): the same to the instruction on every machine, but instructions are "
        "not time. *Empty hooks* are programs that do nothing in the same places: the floor. "
        "*Counts*: calls, bytes, round-trip times. *Not traced*: the programs watch other processes than this one.",
        instructions,
    ]
    return "\n\n".join(parts) + "\n"
