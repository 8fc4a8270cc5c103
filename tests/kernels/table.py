"""What held on which kernel and rung, as the terminal shows it and as docs/kernels.md says it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from tests.kernels import instructions
from tests.kernels.ledger import Answer
from tests.kernels.record import Finding

HEAD = """# What holds on which kernel

<!-- `make kernels ACCEPT=1` makes this page from tests/kernels/record.json. -->

`make kernels` runs the tests of `tests/kernel`, and some of labels, on Debian's own kernels in QEMU, on each rung of
the ladder that a kernel has ([probes.md](probes.md); `hopscope check` shows the rung in use). Each compares hopscope
with the workload's or the kernel's own count. *held (n)*: n tests held. A question that does not depend on the rung was
asked on the first.

{overview}

Instructions are those that the programs add to one `send` with its `recv` of 64 bytes over loopback while calls, bytes
and round-trip times are counted, by QEMU's clock (`-icount`): the same on every machine, but not times."""

WAYS = """## Ways of moving bytes

{tried} ways were tried on each rung{fewer}: {names}.
Bytes, calls and times were equal to the workload's own count on each rung of each kernel, but for these:

{table}

{reasons}"""

COSTS = """## Instructions

Added to one `send` with its `recv`, and to `getppid`. *Empty hooks*: programs that do nothing in the same places, the
floor. *Not traced*: the programs watch other processes than this one.

{table}"""


def _places(found: Sequence[Answer]) -> list[str]:
    """The rungs that a kernel has; an empty one when no test chose a rung."""
    return sorted({a.rung for a in found if a.rung and (a.held or a.failed)}) or [""]


def rows(found: Sequence[Answer]) -> list[list[str]]:
    """The table of one kernel with its head: a question a row, a rung a column."""
    rungs = _places(found)
    cells = {(answer.question, answer.rung or rungs[0]): answer.verdict for answer in found}
    table = [["", *rungs]]
    for question in dict.fromkeys(answer.question for answer in found):
        table.append([question, *(cells.get((question, rung), "") for rung in rungs)])
    return table


def notes(found: Iterable[Answer]) -> list[str]:
    """Each test that failed, and each reason for which something was not possible, once, with where it applies."""
    where: dict[tuple[bool, str], set[str]] = defaultdict(set)
    for answer in found:
        for what in answer.failed:
            where[True, f"FAILED: {what}"].add(answer.rung or "")
        for reason in answer.skipped:
            where[False, reason.removeprefix(f"{answer.rung}: ")].add(answer.rung or "")
    return [
        f"{', '.join(sorted(places))}: {what}".removeprefix(": ")
        for (_, what), places in sorted(where.items(), key=lambda item: (not item[0][0], item[0][1]))
    ]


def text(series: str, found: Sequence[Answer]) -> str:
    """One kernel's table for a terminal: a question a line with its rungs, then what did not hold."""
    head, *body = rows(found)
    lines = []
    for question, *cells in body:
        held = "; ".join(f"{rung} {cell}".strip() for rung, cell in zip(head[1:], cells, strict=True) if cell)
        lines.append(f"  {question}\n    {series}: {held}")
    return "\n".join([*lines, *(f"    {series} {note}" for note in notes(found))])


def markdown(table: Sequence[Sequence[str]], numbers: bool = False) -> str:
    """A table of the page."""
    head, *body = table
    lines = [head, ["---", *["---:" if numbers else "---"] * (len(head) - 1)], *body]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _overview(findings: Mapping[str, Finding]) -> list[list[str]]:
    table = [["kernel", "rungs", "tests held", *(f"instructions, {rung}" for rung in ("L1", "L2", "L4"))]]
    for series, finding in findings.items():
        held, failed = sum(a.held for a in finding.answers), sum(len(a.failed) for a in finding.answers)
        counts = [
            f"{finding.instructions[rung]['counts']['pair']:+.0f}" if rung in finding.instructions else "no such rung"
            for rung in ("L1", "L2", "L4")
        ]
        rungs = ", ".join(_places(finding.answers))
        table.append([f"{series} (Debian {finding.version})", rungs, f"{held} of {held + failed}", *counts])
    return table


def _inexact(findings: Mapping[str, Finding]) -> tuple[list[list[str]], list[str]]:
    """Way, rung and kernels of each cell that is not exact, and the reasons that they number."""
    where: dict[tuple[str, str, str, str], list[str]] = defaultdict(list)
    for series, finding in findings.items():
        for way in finding.ways:
            for what, (held, reason) in zip(("bytes", "calls", "times"), way.cells, strict=True):
                if held != "exact":
                    where[way.name, way.rung, f"{what}: {held}", reason].append(series)
    reasons = list(dict.fromkeys(reason for *_, reason in sorted(where)))
    table = [["way", "rung", "what", "on", "because"]]
    for (name, rung, what, reason), places in sorted(where.items()):
        table.append([name, rung, what, ", ".join(places), f"[{reasons.index(reason) + 1}]"])
    return table, reasons


def _ways(findings: Mapping[str, Finding]) -> str:
    names = dict.fromkeys(way.name for finding in findings.values() for way in finding.ways)
    tried = {series: len({way.name for way in finding.ways}) for series, finding in findings.items()}
    less = [f"on {series} {number} of them" for series, number in tried.items() if number < len(names)]
    fewer = f" ({', '.join(less)})" if less else ""
    table, reasons = _inexact(findings)
    numbered = "\n".join(f"{number}. {reason}" for number, reason in enumerate(reasons, 1))
    listed = ", ".join(names)
    return WAYS.format(tried=len(names), fewer=fewer, names=listed, table=markdown(table), reasons=numbered)


def page(findings: Mapping[str, Finding]) -> str:
    """docs/kernels.md."""
    parts = [HEAD.format(overview=markdown(_overview(findings)))]
    for series, finding in findings.items():
        parts += [f"## {series}", markdown(rows(finding.answers))]
        if why := notes(finding.answers):
            parts.append("Not supported, because:\n\n" + "\n".join(f"* {note}" for note in why))
    costs = instructions.rows({series: finding.instructions for series, finding in findings.items()})
    parts += [_ways(findings), COSTS.format(table=markdown(costs, numbers=True))]
    return "\n\n".join(parts) + "\n"
