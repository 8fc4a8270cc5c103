"""What access logs say: of each half the requests of each second; proxies, and what receivers could not take.

A half is one side's view of the requests between two ends. Answers and connections are by label, the time by part, as
in the wire's Mesh. When a service was first seen is in the table place, by analysis/mesh_proxies's `place_of`.
"""

from __future__ import annotations

from hopscope.server.storage.tables.kinds import Rolled, entity, fields

PARTS = ("whole", "downstream", "proxy", "upstream", "unexplained")
_SUM = "SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4)"
_PART = {"count": _SUM, "total": _SUM, "histogram": "SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))"}

TABLES = (
    Rolled(
        "mesh",
        fields(2, half="UInt64"),
        fields(
            2,
            answers="SimpleAggregateFunction(sumMap, Map(String, UInt64))",
            connections="SimpleAggregateFunction(sumMap, Map(String, UInt64))",
            retries=_SUM,
            received=_SUM,
            sent=_SUM,
            **{f"{part}_{what}": kind for part in PARTS for what, kind in _PART.items()},
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
