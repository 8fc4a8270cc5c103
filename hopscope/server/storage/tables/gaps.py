"""Seconds that an agent could not report."""

from __future__ import annotations

from hopscope.server.storage.tables.kinds import events, fields

TABLES = (
    events(
        "gap",
        "host, ts",
        fields(
            1,
            ts="DateTime('UTC') CODEC(DoubleDelta, LZ4)",
            host="UInt64",
            seconds="UInt32",
            batches="UInt64",
            cause="String",
        ),
        shard="host",
        time="ts",
    ),
)
