"""What somebody looks at now in detail, and what the agents last said of it: of each only the latest."""

from __future__ import annotations

from hopscope.server.storage.tables.kinds import entity, fields

_SUBJECT = fields(3, id="UInt64", process="UInt8", host="UInt64")

TABLES = (
    entity(
        "inspection",
        "id, process, host",
        _SUBJECT + fields(3, since="DateTime64(3, 'UTC')", ends="DateTime64(3, 'UTC')"),
        kept="1s",
    ),
    entity(
        "inspected",
        "id, process, host, side",
        _SUBJECT + fields(3, side="UInt8", at="DateTime64(3, 'UTC')", body="String"),
        kept="1s",
    ),
)
