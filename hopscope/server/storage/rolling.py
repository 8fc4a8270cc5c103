"""How rows of seconds become those of minutes and hours: the same rows at the start of their step. Pure.

The engine merges them, as it merges those of one second. Each table is inserted into by itself, under the same token:
views that cascade do this, too, but after a crash between two tables one of them now and then did not know a token
that it had (ClickHouse 26.9), and counted a batch twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from hopscope.server.storage.native import written
from hopscope.server.storage.store import Insert
from hopscope.server.storage.tables.kept import RESOLUTIONS

SECONDS = "_1s"
"""How the name of a table of seconds ends."""


def steps(insert: Insert) -> Iterator[Insert]:
    """An insert into a table NAME_1s as those into NAME_1s, NAME_1m and NAME_1h; any other as it is."""
    name = insert.table.removesuffix(SECONDS)
    if name == insert.table:
        yield insert
        return
    # Only the moments differ: all else is written once.
    columns = [column if column.name == "ts" else replace(column, values=written(column)) for column in insert.columns]
    for resolution in RESOLUTIONS:
        columns = [
            replace(column, values=_floored(column.values, resolution.seconds)) if column.name == "ts" else column
            for column in columns
        ]
        yield Insert(f"{name}_{resolution.step}", tuple(columns), insert.rows)


def moments(insert: Insert) -> tuple[str, list[int]]:
    """The table without its step, and the seconds that its rows are of; of one that is not rolled up none."""
    name = insert.table.removesuffix(SECONDS)
    if name == insert.table:
        return name, []
    (seconds,) = (column.values for column in insert.columns if column.name == "ts")
    return name, np.unique(np.asarray(seconds, "<u4")).tolist()


def _floored(seconds: object, step: int) -> object:
    moments = np.asarray(seconds, "<u4")
    return moments - moments % np.uint32(step)
