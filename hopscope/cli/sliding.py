"""The last minute of the live view: a profile for each second, joined over as many as are asked for."""

from __future__ import annotations

from collections import deque

from hopscope.edges import merge
from hopscope.edges.model import Edge, Profile

MINUTE = 60.0


class Sliding:
    """Profiles of neighbouring windows, the oldest dropped after a minute."""

    def __init__(self) -> None:
        self._parts: deque[Profile] = deque()
        self._known: tuple[float, Profile] | None = None

    def add(self, profile: Profile) -> None:
        """Takes in the next one."""
        self._parts.append(profile)
        self._known = None
        while len(self._parts) > 1 and sum(part.window.seconds for part in self._parts) > MINUTE:
            self._parts.popleft()

    def copy(self) -> Sliding:
        """What is known now, for a view that is paused."""
        same = Sliding()
        same._parts = deque(self._parts)
        return same

    def last(self, seconds: float) -> Profile | None:
        """One profile of the last seconds; None while there is nothing."""
        if self._known is not None and self._known[0] == seconds:
            return self._known[1]
        parts: list[Profile] = []
        passed = 0.0
        for part in reversed(self._parts):
            if parts and passed >= seconds - 0.5:
                break
            parts.insert(0, part)
            passed += part.window.seconds
        if not parts:
            return None
        self._known = seconds, merge.profiles(parts)
        return self._known[1]

    def edge(self, key: str) -> tuple[Edge | None, float, list[tuple[Edge | None, float]]]:
        """An edge over the whole minute, the seconds of that, and the edge of each part with its seconds."""
        history = [
            (next((edge for edge in part.edges if edge.id == key), None), part.window.seconds) for part in self._parts
        ]
        merged, before = None, 0.0
        for edge, seconds in history:
            if edge is not None:
                merged = edge if merged is None else merge.edges(merged, edge, before, seconds)
            before += seconds
        return merged, before, history
