"""What a concern of the API is: edges, tasks, ..."""

from __future__ import annotations

from typing import Protocol

from hopscope.server.access.identity import Caller as Caller
from hopscope.server.query.projection import Fields


class Concern(Protocol):
    """One file of the schema and what answers it.

    `fields`: by type and name. Those of Query and Mutation get the Caller and their arguments, may wait for the store,
    and raise ValueError (what cannot be asked) or StoreError; others get their object's dict and their arguments.
    Arguments and keys of dicts are the schema's names in snake case; enum values are in lower case.
    """

    @property
    def fields(self) -> Fields: ...
