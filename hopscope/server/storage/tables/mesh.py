"""What access logs say: of each half the requests of each second; proxies, and what receivers could not take.

A half is one side's view of the requests between two ends. `metric` and `label` as in the wire's Mesh. When a service
was first seen is in the table place, by the id that analysis/mesh_proxies makes of its name.
"""

from __future__ import annotations

from hopscope.server.storage.tables.kinds import Rolled, entity, fields

TABLES = (
    Rolled(
        "mesh",
        fields(2, half="UInt64", metric="LowCardinality(String)", label="LowCardinality(String)"),
        fields(
            2,
            count="SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4)",
            total="SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4)",
            histogram="SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))",
        ),
        shard="half",
    ),
    Rolled(
        "mesh_seen",
        fields(2, receiver="UInt64"),
        fields(
            2,
            seconds="SimpleAggregateFunction(sum, Float64)",
            entries="SimpleAggregateFunction(sum, UInt64)",
            amounts="SimpleAggregateFunction(sumMap, Map(String, Float64))",
        ),
        shard="receiver",
    ),
    entity(
        "mesh_proxy",
        "id",
        fields(
            2,
            id="UInt64",
            service="String",
            namespace="String",
            instance="String",
            kind="String",
            principal="String",
            addresses="Array(String)",
            labels="Map(String, String)",
        ),
    ),
    entity(
        "mesh_half",
        "id",
        fields(
            2,
            id="UInt64",
            proxy="UInt64",
            side="String",
            client="String",
            server="String",
            cluster="String",
            protocol="String",
            security="String",
            principal="String",
        ),
    ),
)
