"""The single connections of an edge or a process as a server answers them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hopscope.client.frames import Rows
from hopscope.edges import connection

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class ConnectionsSeen(connection.ConnectionsSeen):
    """The connections of one side, with a way into pandas."""

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
