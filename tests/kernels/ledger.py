"""What the tests in a guest said: each result, each way of moving bytes, and the questions they answer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
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

    question: str
    test: str
    rung: str | None
    outcome: str  # passed, failed, skipped
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the tests of one question say on one rung: how many held, and of the others what they said."""

    question: str
    rung: str | None
    held: int
    failed: tuple[str, ...]
    skipped: tuple[str, ...]

    @property
    def verdict(self) -> str:
        """In a word."""
        if self.failed:
            return f"FAILED {len(self.failed)} of {len(self.failed) + self.held}"
        return f"held ({self.held})" if self.held else "not supported"


@dataclass(frozen=True, slots=True)
class Way:
    """One way of moving bytes on one rung: what held for bytes, calls and times, each with the reason where not all."""

    name: str
    rung: str
    cells: tuple[tuple[str, str], ...]


def _entries(ledger: Path) -> list[dict[str, Any]]:
    """As far as the guest got: a line that a panic cut off is not a result."""
    if not ledger.exists():
        return []
    *lines, _cut = ledger.read_text().split("\n")
    return [json.loads(line) for line in lines]


def ways(ledger: Path) -> list[Way]:
    """What a guest's tests say of each way of moving bytes."""
    return [
        Way(name, rung, tuple((held, reason) for held, reason in cells))
        for entry in _entries(ledger)
        for name, rung, cells in entry["ways"]
    ]


def read(ledger: Path) -> list[Result]:
    """The tests in a guest's ledger."""
    names = ("question", "test", "rung", "outcome", "reason")
    return [Result(*(entry[name] for name in names)) for entry in _entries(ledger)]


def answers(results: Iterable[Result]) -> list[Answer]:
    """The results by question and rung."""
    found: dict[tuple[str, str | None], list[Result]] = {}
    for result in results:
        found.setdefault((result.question, result.rung), []).append(result)
    return [
        Answer(
            question,
            rung,
            sum(result.outcome == "passed" for result in mine),
            tuple(f"{result.test}: {result.reason}" for result in mine if result.outcome == "failed"),
            tuple(dict.fromkeys(result.reason for result in mine if result.outcome == "skipped")),
        )
        for (question, rung), mine in found.items()
    ]


def gone(series: str, found: Sequence[Answer]) -> list[str]:
    """Each rung that a series should have and that no test could run on."""
    lost = []
    for rung in RUNGS[series]:
        mine = [answer for answer in found if answer.rung == rung]
        if not any(answer.held or answer.failed for answer in mine):
            reasons = [reason for answer in mine for reason in answer.skipped]
            lost.append(f"{series} {rung}: no test ran: {reasons[0] if reasons else 'none was chosen'}")
    return lost
