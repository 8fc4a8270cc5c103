"""How much of a window each host saw, as query/stretches keeps it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hopscope.server.query.stretches import MOST_READ, Kept, Reading, stretches
from hopscope.server.query.windows import Cut
from hopscope.server.storage.recent import Piece
from hopscope.server.storage.store import Store

_MOST_BYTES = 20_000_000
_HOST_BYTES = 1000
"""About what the sums of a host take."""


@dataclass(slots=True)
class Seen:
    """Of a host. `state`: the latest second and what was said in it."""

    seconds: float = 0.0
    amounts: dict[str, float] = field(default_factory=dict)
    state: tuple[int, str] = 0, ""
    unknown: int = 0

    def add(self, seconds: float, amounts: Mapping[str, float], state: tuple[int, str], unknown: int) -> None:
        """More of it."""
        self.seconds += seconds
        self.unknown += unknown
        self.state = max(self.state, state)
        for name, amount in amounts.items():
            # As the engine adds maps up: what comes to nothing has no entry.
            if amount:
                self.amounts[name] = self.amounts.get(name, 0.0) + amount


ByHost = Mapping[int, Seen]
_SUMMED = (
    "host, sum(seconds) AS recorded, sumMap(amounts) AS summed, max(state).1 AS second, max(state).2 AS said,"
    " sum(unknown) AS not_known"
)


@dataclass(frozen=True, slots=True)
class _Rows:
    store: Store
    table: str = "seen"

    def stored(self, step: str, starts: Sequence[int]) -> Sequence[ByHost]:
        """See Rows."""
        by_start: dict[int, list[Mapping[str, Any]]] = defaultdict(list)
        for row in self.store.query(
            f"SELECT toUnixTimestamp(ts) AS at, {_SUMMED} FROM seen_{step}"
            f" WHERE ts IN ({', '.join(f'toDateTime({start})' for start in starts)}) GROUP BY at, host"
        ):
            by_start[row["at"]].append(row)
        return [by_host(by_start[start]) for start in starts]

    def inserted(self, piece: Piece, second: int) -> ByHost:
        """See Rows."""
        held = piece.columns
        names, values = held["amounts"].parts
        ends = [0, *held["amounts"].ends.tolist()]
        found: dict[int, Seen] = defaultdict(Seen)
        for at in piece.of(second).tolist():
            entries = slice(ends[at], ends[at + 1])
            amounts = dict(zip(names[entries], values[entries].tolist(), strict=True))
            state = int(held["state"][0][at]), held["state"][1][at]
            found[int(held["host"][at])].add(float(held["seconds"][at]), amounts, state, int(held["unknown"][at]))
        return found

    def merged(self, several: Sequence[ByHost]) -> ByHost:
        """See Rows."""
        found: dict[int, Seen] = defaultdict(Seen)
        for one in several:
            for host, it in one.items():
                found[host].add(it.seconds, it.amounts, it.state, it.unknown)
        return found

    def size(self, of: ByHost) -> int:
        """See Rows."""
        return _HOST_BYTES * (1 + len(of))


def by_host(rows: Sequence[Mapping[str, Any]]) -> ByHost:
    """What the engine answers."""
    found: dict[int, Seen] = defaultdict(Seen)
    for row in rows:
        found[row["host"]].add(row["recorded"], row["summed"], (row["second"], row["said"]), row["not_known"])
    return found


class SeenSums:
    """Of one store. Safe to use from several threads."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = _Rows(store)
        self._kept = Kept[ByHost](_MOST_BYTES)

    def summed(self, cut: Cut, seconds_from: float) -> ByHost:
        """What each host that said anything saw of a window. `seconds_from`: from when on rows of seconds are kept.
        Raises StoreError."""
        changes = self._store.changes
        if changes is None or cut.of_task or stretches(cut) > MOST_READ:
            return by_host(self._store.query(f"SELECT {_SUMMED} FROM {cut.rows('seen')} GROUP BY host"))
        with self._kept.guard:
            found = Reading(self._rows, changes, self._store.recent, self._kept, cut, seconds_from).whole()
            self._kept.bound(cut.span)
            if self._kept.bytes > 2 * _MOST_BYTES:
                self._kept = Kept[ByHost](_MOST_BYTES)
        return found
