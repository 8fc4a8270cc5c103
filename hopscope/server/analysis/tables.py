"""What batches are in the tables: the rows of each, checked before anything is stored. Pure.

Law: the same batches give the same rows, byte for byte, and a batch that cannot be stored whole gives none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from hopscope.metrics import BY_NUMBER
from hopscope.server.analysis import line_rows, mesh_rows
from hopscope.server.analysis.measured import measured
from hopscope.server.storage.native import Coded, Column, Lists, joined, lists
from hopscope.server.storage.rolling import SECONDS
from hopscope.server.storage.store import Insert
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

_LAST_SECOND = (1 << 32) - 1
_LONGEST_TEXT, _MOST_WITNESSES = 4096, 10_000


class Told(NamedTuple):
    """A batch, when it was received, and how far our clock was ahead of its agent's."""

    batch: wire.Batch
    received_ms: int
    skew_ms: int


def inserts(told: Sequence[Told]) -> list[Insert]:
    """The rows of batches, an insert for each table, entities first, so that no row is stored that has no name yet.
    Raises ValueError."""
    for one in told:
        if not 0 < one.batch.second <= _LAST_SECOND:
            raise ValueError(f"second {one.batch.second} is not a time")
    meshes = [one.batch for one in told if one.batch.HasField("mesh")]
    agents = [one for one in told if not one.batch.HasField("mesh")]
    made = [mesh_rows.inserts(batch.mesh, batch.host, batch.second) for batch in meshes]
    if agents:
        made.append(_of_agents(agents))
    return together(made)


def together(made: Sequence[Sequence[Insert]]) -> list[Insert]:
    """Inserts of several batches as one for each table, entities first."""
    by_table: dict[str, list[Insert]] = {}
    for insert in (insert for inserts in made for insert in inserts if insert.rows):
        by_table.setdefault(insert.table, []).append(insert)
    return [
        Insert(table, joined([insert.columns for insert in same]), sum(insert.rows for insert in same))
        if len(same) > 1
        else same[0]
        for table, same in sorted(by_table.items(), key=lambda held: held[0].endswith(SECONDS))
    ]


def _of_agents(told: Sequence[Told]) -> list[Insert]:
    batches = [one.batch for one in told]
    whole = measured(batches)
    for word in whole["words"]:
        _text(word)
    return [
        _agents(batches),
        _processes(batches),
        _edges(batches),
        _places(batches),
        _listeners(batches),
        _gaps(batches),
        _witnesses(batches),
        _metrics(whole),
        line_rows.insert(whole),
        _seen(told),
    ]


def _text(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"a text of {len(text)} characters; at most {_LONGEST_TEXT}")
    return text


def _table(name: str, rows: Sequence[Sequence[Any]], *columns: tuple[str, str]) -> Insert:
    """Rows of plain values, with the types of their columns."""
    if not rows:
        return Insert(name, (), 0)
    by_column: list[Any] = list(zip(*rows, strict=True))
    made = []
    for (column, kind), values in zip(columns, by_column, strict=True):
        if kind == "String":
            values = [_text(value) for value in values]
        if kind.startswith("Map("):
            values = _map(values)
        made.append(Column(column, kind, lists(values) if kind.startswith("Array(") else values))
    return Insert(name, tuple(made), len(rows))


def _map(rows: Sequence[Mapping[str, str]]) -> Lists:
    """Rows of texts by name as a Map's values."""
    pairs = [(_text(name), _text(value)) for row in rows for name, value in sorted(row.items())]
    names, values = zip(*pairs, strict=True) if pairs else ((), ())
    return Lists(np.cumsum([len(row) for row in rows], dtype="<u8"), (names, values))


def _agents(batches: Sequence[wire.Batch]) -> Insert:
    rows = []
    for batch in batches:
        if not batch.HasField("agent"):
            continue
        said = batch.agent
        probes = {name: {"rung": p.rung, "hook": p.hook, "why_not": p.why_not} for name, p in said.probes.items()}
        known = json.dumps(probes, sort_keys=True)
        rows.append((batch.host, said.host, said.version, batch.boot, known, said.attributes, batch.second))
    return _table(
        "agent", rows, ("id", "UInt64"), ("host", "String"), ("version", "String"), ("boot", "UInt64"),
        ("probes", "String"), ("attributes", "Map(String, String)"), ("last", "DateTime"),
    )  # fmt: skip


def _processes(batches: Sequence[wire.Batch]) -> Insert:
    if any(not 0 <= p.started <= _LAST_SECOND for batch in batches for p in batch.processes):
        raise ValueError("a process that began outside of time")
    rows = [
        (
            p.id, batch.host, p.name, p.service, p.instance, p.container, p.cgroup, p.layer, p.labels, p.command_line,
            list(p.pids), p.started, p.executable, p.attributes, batch.second,
        )
        for batch in batches
        for p in batch.processes
    ]  # fmt: skip
    texts = [(name, "String") for name in ("name", "service", "instance", "container", "cgroup", "layer")]
    return _table(
        "process", rows, ("id", "UInt64"), ("host", "UInt64"), *texts, ("labels", "Map(String, String)"),
        ("command_line", "String"), ("pids", "Array(UInt32)"), ("started", "DateTime"), ("executable", "String"),
        ("attributes", "Map(String, String)"), ("last", "DateTime"),
    )  # fmt: skip


