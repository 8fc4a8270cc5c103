"""What a batch is in the tables: the rows of each, checked before anything is stored. Pure.

Law: the same batch gives the same rows, byte for byte, and a batch that cannot be stored whole gives none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hopscope.metrics import BY_NUMBER
from hopscope.server.analysis import line_rows, mesh_rows
from hopscope.server.analysis.measured import measured
from hopscope.server.storage.native import Coded, Column, Lists, lists
from hopscope.server.storage.store import Insert
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

_LAST_SECOND = (1 << 32) - 1
_LONGEST_TEXT, _MOST_WITNESSES = 4096, 10_000


def inserts(batch: wire.Batch, received_ms: int, skew_ms: int) -> list[Insert]:
    """The rows of a batch, entities first, so that no row is stored that has no name yet. Raises ValueError."""
    if not 0 < batch.second <= _LAST_SECOND:
        raise ValueError(f"second {batch.second} is not a time")
    if batch.HasField("mesh"):
        return mesh_rows.inserts(batch.mesh, batch.host, batch.second)
    whole, labels = measured(batch), [_text(label) for label in batch.labels] or [""]
    made = [
        _agents(batch),
        _processes(batch),
        _edges(batch),
        _places(batch),
        _listeners(batch),
        _gaps(batch),
        _witnesses(batch),
        _metrics(batch.second, whole, labels),
        line_rows.insert(batch.second, whole, labels),
        _seen(batch, received_ms, skew_ms),
    ]
    return [insert for insert in made if insert.rows]


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


def _agents(batch: wire.Batch) -> Insert:
    rows = []
    if batch.HasField("agent"):
        said = batch.agent
        probes = {name: {"rung": p.rung, "hook": p.hook, "why_not": p.why_not} for name, p in said.probes.items()}
        known = json.dumps(probes, sort_keys=True)
        rows.append((batch.host, said.host, said.version, batch.boot, known, said.attributes, batch.second))
    return _table(
        "agent", rows, ("id", "UInt64"), ("host", "String"), ("version", "String"), ("boot", "UInt64"),
        ("probes", "String"), ("attributes", "Map(String, String)"), ("last", "DateTime"),
    )  # fmt: skip


def _processes(batch: wire.Batch) -> Insert:
    if any(not 0 <= p.started <= _LAST_SECOND for p in batch.processes):
        raise ValueError("a process that began outside of time")
    rows = [
        (
            p.id, batch.host, p.name, p.service, p.instance, p.container, p.cgroup, p.layer, p.labels, p.command_line,
            list(p.pids), p.started, p.executable, p.attributes, batch.second,
        )
        for p in batch.processes
    ]  # fmt: skip
    texts = [(name, "String") for name in ("name", "service", "instance", "container", "cgroup", "layer")]
    return _table(
        "process", rows, ("id", "UInt64"), ("host", "UInt64"), *texts, ("labels", "Map(String, String)"),
        ("command_line", "String"), ("pids", "Array(UInt32)"), ("started", "DateTime"), ("executable", "String"),
        ("attributes", "Map(String, String)"), ("last", "DateTime"),
    )  # fmt: skip


def _places(batch: wire.Batch) -> Insert:
    """When what has a place on a topology was told of; the first time stays."""
    ids = [*(process.id for process in batch.processes), *(edge.id for edge in batch.edges)]
    rows = [(number, batch.second, batch.second) for number in ids]
    return _table("place", rows, ("id", "UInt64"), ("first", "DateTime"), ("last", "DateTime"))


def _witnesses(batch: wire.Batch) -> Insert:
    if len(batch.witnesses) > _MOST_WITNESSES:
        raise ValueError(f"{len(batch.witnesses)} witnesses; at most {_MOST_WITNESSES}")
    rows = [(batch.second, w.edge, batch.host, int(w.initiator), w.client, w.server) for w in batch.witnesses]
    columns = (("ts", "DateTime"), ("edge", "UInt64"), ("host", "UInt64"), ("initiator", "UInt8"))
    return _table("witness", rows, *columns, ("client", "String"), ("server", "String"))


def _end(end: wire.End) -> tuple[Any, ...]:
    return end.process, end.address, end.listen, list(end.pids)


def _end_columns(name: str) -> tuple[tuple[str, str], ...]:
    kinds = {"process": "UInt64", "address": "String", "listen": "String", "pids": "Array(UInt32)"}
    return tuple((f"{name}_{field}", kind) for field, kind in kinds.items())


def _edges(batch: wire.Batch) -> Insert:
    rows = [
        (
            e.id, batch.host, *_end(e.client), *_end(e.server), e.transport, e.protocol, e.security, list(e.sni),
            list(e.alpn), int(e.own), batch.second,
        )
        for e in batch.edges
    ]  # fmt: skip
    return _table(
        "edge", rows, ("id", "UInt64"), ("host", "UInt64"), *_end_columns("client"), *_end_columns("server"),
        ("transport", "String"), ("protocol", "String"), ("security", "String"), ("sni", "Array(String)"),
        ("alpn", "Array(String)"), ("own", "UInt8"), ("last", "DateTime"),
    )  # fmt: skip


def _listeners(batch: wire.Batch) -> Insert:
    rows = [(item.id, batch.host, *_end(item.process), batch.second) for item in batch.listeners]
    columns = (("id", "UInt64"), ("host", "UInt64"), *_end_columns("process"), ("last", "DateTime"))
    return _table("listener", rows, *columns)


def _gaps(batch: wire.Batch) -> Insert:
    rows = [(gap.second, batch.host, gap.seconds, gap.batches, gap.cause) for gap in batch.gaps]
    if any(not 0 < row[0] <= _LAST_SECOND for row in rows):
        raise ValueError("a gap outside of time")
    columns = (("ts", "DateTime"), ("host", "UInt64"), ("seconds", "UInt32"), ("batches", "UInt64"))
    return _table("gap", rows, *columns, ("cause", "String"))


def _seen(batch: wire.Batch, received_ms: int, skew_ms: int) -> Insert:
    known = batch.completeness
    unknown = sum(len(block.line) for block in batch.blocks if block.metric not in BY_NUMBER)
    names, amounts = [_text(name) for name in known.amounts], list(known.amounts.values())
    columns = (
        Column("ts", "DateTime", [batch.second]),
        Column("host", "UInt64", [batch.host]),
        Column("seconds", "Float64", [known.seconds]),
        Column("batches", "UInt64", [1]),
        Column("rows", "UInt64", [sum(len(block.line) for block in batch.blocks)]),
        Column("unknown", "UInt64", [unknown]),
        Column("amounts", "Map(String, Float64)", Lists([len(names)], (names, amounts))),
        Column("state", "Tuple(UInt32, String)", ([batch.second], [known.state])),
        Column("skew", "Tuple(UInt64, Int64)", ([received_ms], [skew_ms])),
    )
    return Insert("seen_1s", columns, 1)


def _metrics(second: int, whole: Mapping[str, Any], labels: list[str]) -> Insert:
    rows = len(whole["line"])
    last = (np.full(rows, second, "<u4"), whole["sum"])
    columns = (
        Column("ts", "DateTime", np.full(rows, second, "<u4")),
        Column("line", "UInt64", whole["line"]),
        Column("side", "UInt8", whole["side"]),
        Column("metric", "UInt32", whole["metric"]),
        Column("label", "LowCardinality(String)", Coded(labels, whole["label"])),
        Column("count", "UInt64", whole["count"]),
        Column("bytes", "UInt64", whole["bytes"]),
        Column("total", "Float64", whole["sum"]),
        Column("least", "Float64", whole["min"]),
        Column("most", "Float64", whole["max"]),
        Column("last", "Tuple(UInt32, Float64)", last),
        Column(
            "histogram",
            "Map(UInt16, UInt64)",
            Lists(np.cumsum(whole["filled"], dtype="<u8"), (whole["bucket"], whole["held"])),
        ),
    )
    return Insert("metric_1s", columns, rows)
