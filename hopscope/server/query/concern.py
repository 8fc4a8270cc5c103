"""What a concern of the API is (edges, tasks, ...), and who asks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

from hopscope.server.query.projection import Fields

Role = Literal["read", "admin", "agent"]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. The name is shown as the owner of what the caller does."""

    name: str
    role: Role


LOCAL = Caller("local", "admin")
"""Who reaches a server that asks nobody for a name."""


class Concern(Protocol):
    """One file of the schema and what answers it.

    `fields`: by type and name. Those of Query and Mutation get the Caller and their arguments, may wait for the store,
    and raise ValueError (what cannot be asked) or StoreError; others get their object's dict and their arguments.
    Arguments and keys of dicts are the schema's names in snake case; enum values are in lower case.
    """

    @property
    def fields(self) -> Fields: ...
