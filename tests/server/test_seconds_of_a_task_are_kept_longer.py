"""Are a task's seconds still there, to the number, when the others are forgotten?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from hopscope.server.access.identity import Caller
from hopscope.server.analysis.entities import Name
from hopscope.server.analysis.tables import Told, inserts
from hopscope.server.analysis.tasks import Event, Task, body
from hopscope.server.keeping import HOUR, LATE_SECONDS, Keeping, due
from hopscope.server.query.edge_series import EdgeSeries
from hopscope.server.query.kept_longer import KeptLonger
from hopscope.server.query.reader import Reader
from hopscope.server.query.windows import Span
from hopscope.server.storage.store import Store
from hopscope.server.storage.tables.kept import Retention
from hopscope.server.tasks import Tasks

from .nodes import ENGINES, prepared
from .world import CLIENT, SERVER, Host, edge, line, now, traffic

POD = Name("shop", "cart-0")
SOMEBODY = Caller("somebody", "read")
SECONDS = 40
RETENTION = Retention(1, 24, 24)


@pytest.fixture(scope="module", params=ENGINES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with prepared(request.param) as opened:
        yield opened


def put(store: Store, start: int) -> dict[str, int]:
    host = Host("node-1")
    mine, other = host.process("cart", "shop", "cart-0"), host.process("other", "shop", "other-0")
    for number in range(SECONDS):
        batch = host.batch(start + number, processes=number == 0)
        of = edge(batch, (mine, "10.0.0.1"), (other, "10.0.0.2:80"))
        strange = edge(batch, (other, "10.0.0.2"), (0, "10.0.0.9:80"))
        for side in (CLIENT, SERVER):
            traffic(batch, of, side, 10 + number)
        traffic(batch, strange, CLIENT)
        for insert in inserts([Told(batch, 0, 0)]):
            store.insert(insert, f"{start}-{number}")
    return {"mine": line(mine, "10.0.0.2:80"), "strange": line(other, "10.0.0.9:80")}


def ask(store: Store, tasks: Tasks, of: int, start: int, seconds: int) -> dict[str, Any]:
    reader = Reader(store, RETENTION)
    begin, end = (datetime.fromtimestamp(at, UTC) for at in (start, start + seconds))
    window = {"from": begin, "to": end}
    return EdgeSeries(reader, KeptLonger(reader, tasks)).edge_series(SOMEBODY, f"{of:016x}", window, "1s")


def test_they_are_the_same_when_the_others_are_gone(store: Store) -> None:
    start = now() // HOUR * HOUR - 3 * HOUR + 600
    ids = put(store, start)
    tasks = Tasks(store, 1)
    ends = Event(1000 * (start + 5), 7, "created", 0, "ann", POD, body(seconds=30, rules=[]))
    tasks._write([ends])
    reader = Reader(store, Retention(24, 24, 24))
    begin, end = (datetime.fromtimestamp(at, UTC) for at in (start + 5, start + 35))
    before = EdgeSeries(reader, KeptLonger(reader, tasks)).edge_series(
        SOMEBODY, f"{ids['mine']:016x}", {"from": begin, "to": end}, "1s"
    )
    keeping = Keeping(store, reader, tasks)
    assert keeping.keep(start + 35 + LATE_SECONDS - 1) == 0
    assert keeping.keep(start + 35 + LATE_SECONDS) == 1
    assert keeping.keep(now()) == 0
    # Another server that had not heard of it does the same once more.
    Keeping(store, reader, tasks)._copy(tasks.get(7), Span(start + 5, start + 35))
    for table in ("metric_1s", "seen_1s"):
        store.command(f"TRUNCATE TABLE {table}")
    assert ask(store, tasks, ids["mine"], start + 5, 30) == before
    assert before["step"] == "1s" and before["client"][0]["count"] == [10 + number for number in range(5, 35)]
    # Beyond the task, and of others' lines, minutes are what is left.
    assert ask(store, tasks, ids["mine"], start, SECONDS)["step"] == "1m"
    assert ask(store, tasks, ids["strange"], start + 5, 30)["step"] == "1m"
    kept = {row["line"] for row in store.query("SELECT DISTINCT line FROM metric_kept")}
    assert kept == {ids["mine"]}


@pytest.mark.parametrize(
    ("ended", "kept", "at", "wanted"),
    [
        (100, 0, 100 + LATE_SECONDS - 1, None),
        (100, 0, 100 + LATE_SECONDS, (0, 100)),
        (100, 100, 9999, None),
        (9000, 0, HOUR + LATE_SECONDS - 1, None),
        (9000, 0, HOUR + LATE_SECONDS, (0, HOUR)),
        (9000, HOUR, 9000 + LATE_SECONDS, (HOUR, 9000)),
    ],
)
def test_when_seconds_are_copied(ended: int, kept: int, at: int, wanted: tuple[int, int] | None) -> None:
    task = Task(1, POD, "ann", 0, 1000 * ended, ended, (), kept_until=1000 * kept)
    span = due(task, at)
    assert (span and (span.start, span.end)) == wanted
