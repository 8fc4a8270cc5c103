"""The accepted findings, in a file: what docs/kernels.md is made of, and what later counts are compared with."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kernels.instructions import Figures
from tests.kernels.ledger import Answer, Way

RECORD = Path(__file__).with_name("record.json")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one kernel said. `version`: of its Debian package."""

    version: str
    answers: Sequence[Answer]
    ways: Sequence[Way]
    instructions: Figures


def _finding(entry: Mapping[str, Any]) -> Finding:
    answers = [Answer(q, rung, held, tuple(no), tuple(skipped)) for q, rung, held, no, skipped in entry["answers"]]
    ways = [Way(name, rung, tuple((h, why) for h, why in cells)) for name, rung, cells in entry["ways"]]
    return Finding(entry["version"], answers, ways, entry["instructions"])


def recorded() -> dict[str, Finding]:
    """The accepted findings by kernel series, oldest series first."""
    return {series: _finding(entry) for series, entry in json.loads(RECORD.read_text()).items()}


def _lines(items: Sequence[object]) -> str:
    return "[\n" + ",\n".join(json.dumps(item) for item in items) + "\n]"


def text(findings: Mapping[str, Finding]) -> str:
    """The file: one line for each answer, way and rung, so that a difference can be read."""
    blocks = []
    for series, finding in findings.items():
        answers = _lines([dataclasses.astuple(answer) for answer in finding.answers])
        ways = _lines([dataclasses.astuple(way) for way in finding.ways])
        rungs = ",\n".join(
            f"{json.dumps(rung)}: {json.dumps(_rounded(on))}" for rung, on in finding.instructions.items()
        )
        blocks.append(
            f'{json.dumps(series)}: {{\n"version": {json.dumps(finding.version)},\n"answers": {answers},\n'
            f'"ways": {ways},\n"instructions": {{\n{rungs}\n}}}}'
        )
    return "{\n" + ",\n".join(blocks) + "\n}\n"


def _rounded(variants: Mapping[str, Mapping[str, float]]) -> dict[str, dict[str, float]]:
    return {variant: {what: round(n, 1) for what, n in on.items()} for variant, on in variants.items()}
