"""What happened to profiling tasks: rows are only ever added."""

from __future__ import annotations

from hopscope.server.storage.tables.kinds import events, fields

TABLES = (
    events(
        "task_event",
        "task, at",
        fields(
            2,
            task="UInt64",
            at="DateTime64(3, 'UTC')",
            host="UInt64",
            kind="LowCardinality(String)",
            who="String",
            service="String",
            instance="String",
            body="String",
        ),
        shard="task",
        time="at",
    ),
)
