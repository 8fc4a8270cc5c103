"""Which halves of lines, seen on different hosts, are one line. Pure.

A witness says who was at the two ends of a connection. The initiator's address and port are the same at both ends, also
through a REDIRECT or a change of the destination. Law: two halves are joined only if each is the other's only match. A
half that several others match (a service's address that several pods answer, a pod of which two processes call) cannot
be divided among them; who is at its other end is still known.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

Pair = tuple[int, int]
"""The edge at the initiator's end of a connection and that at the other end."""


@dataclass(slots=True)
class Halves:
    """What the witnesses of a window say, as ids of edges. `matches`: the halves at the other end of each."""

    matches: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, pairs: Iterable[Pair]) -> Halves:
        """From all pairs that the halves in question, and their matches, are in."""
        made = cls()
        for client, server in pairs:
            if client != server:
                made.matches[client].add(server)
                made.matches[server].add(client)
        return made

    def at_the_other_end_of(self, half: int) -> frozenset[int]:
        """The halves that a half matches."""
        return frozenset(self.matches.get(half, ()))

    def other(self, half: int) -> int | None:
        """The half with which one is a whole line."""
        found = self.matches.get(half, set())
        if len(found) != 1:
            return None
        (other,) = found
        return other if self.matches[other] == {half} else None
