"""What kinds of tables there are, and the statements that bring each from one schema version to the next. Pure.

A table is declared once, as it is now; each of its columns says since which version it exists. The statements follow:
CREATE with the columns of the table's first version, ALTER for those of a later one. All of them may run again.

On a cluster a table is two: NAME_local holds a node's share, NAME reaches all shares. A row's share is chosen by
`shard`, so that rows that are merged or replaced by each other meet on one node.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from hopscope.server.storage.tables.kept import RESOLUTIONS, Kept, Step

TOKEN_WINDOW = 20_000
"""Inserts of each table whose tokens are remembered: 33 agents with ten minutes each to send again."""
Engine = Literal["MergeTree", "ReplacingMergeTree", "ReplacingMergeTree(last)", "AggregatingMergeTree"]
# Seconds have hardly a row to merge with another, and to look for one made merges of parts take twice the CPU. Tables
# of older stores stay as they are: who asks adds up in any case.
_ROLLED_ENGINE: Mapping[Step, Engine] = {
    "1s": "MergeTree", "1m": "AggregatingMergeTree", "1h": "AggregatingMergeTree",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A column as the engine declares it."""

    name: str
    kind: str
    since: int


def fields(since: int, /, **kinds: str) -> tuple[Field, ...]:
    """Columns that exist since a version, by name."""
    return tuple(Field(name, kind, since) for name, kind in kinds.items())


@dataclass(frozen=True, slots=True)
class Table:
    """One table. `time`: the column that says how old a row is; `kept`: as long as the rows of this step."""

    name: str
    fields: tuple[Field, ...]
    engine: Engine
    order: str
    shard: str
    time: str
    kept: Kept
    partition: str = ""

    @property
    def since(self) -> int:
        """The version that it came with."""
        return min(field.since for field in self.fields)

    def statements(self, version: int, cluster: str | None) -> Iterator[str]:
        """What makes it of the version before one of this version."""
        new = [field for field in self.fields if field.since == version]
        local = _local(self.name, cluster)
        if version == self.since:
            columns = ", ".join(f"{field.name} {field.kind}" for field in new)
            by = f"PARTITION BY {self.partition} " if self.partition else ""
            yield (
                f"CREATE TABLE IF NOT EXISTS {local} ({columns}) ENGINE = {self.engine} {by}ORDER BY ({self.order})"
                f" SETTINGS non_replicated_deduplication_window = {TOKEN_WINDOW},"
                # With partitions whole parts grow old and are dropped; without, old rows lie beside new ones and are
                # rewritten. Replaced parts go after a minute, not after eight.
                f" ttl_only_drop_parts = {int(bool(self.partition))}, old_parts_lifetime = 60,"
                " fsync_after_insert = 1, fsync_part_directory = 1"
            )
            if cluster:
                yield (
                    f"CREATE TABLE IF NOT EXISTS {self.name} AS {local}"
                    f" ENGINE = Distributed({cluster}, currentDatabase(), {local}, {self.shard})"
                )
        elif new:
            added = ", ".join(f"ADD COLUMN IF NOT EXISTS {field.name} {field.kind}" for field in new)
            yield f"ALTER TABLE {local} {added}"
            if cluster:
                yield f"ALTER TABLE {self.name} {added}"

    def keeps(self, hours: int, cluster: str | None) -> str:
        """The statement that sets how long it keeps its rows."""
        kind = next(field.kind for field in self.fields if field.name == self.time)
        moment = f"toDateTime({self.time})" if kind.startswith("DateTime64") else self.time
        return f"ALTER TABLE {_local(self.name, cluster)} MODIFY TTL {moment} + INTERVAL {hours} HOUR"


@dataclass(frozen=True, slots=True)
class Rolled:
    """A table of seconds and what is rolled up from it, minutes and hours: NAME_1s, NAME_1m, NAME_1h. Who inserts into
    the first inserts into all (Store.insert).

    `key` names a row beside its time, each of `values` is a SimpleAggregateFunction. `by_time`: questions are about
    many rows of a short time, not about a few of a long one.
    """

    name: str
    key: tuple[Field, ...]
    values: tuple[Field, ...]
    shard: str
    by_time: bool = False

    @property
    def tables(self) -> tuple[Table, ...]:
        """The table of each step."""
        since = min(field.since for field in self.key)
        columns = (*fields(since, ts="DateTime('UTC') CODEC(DoubleDelta, LZ4)"), *self.key, *self.values)
        key = [field.name for field in self.key]
        order = ", ".join(["ts", *key] if self.by_time else [*key, "ts"])
        return tuple(
            Table(
                f"{self.name}_{resolution.step}", columns, _ROLLED_ENGINE[resolution.step], order, self.shard, "ts",
                resolution.step, resolution.partition,
            )
            for resolution in RESOLUTIONS
        )  # fmt: skip

    @property
    def views(self) -> tuple[str, ...]:
        """What rolled up in schema version 1."""
        return tuple(f"{table.name}_rolled" for table in self.tables[1:])


def entity(name: str, order: str, columns: tuple[Field, ...], kept: Kept = "1h") -> Table:
    """Things that have names: of rows of the same `order` the latest counts; read it with FINAL. `id` is its shard."""
    last = fields(min(field.since for field in columns), last="DateTime('UTC')")
    return Table(name, columns + last, "ReplacingMergeTree(last)", order, "id", "last", kept)


def events(name: str, order: str, columns: tuple[Field, ...], shard: str, time: str, kept: Kept = "1h") -> Table:
    """What happened: rows are added and stay."""
    return Table(name, columns, "MergeTree", order, shard, time, kept)


def merged(name: str, order: str, columns: tuple[Field, ...], shard: str, time: str, kept: Kept = "1h") -> Table:
    """Rows of the same `order` are one, whose other columns, each a SimpleAggregateFunction, are merged."""
    return Table(name, columns, "AggregatingMergeTree", order, shard, time, kept)


def _local(name: str, cluster: str | None) -> str:
    return f"{name}_local" if cluster else name
