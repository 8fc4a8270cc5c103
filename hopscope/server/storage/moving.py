"""Embedded data into a cluster: table by table, in parts that are each stored once however often they are sent.

What is to be moved is planned before anything is, and kept in a file beside the data with what is done already; so a
move that was broken off goes on. The source must not change meanwhile: its folder is ours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hopscope.server.storage.care import close, hours
from hopscope.server.storage.clickhouse import ClickHouse
from hopscope.server.storage.embedded import Embedded
from hopscope.server.storage.schema import single
from hopscope.server.storage.store import StoreError
from hopscope.server.storage.tables import ALL
from hopscope.server.storage.tables.kinds import Rolled, Table

_ROWS = 200_000
"""Rows of a part, unless one step in time has more."""
_BLOCK = 10_000_000


@dataclass(frozen=True, slots=True)
class Progress:
    """Parts of a table that are in the cluster."""

    table: str
    done: int
    parts: int


def move(source: Embedded, target: ClickHouse, identity: int, file: Path, to: str) -> Iterator[Progress]:
    """Moves what is not moved yet. Both are of the newest schema version; `identity`: the source's id; `to`: the
    target, as text. Raises StoreError; then it may be called again."""
    plan = _plan(source, target, file, to)
    done = set(plan["done"])
    for table in single(ALL):
        parts = plan["tables"].get(table.name, [])
        for number, (first, after) in enumerate(parts):
            token = f"moved-{identity:016x}-{table.name}-{first}-{after}"
            if token not in done:
                names = [field.name for field in table.fields]
                data = source.native(
                    f"SELECT {', '.join(names)} FROM {table.name} WHERE {_of_part(table, first, after)}"
                    f" ORDER BY {table.order} SETTINGS max_block_size = {_BLOCK}"
                )
                if data:
                    target.insert_native(table.name, names, data, token)
                done.add(token)
                _keep(file, {**plan, "done": sorted(done)})
            yield Progress(table.name, number + 1, len(parts))
    if plan["alone"]:
        _compare(source, target)


def _plan(source: Embedded, target: ClickHouse, file: Path, to: str) -> dict[str, Any]:
    if file.exists():
        plan: dict[str, Any] = json.loads(file.read_text())
        if plan["to"] != to:
            raise StoreError(f"a move to {plan['to']} is under way; finish it, or remove {file} to begin anew")
        return plan
    filled = any(target.query(f"SELECT 1 FROM {table.name} LIMIT 1") for table in single(ALL))
    plan = {"to": to, "alone": not filled, "tables": {t.name: _parts(source, t) for t in single(ALL)}, "done": []}
    _keep(file, plan)
    return plan


def _keep(file: Path, plan: dict[str, Any]) -> None:
    written = file.with_name(file.name + ".part")
    written.write_text(json.dumps(plan))
    written.rename(file)


def _parts(source: Embedded, table: Table) -> list[tuple[int, int]]:
    """Of a table with partitions spans of time, of others slices of their rows: (which, of how many)."""
    if not table.partition:
        (row,) = source.query(f"SELECT count() AS rows FROM {table.name}")
        slices = math.ceil(row["rows"] / _ROWS)
        return [(number, slices) for number in range(slices)]
    counted = source.query(
        f"SELECT toUnixTimestamp({table.time}) AS second, count() AS rows FROM {table.name} GROUP BY second"
        " ORDER BY second"
    )
    parts: list[tuple[int, int]] = []
    rows = 0
    for row in counted:
        if parts and rows + row["rows"] <= _ROWS:
            parts[-1] = parts[-1][0], row["second"] + 1
            rows += row["rows"]
        else:
            parts.append((row["second"], row["second"] + 1))
            rows = row["rows"]
    return parts


def _of_part(table: Table, first: int, after: int) -> str:
    if table.partition:
        return f"{table.time} >= toDateTime({first}) AND {table.time} < toDateTime({after})"
    return f"cityHash64({table.order}) % {after} = {first}"


def _compare(source: Embedded, target: ClickHouse) -> None:
    """Raises StoreError when what adds up in an hour is not the same at both."""
    for rolled in (table for table in ALL if isinstance(table, Rolled)):
        for step in ("1s", "1m", "1h"):
            here, there = hours(source, rolled, step), hours(target, rolled, step)
            wrong = [hour for hour in here if hour not in there or not close(here[hour], there[hour])]
            if wrong:
                raise StoreError(f"{len(wrong)} hours of {rolled.name}_{step} are not the same at both after the move")
