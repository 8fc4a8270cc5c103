"""Does an engine do what the Store interface promises?"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hopscope.server.storage.native import Coded, Column, Lists, joined, lists
from hopscope.server.storage.schema import prepare
from hopscope.server.storage.store import Insert, Store, StoreError
from hopscope.server.storage.tables.kept import Retention

from .nodes import ENGINES, engine

ROWS = 300
RETENTION = Retention(24, 168, 4320)
SECOND = int(time.time()) // 3600 * 3600 - 60


@pytest.fixture(scope="module", params=ENGINES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with engine(request.param) as opened:
        yield opened
        # Twice is harmless.
        opened.close()


def local(store: Store, name: str) -> str:
    return f"{name}_local" if store.cluster else name


def part(column: Column, rows: slice) -> Column:
    values = column.values
    if isinstance(values, Coded):
        codes = np.asarray(values.codes)[rows]
        words = [values.words[code] for code in codes][::-1]
        return replace(column, values=Coded(words, np.arange(len(codes))[::-1]))
    if isinstance(values, Lists):
        ends = [0, *values.ends]
        first, last = ends[rows.start], ends[rows.stop]
        cut = tuple(part[first:last] for part in values.parts)
        return replace(column, values=Lists(np.asarray(values.ends[rows]) - first, cut))
    if isinstance(values, tuple):
        return replace(column, values=tuple(one[rows] for one in values))
    return replace(column, values=values[rows])


def test_each_kind_of_column_comes_back(store: Store) -> None:
    store.command(
        "CREATE TABLE kinds (a UInt8, b UInt64, c Int64, d Float64, e DateTime('UTC'), f String,"
        " g LowCardinality(String), h Array(UInt32), i Array(String), j Map(UInt16, UInt64), k Tuple(UInt32, String))"
        " ENGINE = MergeTree ORDER BY b"
    )
    numbers = np.arange(ROWS)
    words = [f"word {number}" for number in range(ROWS)]
    arrays = [list(range(number % 4)) for number in range(ROWS)]
    ends = np.cumsum([len(array) for array in arrays])
    flat = [item for array in arrays for item in array]
    columns = (
        Column("a", "UInt8", numbers % 256),
        Column("b", "UInt64", numbers.astype("u8") + np.uint64(2**63)),
        Column("c", "Int64", -numbers),
        Column("d", "Float64", numbers / 8),
        Column("e", "DateTime", numbers + SECOND),
        Column("f", "String", [word + "ä" * (index % 200) for index, word in enumerate(words)]),
        Column("g", "LowCardinality(String)", Coded(words, numbers)),
        Column("h", "Array(UInt32)", lists(arrays)),
        Column("i", "Array(String)", lists([[str(item) for item in array] for array in arrays])),
        Column("j", "Map(UInt16, UInt64)", Lists(ends, (flat, flat))),
        Column("k", "Tuple(UInt32, String)", (numbers, words)),
    )
    # In three parts, one of them without a row.
    parts = [tuple(part(column, slice(*cut)) for column in columns) for cut in ((0, 100), (100, 100), (100, ROWS))]
    store.insert(Insert("kinds", joined(parts), ROWS), "kinds-1")
    found = store.query("SELECT *, toUnixTimestamp(e) AS e FROM kinds ORDER BY b")
    assert len(found) == ROWS
    for number, row in enumerate(found):
        assert [row[name] for name in "abcd"] == [number % 256, number + 2**63, -number, number / 8]
        assert (row["e"], row["f"], row["g"]) == (SECOND + number, words[number] + "ä" * (number % 200), words[number])
        assert row["h"] == arrays[number] and row["i"] == [str(item) for item in arrays[number]]
        assert row["j"] == {str(item): item for item in arrays[number]} and row["k"] == [number, words[number]]


def test_parameters_are_never_read_as_sql(store: Store) -> None:
    hostile = "'; DROP TABLE x; -- \\ \n {a:String}"
    (row,) = store.query("SELECT {text:String} AS text, {ids:Array(UInt64)} AS ids", text=hostile, ids=[1, 2**64 - 1])
    assert row == {"text": hostile, "ids": [1, 2**64 - 1]}


def test_a_token_counts_once_in_the_rollups_too(store: Store) -> None:
    first = prepare(store, RETENTION)
    assert prepare(store, Retention(48, 168, 4320)) == first
    columns = (
        Column("ts", "DateTime", [SECOND, SECOND + 1]),
        Column("host", "UInt64", [1, 1]),
        Column("batches", "UInt64", [1, 1]),
    )
    for token in ("a-1", "a-2", "a-1", "a-2", "a-1"):
        store.insert(Insert("seen_1s", columns, 2), token)
    for step in ("1s", "1m", "1h"):
        (row,) = store.query(f"SELECT sum(batches) AS n FROM seen_{step}")
        assert row["n"] == 4


def test_a_share_of_the_rows_is_on_each_node_and_all_are_answered(store: Store) -> None:
    prepare(store, RETENTION)
    lines = np.arange(1000, 2000)
    columns = (
        Column("ts", "DateTime", np.full(1000, SECOND)),
        Column("line", "UInt64", lines),
        Column("count", "UInt64", lines),
    )
    for token in ("share-1", "share-1", "share-2"):
        store.insert(Insert("metric_1s", columns, 1000), token)
    known = (
        Column("id", "UInt64", lines),
        Column("own", "UInt8", lines % 2),
        Column("last", "DateTime", np.full(1000, SECOND)),
    )
    store.insert(Insert("edge", known, 1000), "edges")
    for step in ("1s", "1m", "1h"):
        rows = store.query(
            f"SELECT line, sum(count) AS count, count() OVER () AS lines FROM metric_{step} WHERE line IN"
            " (SELECT id FROM edge FINAL WHERE own = {own:UInt8}) GROUP BY line ORDER BY count DESC LIMIT 3",
            own=1,
        )
        assert [(row["line"], row["count"], row["lines"]) for row in rows] == [
            (line, 2 * line, 500) for line in (1999, 1997, 1995)
        ]
        joined = store.query(
            f"SELECT sum(m.count) AS count FROM (SELECT line, sum(count) AS count FROM metric_{step} GROUP BY line)"
            " AS m JOIN (SELECT id FROM edge FINAL) AS e ON e.id = m.line"
        )
        assert joined == [{"count": int(2 * lines.sum())}]
    here = store.query(f"SELECT count(DISTINCT line) AS lines FROM {local(store, 'metric_1m')}")[0]["lines"]
    assert 300 < here < 700 if store.cluster else here == 1000


def test_many_parameters(store: Store) -> None:
    ids = list(range(1 << 60, (1 << 60) + 20_000))
    (row,) = store.query("SELECT length({ids:Array(UInt64)}) AS n", ids=ids)
    assert row["n"] == 20_000


def test_what_fails_says_so_and_harms_nothing(store: Store) -> None:
    with pytest.raises(StoreError, match="nowhere"):
        store.query("SELECT * FROM nowhere")
    with pytest.raises(StoreError):
        store.insert(Insert("nowhere", (Column("a", "UInt8", [1]),), 1), "t")
    with pytest.raises(StoreError):
        store.command("NO SQL")
    assert store.query("SELECT 1 AS one") == [{"one": 1}]


def test_seconds_are_forgotten_in_time(store: Store) -> None:
    prepare(store, RETENTION)
    kept = {
        row["name"]: row["kept"]
        for row in store.query(
            "SELECT replaceOne(name, '_local', '') AS name,"
            " extract(create_table_query, 'toIntervalHour\\\\((\\\\d+)\\\\)') AS kept FROM system.tables"
            " WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"
        )
    }
    assert kept["metric_1s"] == kept["seen_1s"] == "24"
    assert int(kept["metric_1m"]) >= 7 * 24 and int(kept["metric_1h"]) >= 180 * 24 and int(kept["edge"]) >= 180 * 24


def test_a_name_not_heard_for_long_is_forgotten_beside_one_that_is(store: Store) -> None:
    prepare(store, RETENTION)
    for number, last in ((1, SECOND - 400 * 86400), (2, SECOND)):
        columns = (Column("id", "UInt64", [number]), Column("last", "DateTime", [last]))
        store.insert(Insert("process", columns, 1), f"process-{number}")
    store.command(f"OPTIMIZE TABLE {local(store, 'process')} FINAL")
    assert [row["id"] for row in store.query("SELECT id FROM process")] == [2]


def test_a_directory_has_one_owner(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from hopscope.server.storage.embedded import Embedded\n"
    hold = code + "held = Embedded(Path(sys.argv[1])); print('open', flush=True); input()"
    held = subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert held.stdout is not None and held.stdout.readline() == b"open\n"
    second = subprocess.run(
        [sys.executable, "-c", code + "Embedded(Path(sys.argv[1]))", str(tmp_path)], capture_output=True
    )
    held.communicate(b"\n")
    assert second.returncode == 1 and b"StoreError: cannot open the store" in second.stderr


def test_an_insert_that_a_kill_cut_off_is_done_again(tmp_path: Path) -> None:
    """Between the engine's note of a token and its part's name there is no moment to kill it at: the part is taken."""
    name = "from hopscope.server.storage."
    code = f"""
import os, sys
from pathlib import Path
{name}embedded import Embedded
{name}native import Column
{name}store import Insert
store = Embedded(Path(sys.argv[1]))
for table in ("cut", "whole"):
    store.command(f"CREATE TABLE IF NOT EXISTS {{table}} (id UInt64) ENGINE = MergeTree ORDER BY id"
                  " SETTINGS non_replicated_deduplication_window = 100")
    for number in (1, 2, 3):
        store.insert(Insert(table, (Column("id", "UInt64", [number]),), 1), f"token {{number}}")
print([[row["id"] for row in store.query(f"SELECT id FROM {{table}} ORDER BY id")] for table in ("cut", "whole")])
sys.stdout.flush()
os.kill(os.getpid(), 9)
"""

    def killed() -> str:
        command = [sys.executable, "-c", code, str(tmp_path)]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60).stdout.strip()

    assert killed() == "[[1, 2, 3], [1, 2, 3]]"
    (table,) = (Path(link) for link in (tmp_path / "store" / "data" / "hopscope").iterdir() if link.name == "cut")
    shutil.rmtree(table / "all_3_3_0")
    assert killed() == "[[1, 2, 3], [1, 2, 3]]"
