"""The tables: metrics by second, minute and hour, how much was seen, and the things that have names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hopscope.server.storage.store import Store, StoreError

Step = Literal["1s", "1m", "1h"]
VERSION = 1
DATABASE = "hopscope"

TOKEN_WINDOW = 20_000
"""Inserts of each table whose tokens are remembered: 33 agents with ten minutes each to send again."""
_MINIMUM_MINUTES_KEPT, _MINIMUM_HOURS_KEPT = 7 * 24, 180 * 24


@dataclass(frozen=True, slots=True)
class Resolution:
    """How one step is kept. `kept`: times the retention of seconds."""

    step: Step
    seconds: int
    partition: str
    start: str
    kept: int
    minimum: int

    def kept_hours(self, retention_hours: int) -> int:
        """How long its rows are kept."""
        return max(self.minimum, self.kept * retention_hours)


RESOLUTIONS = (
    Resolution("1s", 1, "toStartOfHour(ts)", "toStartOfSecond", 1, 1),
    Resolution("1m", 60, "toDate(ts)", "toStartOfMinute", 7, _MINIMUM_MINUTES_KEPT),
    Resolution("1h", 3600, "toYYYYMM(ts)", "toStartOfHour", 30, _MINIMUM_HOURS_KEPT),
)
BY_STEP = {resolution.step: resolution for resolution in RESOLUTIONS}

_TIME = "ts DateTime('UTC') CODEC(DoubleDelta, LZ4)"
_METRIC = f"""{_TIME}, line UInt64, side UInt8, metric UInt32, label LowCardinality(String),
  count SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
  bytes SimpleAggregateFunction(sum, UInt64) CODEC(T64, LZ4),
  total SimpleAggregateFunction(sum, Float64), least SimpleAggregateFunction(min, Float64),
  most SimpleAggregateFunction(max, Float64), last SimpleAggregateFunction(max, Tuple(UInt32, Float64)),
  histogram SimpleAggregateFunction(sumMap, Map(UInt16, UInt64))"""
_SEEN = f"""{_TIME}, host UInt64, seconds SimpleAggregateFunction(sum, Float64),
  batches SimpleAggregateFunction(sum, UInt64), rows SimpleAggregateFunction(sum, UInt64),
  unknown SimpleAggregateFunction(sum, UInt64), amounts SimpleAggregateFunction(sumMap, Map(String, Float64)),
  state SimpleAggregateFunction(max, Tuple(UInt32, String)), skew SimpleAggregateFunction(max, Tuple(UInt64, Int64))"""
_END = "{0}_process UInt64, {0}_address String, {0}_listen String, {0}_pids Array(UInt32)"

_ROLLED = {
    "metric": (_METRIC, "line, side, metric, label", {
        "count": "sum", "bytes": "sum", "total": "sum", "least": "min", "most": "max", "last": "max",
        "histogram": "sumMap",
    }),
    "seen": (_SEEN, "host", {
        "seconds": "sum", "batches": "sum", "rows": "sum", "unknown": "sum", "amounts": "sumMap", "state": "max",
        "skew": "max",
    }),
}  # fmt: skip

_ENTITIES = {
    "agent": "id UInt64, host String, version String, boot UInt64, probes String",
    "process": "id UInt64, host UInt64, name String, service String, instance String, container String, cgroup String",
    "edge": f"id UInt64, host UInt64, {_END.format('client')}, {_END.format('server')}, transport String, "
    "protocol String, security String, sni Array(String), alpn Array(String), own UInt8",
    "listener": f"id UInt64, host UInt64, {_END.format('process')}",
}


def prepare(store: Store, retention_hours: int) -> int:
    """Makes the tables that are missing and sets how long they keep; returns the store's id. Raises StoreError, also
    when a newer version made them."""
    store.command(f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic")
    store.command(
        f"CREATE TABLE IF NOT EXISTS {DATABASE}.about (version UInt32, id UInt64) ENGINE = MergeTree ORDER BY version"
        " SETTINGS fsync_after_insert = 1"
    )
    found = store.query(f"SELECT version, id FROM {DATABASE}.about ORDER BY version DESC LIMIT 1")
    if found and found[0]["version"] > VERSION:
        raise StoreError(
            f"the data are of schema version {found[0]['version']}, this hopscope knows {VERSION}; use the newer one"
        )
    for name, (columns, key, merges) in _ROLLED.items():
        _rolled(store, name, columns, key, merges, retention_hours)
    longest = BY_STEP["1h"].kept_hours(retention_hours)
    for name, columns in _ENTITIES.items():
        order = "id" if name in ("agent", "process") else "id, host"
        _table(store, name, f"{columns}, last DateTime('UTC')", "ReplacingMergeTree(last)", order, "", "last", longest)
    gap = f"{_TIME}, host UInt64, seconds UInt32, batches UInt64, cause String"
    _table(store, "gap", gap, "MergeTree", "host, ts", "", "ts", longest)
    if not found:
        store.command(f"INSERT INTO {DATABASE}.about SELECT {VERSION}, rand64()")
        found = store.query(f"SELECT id FROM {DATABASE}.about LIMIT 1")
    number: int = found[0]["id"]
    return number


def _rolled(store: Store, name: str, columns: str, key: str, merges: dict[str, str], retention_hours: int) -> None:
    finer: Resolution | None = None
    for resolution in RESOLUTIONS:
        table = f"{name}_{resolution.step}"
        kept = resolution.kept_hours(retention_hours)
        _table(store, table, columns, "AggregatingMergeTree", f"{key}, ts", resolution.partition, "ts", kept)
        if finer is not None:
            rolled = ", ".join(f"{merge}({column}) AS {column}" for column, merge in merges.items())
            store.command(
                f"CREATE MATERIALIZED VIEW IF NOT EXISTS {DATABASE}.{table}_rolled TO {DATABASE}.{table} AS"
                f" SELECT {resolution.start}(ts) AS ts, {key}, {rolled}"
                f" FROM {DATABASE}.{name}_{finer.step} GROUP BY ts, {key}"
            )
        finer = resolution


def _table(
    store: Store, name: str, columns: str, engine: str, order: str, partition: str, time: str, hours: int
) -> None:
    by = f"PARTITION BY {partition} " if partition else ""
    store.command(
        f"CREATE TABLE IF NOT EXISTS {DATABASE}.{name} ({columns}) ENGINE = {engine} {by}ORDER BY ({order})"
        f" TTL {time} + INTERVAL {hours} HOUR SETTINGS non_replicated_deduplication_window = {TOKEN_WINDOW},"
        # With partitions whole parts grow old and are dropped; without, old rows lie beside new ones and are rewritten.
        # Replaced parts go after a minute, not after eight.
        f" ttl_only_drop_parts = {int(bool(partition))}, old_parts_lifetime = 60, fsync_after_insert = 1,"
        " fsync_part_directory = 1"
    )
    store.command(f"ALTER TABLE {DATABASE}.{name} MODIFY TTL {time} + INTERVAL {hours} HOUR")
