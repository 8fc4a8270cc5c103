"""What `hopscope diff` says: a line for each edge that came, went or changed, and below it the figures."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.text import Text

from hopscope.cli import lines
from hopscope.cli.figures import WRITTEN, amount
from hopscope.edges.changes import NOTABLE, Change
from hopscope.edges.figures import BY_NAME, Figure
from hopscope.edges.state import state

MARKS = {"new": "+", "gone": "-", "changed": "~"}
_WORDS = {column.figure.name: column.heading for column in lines.COLUMNS if column.figure}


def written(found: Iterable[Change], width: int) -> Iterator[Text]:
    """The lines; edges that are as before are only counted."""
    counts = dict.fromkeys(("new", "gone", "changed", "same"), 0)
    for change in found:
        counts[change.kind] += 1
        if change.kind == "same":
            continue
        states = dict.fromkeys(state(edge).name for edge in (change.before, change.after) if edge)
        heading = f"{MARKS[change.kind]} {lines.name(change.edge, max(20, width - 22))}  {' → '.join(states)}"
        yield Text(heading, style="bold red" if list(states)[-1] == "failing" else "bold")
        if change.kind == "changed":
            for figure, pair in change.figures.items():
                yield Text(_figure(BY_NAME[figure], *pair))
    yield Text(
        f"{amount(counts['new'])} new, {amount(counts['gone'])} gone, {amount(counts['changed'])} changed, "
        f"{amount(counts['same'])} as before (within {NOTABLE:.0%})"
    )


def _figure(figure: Figure, before: float | None, after: float | None) -> str:
    text = WRITTEN[figure.unit]
    moved = f"{(after - before) / before:+.0%}" if before and after is not None else ""
    heading = _WORDS[figure.name] + ("/min" if figure.total else "")
    return f"    {heading:<9} {text(before):>7} → {text(after):<7} {moved}".rstrip()
