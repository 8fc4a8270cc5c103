"""The things that have names: agents, processes, edges, listeners."""

from __future__ import annotations

from hopscope.server.storage.tables.kinds import Field, entity, fields


def _end(name: str) -> tuple[Field, ...]:
    kinds = {"process": "UInt64", "address": "String", "listen": "String", "pids": "Array(UInt32)"}
    return fields(1, **{f"{name}_{field}": kind for field, kind in kinds.items()})


_ID = fields(1, id="UInt64", host="UInt64")

TABLES = (
    entity(
        "agent",
        "id",
        fields(1, id="UInt64", host="String", version="String", boot="UInt64", probes="String")
        + fields(3, attributes="Map(String, String)"),
    ),
    entity(
        "process",
        "id",
        _ID
        + fields(1, name="String", service="String", instance="String", container="String", cgroup="String")
        + fields(2, layer="String", labels="Map(String, String)", command_line="String", pids="Array(UInt32)")
        + fields(2, started="DateTime('UTC')", executable="String")
        + fields(3, attributes="Map(String, String)"),
    ),
    entity(
        "edge",
        "id, host",
        _ID
        + _end("client")
        + _end("server")
        + fields(1, transport="String", protocol="String", security="String")
        + fields(1, sni="Array(String)", alpn="Array(String)", own="UInt8"),
    ),
    entity("listener", "id, host", _ID + _end("process")),
)
