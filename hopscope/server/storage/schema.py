"""Which version the tables are of, and how a store comes to ours: forward only, a version at a time."""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from hopscope.server.storage.native import Column
from hopscope.server.storage.store import Insert, Store, StoreError
from hopscope.server.storage.tables import ALL
from hopscope.server.storage.tables.kept import Retention
from hopscope.server.storage.tables.kinds import Rolled, Table
from hopscope.server.storage.tables.lines import BEGUN, LINE

# Of a table that is older than its dedup window the token has no effect; that is an embedded one, and has one owner.
_ABOUT = (
    "CREATE TABLE IF NOT EXISTS about{local} (version UInt32, id UInt64) ENGINE = MergeTree ORDER BY version"
    " SETTINGS fsync_after_insert = 1, non_replicated_deduplication_window = 100"
)


def single(tables: Iterable[Table | Rolled]) -> tuple[Table, ...]:
    """The tables, of those that are rolled up each step's."""
    return tuple(one for table in tables for one in (table.tables if isinstance(table, Rolled) else (table,)))


def newest(tables: Iterable[Table | Rolled] = ALL) -> int:
    """The version of a store with these tables."""
    return max(field.since for table in single(tables) for field in table.fields)


def version(store: Store) -> int:
    """The version that a store is of; 0: it has no tables. Raises StoreError."""
    found = store.query("SELECT 1 FROM system.tables WHERE database = currentDatabase() AND name = 'about'")
    if not found:
        return 0
    number: int = store.query("SELECT max(version) AS version FROM about")[0]["version"]
    return number


def prepare(store: Store, retention: Retention, tables: tuple[Table | Rolled, ...] = ALL) -> int:
    """Brings the tables to the newest version and sets how long they keep; returns the store's id. Raises StoreError,
    also when a newer hopscope made them."""
    known = newest(tables)
    for statement in _about(store.cluster):
        store.command(statement)
    found = version(store)
    if found > known:
        raise StoreError(f"the data are of schema version {found}, this hopscope knows {known}; use the newer one")
    # From the first on also when it is of the newest: a node may have joined the cluster since.
    for number in range(1, known + 1):
        for one in single(tables):
            for statement in one.statements(number, store.cluster):
                store.command(statement)
    if LINE in tables:
        _begin(store)
    for view in (view for table in tables if isinstance(table, Rolled) for view in table.views):
        store.command(f"DROP VIEW IF EXISTS {view} SYNC")
    for number in range(found + 1, known + 1):
        _reached(store, number)
    for one in single(tables):
        store.command(one.keeps(retention.hours_of(one.kept), store.cluster))
    identity: int = store.query("SELECT min(id) AS id FROM about")[0]["id"]
    return identity


def _begin(store: Store) -> None:
    """Of what an older version stored the table of lines has nothing, also where an agent's clock was ahead."""
    here, before, lines = (
        store.query(f"SELECT 1 FROM {table} LIMIT 1") for table in (BEGUN.name, "metric_1h", f"{LINE.name}_1h")
    )
    if before and not lines and not here:
        (row,) = store.query("SELECT toUnixTimestamp(greatest(now(), max(ts))) + 1 AS since FROM metric_1s")
        columns = (Column("rolled", "UInt8", [1]), Column("since", "DateTime", [row["since"]]))
        store.insert(Insert(BEGUN.name, columns, 1), f"begun-{row['since']}")


def _about(cluster: str | None) -> Iterable[str]:
    yield _ABOUT.format(local="_local" if cluster else "")
    if cluster:
        # All of it on one node, where the token of the first row is decided.
        yield (
            "CREATE TABLE IF NOT EXISTS about AS about_local"
            f" ENGINE = Distributed({cluster}, currentDatabase(), about_local, 0 * version)"
        )


def _reached(store: Store, number: int) -> None:
    # Of several servers that begin with a cluster at once the first decides about its id.
    known = store.query("SELECT id FROM about LIMIT 1")
    identity = known[0]["id"] if known else secrets.randbits(63) + 1
    columns = (Column("version", "UInt32", [number]), Column("id", "UInt64", [identity]))
    store.insert(Insert("about", columns, 1), f"version-{number}")
