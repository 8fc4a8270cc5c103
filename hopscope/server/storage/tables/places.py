"""When processes, edges and services of the mesh were first told of: their places follow from it, and stay."""

from __future__ import annotations

from hopscope.server.storage.tables.kinds import fields, merged

TABLES = (
    merged(
        "place",
        "id",
        fields(
            2,
            id="UInt64",
            first="SimpleAggregateFunction(min, DateTime('UTC'))",
            last="SimpleAggregateFunction(max, DateTime('UTC'))",
        ),
        shard="id",
        time="last",
    ),
)
