"""What was measured, a row for each second, line, side, metric and label; and how much of each second was seen."""

from __future__ import annotations

from hopscope.server.storage.tables.kinds import Rolled, fields

TABLES = (
    Rolled(
        "metric",
        fields(1, line="UInt64", side="UInt8", metric="UInt32", label="LowCardinality(String)"),
        fields(
            1,
            count="SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4)",
            bytes="SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4)",
            total="SimpleAggregateFunction(sum, Float64)",
            least="SimpleAggregateFunction(min, Float64)",
            most="SimpleAggregateFunction(max, Float64)",
            last="SimpleAggregateFunction(max, Tuple(UInt32, Float64))",
            histogram="SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))",
        ),
        shard="line",
    ),
    Rolled(
        "seen",
        fields(1, host="UInt64"),
        fields(
            1,
            seconds="SimpleAggregateFunction(sum, Float64)",
            batches="SimpleAggregateFunction(sum, UInt64)",
            rows="SimpleAggregateFunction(sum, UInt64)",
            unknown="SimpleAggregateFunction(sum, UInt64)",
            amounts="SimpleAggregateFunction(sumMap, Map(String, Float64))",
            state="SimpleAggregateFunction(max, Tuple(UInt32, String))",
            skew="SimpleAggregateFunction(max, Tuple(UInt64, Int64))",
        ),
        shard="host",
    ),
)
