"""Which edges came, went or changed between two profiles, in the words of the table."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from hopscope.cli import lines
from hopscope.cli.figures import amount
from hopscope.edges.model import Profile

NOTABLE = 0.1
"""A figure that moved by less than this share is not shown: no two runs are the same."""
COMPARED = tuple(column for column in lines.COLUMNS if column.heading not in ("STATE", "SENT", "RCVD", "OPEN", "CLOS"))


@dataclass(frozen=True, slots=True)
class Change:
    """An edge in both profiles; None where it is not."""

    before: lines.Line | None
    after: lines.Line | None

    @property
    def kind(self) -> str:
        """`new`, `gone` or `both`."""
        return "new" if self.before is None else "gone" if self.after is None else "both"

    @property
    def line(self) -> lines.Line:
        """The later line that there is."""
        found = self.after or self.before
        assert found is not None
        return found

    def figures(self) -> Iterator[tuple[lines.Column, float | None, float | None]]:
        """The figures that changed notably."""
        for column in COMPARED:
            old, new = (column.number(it) if it else None for it in (self.before, self.after))
            if old != new and (old is None or new is None or abs(new - old) > NOTABLE * max(abs(old), abs(new))):
                yield column, old, new

    def to_dict(self) -> dict[str, Any]:
        """The JSON's content: rates per second, bytes, and times in ns."""
        edge = self.line.edge
        return {
            "id": edge.id,
            "client": lines.who(edge.client),
            "server": lines.server_name(edge),
            "change": self.kind,
            "state": [it.state.name if it else None for it in (self.before, self.after)],
            "figures": {column.heading: [old, new] for column, old, new in self.figures()},
        }


def changes(before: Profile, after: Profile) -> list[Change]:
    """All edges of both, the new and the gone first, then those that changed most."""
    old, new = ({it.edge.id: it for it in lines.lines(p.edges, p.window.seconds)} for p in (before, after))
    found = [Change(old.get(key), new.get(key)) for key in {**old, **new}]
    return sorted(found, key=lambda it: (("new", "gone", "both").index(it.kind), -len(list(it.figures()))))


def written(found: list[Change], width: int) -> Iterator[Text]:
    """A line for each edge, and below it one for each figure that changed."""
    same = 0
    for change in found:
        figures = list(change.figures())
        states = [it.state.name for it in (change.before, change.after) if it]
        if change.kind == "both" and not figures and len(set(states)) == 1:
            same += 1
            continue
        mark = {"new": "+", "gone": "-", "both": "~"}[change.kind]
        yield Text(
            f"{mark} {lines.name(change.line.edge, width - 12)}  {' → '.join(dict.fromkeys(states))}", style="bold"
        )
        for column, before, after in figures:
            moved = f"  {(after - before) / before:+.0%}" if before and after is not None else ""
            yield Text(f"    {column.heading:<8} {column.text(before):>8} → {column.text(after):<8}{moved}")
    yield Text(f"{same} edges as before (within {NOTABLE:.0%})" if same else f"{amount(len(found))} edges compared")
