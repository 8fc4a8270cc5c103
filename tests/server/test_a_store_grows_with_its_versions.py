"""Are data of each earlier schema version answered by this one, and does a step to a later one lose nothing?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hopscope.server.query.windows import text
from hopscope.server.storage.embedded import Embedded
from hopscope.server.storage.native import Column
from hopscope.server.storage.schema import newest, prepare, version
from hopscope.server.storage.store import Insert, Store, StoreError
from hopscope.server.storage.tables import ALL
from hopscope.server.storage.tables.kept import Retention
from hopscope.server.storage.tables.kinds import Rolled, events, fields

from .conftest import Server
from .questions import EDGES

TABLES_1 = Path(__file__).with_name("schema_1.sql")
ROWS_1 = """
INSERT INTO about VALUES (1, 4711);
INSERT INTO agent VALUES (5, 'host-a', '0.1.0', 9, '{{}}', {second});
INSERT INTO process VALUES (11, 5, 'shop', 'web', 'pod-1', '', '/shop', {second});
INSERT INTO edge (id, host, client_process, client_address, server_address, transport, protocol, security, own, last)
  VALUES (21, 5, 11, '10.0.0.1', '10.0.0.2:80', 'tcp', 'http', 'none', 0, {second});
INSERT INTO metric_1s (ts, line, side, metric, label, count, bytes) VALUES
  ({second}, 21, 1, 1, '', 7, 700), ({second} + 1, 21, 1, 1, '', 3, 300);
INSERT INTO seen_1s (ts, host, seconds, batches, rows) VALUES ({second}, 5, 1, 1, 1), ({second} + 1, 5, 1, 1, 1);
"""
MAKE = """
import sys
from pathlib import Path
from hopscope.server.storage.embedded import Embedded
store = Embedded(Path(sys.argv[1]))
for statement in sys.stdin.read().split(";\\n"):
    if statement.strip():
        store.command(statement)
store.close()
"""
TOPOLOGY = """query($window: WindowInput!) {
  topology(instance: "pod-1", window: $window) { edges { bytesRate clientSeen serverSeen } } }"""
RETENTION = Retention(24, 168, 4320)


def test_data_of_version_1_are_answered(make_server: Callable[..., Server]) -> None:
    server = make_server()
    second = int(time.time()) // 3600 * 3600 - 3000
    data = server.folder / "data"
    data.mkdir()
    made = TABLES_1.read_text() + ROWS_1.format(second=second)
    subprocess.run([sys.executable, "-c", MAKE, str(data)], input=made, text=True, check=True, timeout=60)
    for _ in range(2):
        server.start()
        for start, seconds in ((second, 2), (second // 60 * 60, 60), (second // 3600 * 3600, 3600)):
            window = {"from": text(start), "to": text(start + seconds)}
            answer = server.ask(EDGES, window=window)["edges"]
            (edge,) = answer["edges"]
            assert edge["client"]["process"] == "shop" and edge["label"] == "HTTP"
            write = next(one for one in edge["clientSide"]["metrics"] if one["metric"] == "write")
            assert (write["count"], write["bytes"]) == (10, 1000)
            assert answer["completeness"][0]["secondsRecorded"] == 2
            # It asks for the sums of lines, which there were none of then.
            (shown,) = server.ask(TOPOLOGY, window=window)["topology"]["edges"]
            assert shown == {"bytesRate": 500, "clientSeen": True, "serverSeen": False}
        server.stop()


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    with tempfile.TemporaryDirectory(prefix="hopscope-") as folder:
        opened = Embedded(Path(folder))
        yield opened
        opened.close()


def test_a_later_version_adds_columns_and_tables_and_keeps_the_rows(store: Store) -> None:
    now = int(time.time()) // 3600 * 3600 - 3600
    first = (
        Rolled("sum", fields(1, line="UInt64"), fields(1, count="SimpleAggregateFunction(sum, UInt64)"), "line"),
        events("word", "id", fields(1, id="UInt64", ts="DateTime64(3)"), "id", "ts"),
    )
    rolled = first[0]
    assert isinstance(rolled, Rolled)
    later = (
        replace(rolled, values=rolled.values + fields(2, most="SimpleAggregateFunction(max, UInt64)")),
        events("word", "id", fields(1, id="UInt64", ts="DateTime64(3)") + fields(3, said="String"), "id", "ts"),
        events("novel", "id", fields(2, id="UInt64", ts="DateTime") + fields(3, end="UInt8"), "id", "ts"),
    )
    identity = prepare(store, RETENTION, first)
    assert version(store) == 1
    old = (Column("ts", "DateTime", [now]), Column("line", "UInt64", [1]), Column("count", "UInt64", [5]))
    store.insert(Insert("sum_1s", old, 1), "a")
    for _ in range(2):
        assert prepare(store, RETENTION, later) == identity
        assert version(store) == newest(later) == 3
    store.insert(Insert("sum_1s", (*old, Column("most", "UInt64", [9])), 1), "b")
    # As one that began before: it does not know the new column.
    store.insert(Insert("sum_1s", old, 1), "c")
    for step in ("1s", "1m", "1h"):
        (row,) = store.query(f"SELECT sum(count) AS count, max(most) AS most FROM sum_{step}")
        assert row == {"count": 15, "most": 9}
    store.command("INSERT INTO word VALUES (1, 0, 'w')")
    store.command("INSERT INTO novel VALUES (1, 0, 2)")
    with pytest.raises(StoreError, match="schema version 3, this hopscope knows 1"):
        prepare(store, RETENTION, first)


def test_each_table_says_what_is_its_shard_and_its_age() -> None:
    for table in ALL:
        for one in table.tables if isinstance(table, Rolled) else (table,):
            assert {one.shard, one.time} <= {field.name for field in one.fields}, one.name
            assert min(field.since for field in one.fields) >= 1
