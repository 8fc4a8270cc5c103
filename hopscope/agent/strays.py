"""Dropped packets that had no socket of ours, and whose they were: SYNs, segments to a connection that ended. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hopscope.agent.connections import CLIENT, SERVER, Connection, is_loopback

TIDY_UP = frozenset(("queue_purge", "tcp_old_data", "tcp_old_ack", "tcp_ofomerge", "consumed", "no_socket"))
"""Drop reasons that lose nothing: what was read, came twice or finds nobody is thrown away."""
KEEP_TICKS = 32
"""Ticks that a closed connection is remembered for late packets, and that a packet waits for its connection."""
KEEP = 1024
"""Closed connections, and packets that wait, at most."""

End = tuple[bytes, int]


def reason_name(constant: str) -> str:
    """A reason's name: the constant of `enum skb_drop_reason` in lower case, without what all of them begin with."""
    return constant.removeprefix("SKB_DROP_REASON_").removeprefix("SKB_").lower()


@dataclass(frozen=True, slots=True)
class Stray:
    """Packets of one connection and reason. Ends are address and port; `netns`: where they were dropped."""

    source: End
    destination: End
    netns: int
    reason: str
    packets: int


class Strays:
    """Finds the side that lost a packet: the receiver's if it is known, else the sender's."""

    def __init__(self) -> None:
        self._waiting: list[tuple[int, Stray]] = []
        self._closed: dict[tuple[bytes, int, int], tuple[int, dict[int, int]]] = {}
        self.unknown = 0

    def remember(self, left: Iterable[Connection], tick: int) -> None:
        """These connections closed; late packets of theirs still come."""
        for connection in left:
            if connection.side < 0 or connection.role not in (CLIENT, SERVER):
                continue
            _, sides = self._closed.pop(connection.initiator, (0, {}))
            self._closed[connection.initiator] = tick, {**sides, connection.role: connection.side}
        while len(self._closed) > KEEP:
            del self._closed[next(iter(self._closed))]

    def find(
        self, fresh: Iterable[Stray], opened_by: Mapping[tuple[bytes, int, int], list[Connection]], tick: int
    ) -> Iterator[tuple[int, Stray]]:
        """Side and packets, for those whose connection is known by now; the others wait."""
        for initiator in [key for key, (since, _) in self._closed.items() if tick - since >= KEEP_TICKS]:
            del self._closed[initiator]
        waiting, self._waiting = self._waiting, []
        for since, stray in (*waiting, *((tick, stray) for stray in fresh)):
            side = self._side(stray, opened_by)
            if side is not None:
                yield side, stray
            elif stray.reason in TIDY_UP:
                continue
            elif tick - since < KEEP_TICKS and len(self._waiting) < KEEP:
                self._waiting.append((since, stray))
            else:
                self.unknown += stray.packets

    def _side(self, stray: Stray, opened_by: Mapping[tuple[bytes, int, int], list[Connection]]) -> int | None:
        for (address, port), receiver in ((stray.source, SERVER), (stray.destination, CLIENT)):
            key = address, port, stray.netns if is_loopback(address) else 0
            sides = dict(self._closed.get(key, (0, {}))[1])
            sides |= {connection.role: connection.side for connection in opened_by.get(key, ()) if connection.side >= 0}
            if sides:
                return sides.get(receiver, next(iter(sides.values())))
        return None
