"""What subscribers hear of each second."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from hopscope.agent.witnesses import Witness
from hopscope.edges.model import Group, Probe, Profile, Window


@dataclass(frozen=True, slots=True)
class Second:
    """What happened, and which process groups there are on this host, as of the last look at them."""

    profile: Profile
    groups: tuple[Group, ...] = ()
    witnesses: tuple[Witness, ...] = ()


def idle(host: str, now: float, probes: Mapping[str, Probe]) -> Profile:
    """The second that ends now, of which nothing was recorded."""
    start = datetime.fromtimestamp(int(now) - 1, UTC).isoformat()
    return Profile(host, Window(start, 1.0), (), (), {"seconds": {"asked": 1.0, "recorded": 0.0}}, probes)
