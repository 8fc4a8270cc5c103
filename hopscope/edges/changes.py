"""Which edges came, went or changed between two profiles. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hopscope.edges.figures import FIGURES, Figure
from hopscope.edges.model import Edge, Profile

NOTABLE = 0.1
"""A figure that moved by less than this share is left out: no two runs are the same."""
WITHIN_NOISE = 1000
"""And one that moved by less than this many ns: timer and scheduler move more."""


@dataclass(frozen=True, slots=True)
class Change:
    """An edge in two profiles; None where it is not. `figures`: those that changed notably, as (before, after).

    Units: times in ns, rates per second, and what grows with the window (retransmits, failures, ...) per minute, so
    that windows of different lengths compare.
    """

    before: Edge | None
    after: Edge | None
    figures: Mapping[str, tuple[float | None, float | None]]

    @property
    def kind(self) -> Literal["new", "gone", "changed", "same"]:
        """What became of the edge."""
        if self.before is None or self.after is None:
            return "new" if self.before is None else "gone"
        return "changed" if self.figures else "same"

    @property
    def edge(self) -> Edge:
        """The later of the two that there is."""
        found = self.after or self.before
        assert found is not None
        return found

    def to_dict(self) -> dict[str, Any]:
        """The JSON's content."""
        ends = {"client": self.edge.client, "server": self.edge.server}
        return {
            "id": self.edge.id,
            **{name: {"process": end.process, "address": end.address} for name, end in ends.items()},
            "change": self.kind,
            "figures": {name: list(pair) for name, pair in self.figures.items()},
        }


def changes(before: Profile, after: Profile) -> tuple[Change, ...]:
    """All edges of both: the new, the gone, then the changed with the most figures first."""
    old, new = ({edge.id: edge for edge in profile.edges} for profile in (before, after))
    found = [
        Change(old.get(key), new.get(key), _figures(old.get(key), new.get(key), before, after))
        for key in {**old, **new}
    ]
    order = ("new", "gone", "changed", "same")
    return tuple(sorted(found, key=lambda it: (order.index(it.kind), -len(it.figures))))


def _figures(
    old: Edge | None, new: Edge | None, before: Profile, after: Profile
) -> dict[str, tuple[float | None, float | None]]:
    found = {}
    for figure in FIGURES:
        pair = _comparable(figure, old, before.window.seconds), _comparable(figure, new, after.window.seconds)
        if _notable(figure, *pair):
            found[figure.name] = pair
    return found


def _comparable(figure: Figure, edge: Edge | None, seconds: float) -> float | None:
    number = figure.of(edge, seconds) if edge is not None else None
    return number * 60 / seconds if number is not None and figure.total and seconds > 0 else number


def _notable(figure: Figure, old: float | None, new: float | None) -> bool:
    if old is None or new is None:
        return bool(old or new)
    moved = abs(new - old)
    return moved > NOTABLE * max(abs(old), abs(new)) and (figure.unit != "ns" or moved >= WITHIN_NOISE)
