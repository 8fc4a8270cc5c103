"""Listening sockets as things of their own: those of one group at one address are one, whoever holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hopscope.agent.connections import Connection, Owner, address_text

Key = tuple[str, str]
"""Group id, address."""


@dataclass(slots=True)
class Heard:
    """The listeners of one group at one address. `overflows`, `synacks`: since the start."""

    owner: Owner
    address: str
    pids: set[int] = field(default_factory=set)
    queue: int = 0
    limit: int = 0
    overflows: int = 0
    synacks: int = 0


class Listeners:
    """What the listeners said last."""

    def __init__(self) -> None:
        self.heard: dict[Key, Heard] = {}
        self._sockets: dict[tuple[int, int], tuple[int, int]] = {}

    def look(self, listeners: Iterable[Connection], cold: Any, owner_of: Callable[[Connection], Owner | None]) -> None:
        """Once a tick. A socket that several processes hold counts once, sockets with SO_REUSEPORT add up."""
        for heard in self.heard.values():
            heard.pids, heard.queue, heard.limit = set(), 0, 0
        counted: set[tuple[Key, int]] = set()
        sockets: dict[tuple[int, int], tuple[int, int]] = {}
        for listener in listeners:
            owner = owner_of(listener)
            if owner is None:
                continue
            address = address_text(listener.local, listener.local_port)
            heard = self.heard.setdefault((owner.id, address), Heard(owner, address))
            heard.owner = owner
            heard.pids.add(listener.tgid)
            if ((owner.id, address), listener.sk) in counted:
                continue
            counted.add(((owner.id, address), listener.sk))
            half = cold[listener.index]
            truths = half["truths"]
            heard.queue += int(truths["accept_queue"])
            heard.limit += int(truths["accept_queue_limit"])
            now = int(truths["overflows"]), int(half["synack_retransmitted"])
            # A listener's drops count from its birth; of an older one only what happened since we look.
            before = self._sockets.get((listener.sk, listener.generation), (now[0] if listener.flags & 1 else 0, 0))
            heard.overflows += (now[0] - before[0]) % (1 << 32)
            heard.synacks += (now[1] - before[1]) % (1 << 32)
            sockets[listener.sk, listener.generation] = now
        self._sockets = sockets
        self.heard = {key: heard for key, heard in self.heard.items() if heard.pids}

    def sums(self) -> Mapping[Key, tuple[int, int]]:
        """Overflows and SYN-ACKs sent again, since the start."""
        return {key: (heard.overflows, heard.synacks) for key, heard in self.heard.items()}
