"""What a store holds, whether it is sound, and how it is made smaller."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hopscope.server.storage.schema import newest, single, version
from hopscope.server.storage.store import Store, StoreError
from hopscope.server.storage.tables import ALL
from hopscope.server.storage.tables.kinds import Field, Rolled, Table

_ROUNDS, _PAUSE_SECONDS = 5, 1.0
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Held:
    """One table on all nodes. Oldest and newest row: Unix time, 0 when it is empty."""

    name: str
    rows: int
    bytes: int
    oldest: int
    newest: int


@dataclass(frozen=True, slots=True)
class Disk:
    """The disk that a node writes to."""

    node: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Status:
    """What a store holds. `known`: the newest schema version that this hopscope knows."""

    version: int
    known: int
    tables: tuple[Held, ...]
    disks: tuple[Disk, ...]


def status(store: Store) -> Status:
    """Raises StoreError."""
    found = version(store)
    if not found:
        raise StoreError("there are no data of hopscope")
    parts: dict[str, tuple[int, int]] = {}
    for rows in store.each(
        "SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes FROM system.parts"
        " WHERE active AND database = currentDatabase() GROUP BY table"
    ).values():
        for row in rows:
            name = row["table"].removesuffix("_local")
            before = parts.get(name, (0, 0))
            parts[name] = before[0] + row["rows"], before[1] + row["bytes"]
    held = []
    for table in single(ALL):
        if table.since > found:
            continue
        (age,) = store.query(
            f"SELECT toUnixTimestamp(toDateTime(min({table.time}))) AS oldest,"
            f" toUnixTimestamp(toDateTime(max({table.time}))) AS newest FROM {table.name}"
        )
        held.append(Held(table.name, *parts.get(table.name, (0, 0)), age["oldest"], age["newest"]))
    disks = [
        Disk(node, row["free_space"], row["total_space"])
        for node, rows in store.each("SELECT free_space, total_space FROM system.disks WHERE name = 'default'").items()
        for row in rows
    ]
    return Status(found, newest(), tuple(held), tuple(disks))


def faults(store: Store) -> list[str]:
    """What is wrong with the data, a line each; none: they are sound. Raises StoreError."""
    found = version(store)
    said = []
    for table in single(ALL):
        if table.since <= found:
            said += _damaged(store, table)
    for node, rows in store.each(
        "SELECT table, count() AS parts, any(reason) AS reason FROM system.detached_parts"
        " WHERE database = currentDatabase() GROUP BY table"
    ).items():
        said += [f"{_at(node)}{row['table']}: {row['parts']} parts were set aside ({row['reason']})" for row in rows]
    for rolled in ALL:
        if isinstance(rolled, Rolled) and rolled.tables[0].since <= found:
            try:
                said += _unequal(store, rolled)
            except StoreError as error:
                said.append(f"{rolled.name}: cannot be read: {error}")
    return said


def _damaged(store: Store, table: Table) -> list[str]:
    try:
        checked = store.each(f"CHECK TABLE {local(store, table.name)}")
    except StoreError as error:
        return [f"{table.name}: cannot be read: {error}"]
    return [
        f"{_at(node)}{table.name}: part {row.get('part_path', '')} is damaged: {row.get('message', '')}".strip()
        for node, rows in checked.items()
        for row in rows
        if not row.get("is_passed", row.get("result", 1))
    ]


def hours(store: Store, rolled: Rolled, step: str, since: int = 0) -> dict[int, tuple[float, ...]]:
    """For each hour of a step's table the sums of all that adds up."""
    sums = ", ".join(f"{_sum(field.name, field.kind)} AS {field.name}" for field in _adding(rolled))
    rows = store.query(
        f"SELECT toUnixTimestamp(toStartOfHour(ts)) AS hour, {sums} FROM {rolled.name}_{step}"
        " WHERE ts >= toDateTime({since:UInt32}) GROUP BY hour",
        since=since,
    )
    return {row["hour"]: tuple(row[field.name] for field in _adding(rolled)) for row in rows}


def close(first: Sequence[float], second: Sequence[float]) -> bool:
    """Whether sums are the same; those of floating point numbers depend on their order."""
    return all(abs(a - b) <= 1e-9 * max(abs(a), abs(b)) for a, b in zip(first, second, strict=True))


