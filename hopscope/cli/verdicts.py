"""What state an edge is in, as the tables say it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from hopscope.edges.model import Edge


@dataclass(frozen=True, slots=True)
class Verdict:
    """`healthy`, `slow` or `failing`, and why."""

    name: str
    reasons: tuple[str, ...] = ()


def verdict(edge: Edge) -> Verdict:
    """The verdict on an edge; `-` while nothing judges."""
    if find_spec("hopscope.edges.state") is None:
        return Verdict("-")
    from hopscope.edges.state import state

    found = state(edge)
    return Verdict(found.name, tuple(found.reasons))
