"""Seconds of profiled instances, copied out of the tables of seconds before these forget them.

A copied row replaces an earlier copy of itself: what is copied twice, or by two servers, counts once.
"""

from __future__ import annotations

from hopscope.server.storage.tables.kinds import Table, fields

METRIC = fields(
    2,
    ts="DateTime('UTC') CODEC(DoubleDelta, LZ4)",
    line="UInt64",
    side="UInt8",
    metric="UInt32",
    label="LowCardinality(String)",
    count="UInt64 CODEC(T64, LZ4)",
    bytes="UInt64 CODEC(T64, LZ4)",
    total="Float64",
    least="Float64",
    most="Float64",
    last="Tuple(UInt32, Float64)",
    histogram="Map(UInt16, UInt64)",
)
SEEN = fields(
    2,
    ts="DateTime('UTC') CODEC(DoubleDelta, LZ4)",
    host="UInt64",
    seconds="Float64",
    batches="UInt64",
    rows="UInt64",
    unknown="UInt64",
    amounts="Map(String, Float64)",
    state="Tuple(UInt32, String)",
    skew="Tuple(UInt64, Int64)",
)
TABLES = (
    Table(
        "metric_kept", METRIC, "ReplacingMergeTree", "line, side, metric, label, ts", "line", "ts", "task", "toDate(ts)"
    ),
    Table("seen_kept", SEEN, "ReplacingMergeTree", "host, ts", "host", "ts", "task", "toDate(ts)"),
)
