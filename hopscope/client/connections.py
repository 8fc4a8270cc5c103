"""The single connections of an edge or a process as a server answers them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hopscope.client.answers import SideName
from hopscope.client.frames import Rows
from hopscope.edges.connection import Connection

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many connections are in a state, by the kernel's name."""

    state: str
    count: int


@dataclass(frozen=True, slots=True)
class ConnectionsSeen:
    """The connections of one side of an edge, or of a process, whose `side` is None, as of `at`.

    `connections`: the most telling of those that are `open`, then some of those that ended in the last 15 s, `closed`
    in all as far as somebody looked. `why_not`: why there is nothing to see.
    """

    side: SideName | None
    host: str
    at: datetime | None
    open: int
    states: tuple[StateCount, ...]
    closed: int
    connections: tuple[Connection, ...]
    why_not: str | None

    def to_pandas(self) -> pandas.DataFrame:
        """A row per connection. Raises HopscopeError when pandas is not installed."""
        return Rows(self.connections).to_pandas()


@dataclass(frozen=True, slots=True)
class LookedAt:
    """The connections of an edge or a process, with its id. `why_not`: why nobody is asked for them."""

    id: str
    sides: tuple[ConnectionsSeen, ...]
    why_not: str | None

    @property
    def complete(self) -> bool:
        """Whether each agent has answered."""
        return all(side.at is not None or side.why_not is not None for side in self.sides)
