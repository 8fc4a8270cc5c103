"""What is stored, whether it is sound, and how it is made smaller."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from hopscope.server.access.identity import Caller
from hopscope.server.disk_limit import DiskLimit
from hopscope.server.query.projection import Fields
from hopscope.server.query.windows import text
from hopscope.server.storage import care
from hopscope.server.storage.store import Store


class Stored:
    """Query.store, storeFaults; Mutation.expireStore."""

    def __init__(self, store: Store, limit: DiskLimit) -> None:
        self._store, self._limit = store, limit
        self.fields: Fields = {
            "Query": {"store": self.store, "storeFaults": self.faults},
            "Mutation": {"expireStore": self.expire},
        }

    def store(self, _: Caller) -> dict[str, Any]:
        """See `Query.store` in the schema."""
        return {**described(care.status(self._store)), "dropped": self._limit.dropped}

    def faults(self, _: Caller) -> list[str]:
        """See `Query.storeFaults` in the schema."""
        return care.faults(self._store)

    def expire(self, _: Caller, older_than_hours: int) -> list[dict[str, Any]]:
        """See `Mutation.expireStore` in the schema."""
        if older_than_hours < 1:
            raise ValueError("olderThanHours: at least 1")
        removed = care.expire(self._store, int(time.time()) - 3600 * older_than_hours)
        return [{"table": table, "rows": rows} for table, rows in removed.items()]


def described(status: care.Status) -> dict[str, Any]:
    """A status as the schema's Store, without what was dropped."""
    tables = [
        {
            **dataclasses.asdict(table),
            "oldest": text(table.oldest) if table.rows else None,
            "newest": text(table.newest) if table.rows else None,
        }
        for table in status.tables
    ]
    disks = [dataclasses.asdict(disk) for disk in status.disks]
    return {"version": status.version, "known": status.known, "tables": tables, "disks": disks}