def _places(batches: Sequence[wire.Batch]) -> Insert:
    """When what has a place on a topology was told of; the first time stays."""
    rows = [
        (thing.id, batch.second, batch.second)
        for batch in batches
        for things in (batch.processes, batch.edges)
        for thing in things
    ]
    return _table("place", rows, ("id", "UInt64"), ("first", "DateTime"), ("last", "DateTime"))


def _witnesses(batches: Sequence[wire.Batch]) -> Insert:
    if (most := max(len(batch.witnesses) for batch in batches)) > _MOST_WITNESSES:
        raise ValueError(f"{most} witnesses; at most {_MOST_WITNESSES}")
    rows = [
        (batch.second, w.edge, batch.host, int(w.initiator), w.client, w.server)
        for batch in batches
        for w in batch.witnesses
    ]
    columns = (("ts", "DateTime"), ("edge", "UInt64"), ("host", "UInt64"), ("initiator", "UInt8"))
    return _table("witness", rows, *columns, ("client", "String"), ("server", "String"))


def _end(end: wire.End) -> tuple[Any, ...]:
    return end.process, end.address, end.listen, list(end.pids)


def _end_columns(name: str) -> tuple[tuple[str, str], ...]:
    kinds = {"process": "UInt64", "address": "String", "listen": "String", "pids": "Array(UInt32)"}
    return tuple((f"{name}_{field}", kind) for field, kind in kinds.items())


def _edges(batches: Sequence[wire.Batch]) -> Insert:
    rows = [
        (
            e.id, batch.host, *_end(e.client), *_end(e.server), e.transport, e.protocol, e.security, list(e.sni),
            list(e.alpn), int(e.own), batch.second,
        )
        for batch in batches
        for e in batch.edges
    ]  # fmt: skip
    return _table(
        "edge", rows, ("id", "UInt64"), ("host", "UInt64"), *_end_columns("client"), *_end_columns("server"),
        ("transport", "String"), ("protocol", "String"), ("security", "String"), ("sni", "Array(String)"),
        ("alpn", "Array(String)"), ("own", "UInt8"), ("last", "DateTime"),
    )  # fmt: skip


def _listeners(batches: Sequence[wire.Batch]) -> Insert:
    rows = [(item.id, batch.host, *_end(item.process), batch.second) for batch in batches for item in batch.listeners]
    columns = (("id", "UInt64"), ("host", "UInt64"), *_end_columns("process"), ("last", "DateTime"))
    return _table("listener", rows, *columns)


def _gaps(batches: Sequence[wire.Batch]) -> Insert:
    rows = [(gap.second, batch.host, gap.seconds, gap.batches, gap.cause) for batch in batches for gap in batch.gaps]
    if any(not 0 < row[0] <= _LAST_SECOND for row in rows):
        raise ValueError("a gap outside of time")
    columns = (("ts", "DateTime"), ("host", "UInt64"), ("seconds", "UInt32"), ("batches", "UInt64"))
    return _table("gap", rows, *columns, ("cause", "String"))


def _seen(told: Sequence[Told]) -> Insert:
    batches = [one.batch for one in told]
    known = [batch.completeness for batch in batches]
    rows = [[(len(block.line), block.metric in BY_NUMBER) for block in batch.blocks] for batch in batches]
    amounts = [dict(one.amounts) for one in known]
    names = [_text(name) for one in amounts for name in one]
    columns = (
        Column("ts", "DateTime", [batch.second for batch in batches]),
        Column("host", "UInt64", [batch.host for batch in batches]),
        Column("seconds", "Float64", [one.seconds for one in known]),
        Column("batches", "UInt64", [1] * len(batches)),
        Column("rows", "UInt64", [sum(count for count, _ in one) for one in rows]),
        Column("unknown", "UInt64", [sum(count for count, named in one if not named) for one in rows]),
        Column(
            "amounts",
            "Map(String, Float64)",
            Lists(
                np.cumsum([len(one) for one in amounts], dtype="<u8"),
                (names, [amount for one in amounts for amount in one.values()]),
            ),
        ),
        Column("state", "Tuple(UInt32, String)", ([batch.second for batch in batches], [one.state for one in known])),
        Column("skew", "Tuple(UInt64, Int64)", ([one.received_ms for one in told], [one.skew_ms for one in told])),
    )
    return Insert("seen_1s", columns, len(batches))


def _metrics(whole: Mapping[str, Any]) -> Insert:
    columns = (
        Column("ts", "DateTime", whole["second"]),
        Column("line", "UInt64", whole["line"]),
        Column("side", "UInt8", whole["side"]),
        Column("metric", "UInt32", whole["metric"]),
        Column("label", "LowCardinality(String)", Coded(whole["words"], whole["label"])),
        Column("count", "UInt64", whole["count"]),
        Column("bytes", "UInt64", whole["bytes"]),
        Column("total", "Float64", whole["sum"]),
        Column("least", "Float64", whole["min"]),
        Column("most", "Float64", whole["max"]),
        Column("last", "Tuple(UInt32, Float64)", (whole["second"], whole["sum"])),
        Column(
            "histogram",
            "Map(UInt16, UInt64)",
            Lists(np.cumsum(whole["filled"], dtype="<u8"), (whole["bucket"], whole["held"])),
        ),
    )
    return Insert("metric_1s", columns, len(whole["line"]))
