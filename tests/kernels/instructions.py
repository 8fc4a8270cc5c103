"""What hopscope's programs cost in instructions, and whether that is more than it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

TOLERANCE = 0.05
SLACK = 10.0
"""Instructions that are no difference: the same kernel twice differs by less than one, another build of it by a few."""

Figures = Mapping[str, Mapping[str, Mapping[str, float]]]
"""Per rung and variant the instructions added to a pair and to a getppid; under `none` the bare ones."""

OURS = ("counts", "times", "untraced")
_COLUMNS = (
    ("empty, counts", "pair"),
    ("counts", "pair"),
    ("empty, times", "pair"),
    ("times", "pair"),
    ("untraced", "pair"),
    ("counts", "getppid"),
    ("times", "getppid"),
)


def read(path: Path) -> Figures | None:
    """A guest's figures; None when it did not get to write them."""
    return json.loads(path.read_text()) if path.exists() else None


def regressions(series: str, now: Figures, before: Figures | None) -> list[str]:
    """Each figure of ours that is more than the tolerance above the accepted one, or that has none."""
    if before is None:
        return [f"{series}: no accepted figures; `make kernels ACCEPT=1` accepts these"]
    found = []
    for rung in before:
        if rung != "none" and rung not in now:
            found.append(f"{series} {rung}: could not be measured any more")
    for rung, variants in now.items():
        for variant in OURS if rung != "none" else ():
            for what, instructions in variants[variant].items():
                accepted = before.get(rung, {}).get(variant, {}).get(what)
                name = f"{series} {rung}, {variant}, {what}"
                if accepted is None:
                    found.append(f"{name}: {instructions:+.0f} instructions, none accepted")
                elif instructions > accepted + max(SLACK, TOLERANCE * abs(accepted)):
                    found.append(f"{name}: {instructions:+.0f} instructions, accepted {accepted:+.0f}")
    return found


def rows(figures: Mapping[str, Figures]) -> list[list[str]]:
    """The table of docs/kernels.md with its head."""
    head = ["kernel, rung", "empty hooks", "counts", "empty hooks, timed", "every call timed", "not traced"]
    table = [[*head, "getppid, counts", "getppid, timed"]]
    for series, rungs in figures.items():
        bare = rungs["none"]["base"]
        table.append([f"{series}, nothing attached", *[""] * len(_COLUMNS)])
        table[-1][2], table[-1][6] = f"{bare['pair']:.0f}", f"{bare['getppid']:.0f}"
        for rung, variants in rungs.items():
            if rung != "none":
                table.append([f"{series} {rung}", *(f"{variants[v][what]:+.0f}" for v, what in _COLUMNS)])
    return table