def expire(store: Store, before: int) -> dict[str, int]:
    """Removes what is older than a moment, in whole hours, from each table; returns how many rows. Raises
    StoreError."""
    before = before // _HOUR * _HOUR
    found, removed = version(store), {}
    for table in single(ALL):
        if table.since > found:
            continue
        sql = f"SELECT count() AS rows FROM {table.name} WHERE {table.time} < toDateTime({{before:UInt32}})"
        (row,) = store.query(sql, before=before)
        if row["rows"]:
            # Answered when it is done, on each node.
            store.command(
                f"ALTER TABLE {local(store, table.name)} DELETE WHERE {table.time} < toDateTime({before})"
                " SETTINGS mutations_sync = 1"
            )
            removed[table.name] = row["rows"]
    return removed


def shrink(store: Store, limit: int) -> Iterator[str]:
    """Drops the oldest seconds, then minutes, until no node has more bytes than the limit; says what it drops before
    it does. The newest partition of each table stays. Raises StoreError."""
    steps = [[table for table in single(ALL) if table.partition and table.kept == step] for step in ("1s", "1m")]
    for tables in steps:
        while max(_bytes(store).values(), default=0) > limit:
            oldest = _oldest(store, tables)
            if oldest is None:
                break
            names = [table.name for table in tables if table.partition == oldest[0]]
            yield f"the data are larger than {limit} bytes: {', '.join(names)} of {oldest[1]} are dropped"
            for name in names:
                store.command(f"ALTER TABLE {local(store, name)} DROP PARTITION ID '{oldest[2]}'")


def local(store: Store, name: str) -> str:
    """A node's share of a table."""
    return f"{name}_local" if store.cluster else name


def _oldest(store: Store, tables: Sequence[Table]) -> tuple[str, str, str] | None:
    """How the oldest partition is made, its name and its id; None when each table has one partition only."""
    names = [local(store, table.name) for table in tables]
    rows = [
        row
        for found in store.each(
            "SELECT table, partition, partition_id FROM system.parts WHERE active AND database = currentDatabase()"
            f" AND table IN ({', '.join(repr(name) for name in names)}) GROUP BY ALL ORDER BY partition_id"
        ).values()
        for row in found
    ]
    if len({row["partition_id"] for row in rows}) < 2:
        return None
    first = min(rows, key=lambda row: str(row["partition_id"]))
    made = next(table for table in tables if local(store, table.name) == first["table"])
    return made.partition, first["partition"], first["partition_id"]


def _bytes(store: Store) -> Mapping[str, int]:
    found = store.each(
        "SELECT sum(bytes_on_disk) AS bytes FROM system.parts WHERE active AND database = currentDatabase()"
    )
    return {node: rows[0]["bytes"] for node, rows in found.items()}


def _unequal(store: Store, rolled: Rolled) -> list[str]:
    """Hours of which the roll-ups are not the sum of the seconds. Asked again: between two questions rows may come."""
    said: list[str] = []
    for round_ in range(_ROUNDS):
        seconds = hours(store, rolled, "1s")
        oldest = min(seconds, default=0)
        said = []
        for step in ("1m", "1h"):
            found = hours(store, rolled, step, oldest)
            nothing = (0,) * len(_adding(rolled))
            said += [
                f"{rolled.name}_{step} is not the sum of the seconds in the hour {_moment(hour)}"
                for hour in sorted(seconds.keys() | found.keys())
                if not close(seconds.get(hour, nothing), found.get(hour, nothing))
            ]
        if not said:
            break
        if round_ < _ROUNDS - 1:
            time.sleep(_PAUSE_SECONDS)
    return said


def _adding(rolled: Rolled) -> list[Field]:
    return [field for field in rolled.values if field.kind.startswith("SimpleAggregateFunction(sum")]


def _sum(name: str, kind: str) -> str:
    return f"sum(arraySum(mapValues({name})))" if kind.startswith("SimpleAggregateFunction(sumMap") else f"sum({name})"


def _at(node: str) -> str:
    return f"{node}: " if node else ""


def _moment(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%MZ", time.gmtime(second))
