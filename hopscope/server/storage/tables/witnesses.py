"""Who was at the two ends of some connections between hosts."""

from __future__ import annotations

from hopscope.server.storage.tables.kinds import events, fields

TABLES = (
    events(
        "witness",
        "edge, ts",
        fields(
            2,
            ts="DateTime('UTC') CODEC(DoubleDelta, LZ4)",
            edge="UInt64",
            host="UInt64",
            initiator="UInt8",
            client="String",
            server="String",
        ),
        shard="edge",
        time="ts",
        kept="task",
    ),
)
