"""Who asks."""

from __future__ import annotations

from typing import Any

from hopscope.server.access.identity import Caller
from hopscope.server.query.projection import Fields


class Me:
    """Query.me."""

    def __init__(self) -> None:
        self.fields: Fields = {"Query": {"me": self.me}}

    def me(self, caller: Caller) -> dict[str, Any]:
        """See `Query.me` in the schema."""
        return {"name": caller.name, "role": caller.role}
