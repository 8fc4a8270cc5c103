"""Does an answer that is made of what was read before say what the store says now, whatever came, changed or went?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest

from hopscope.server.analysis.entities import Name
from hopscope.server.analysis.lines import Line
from hopscope.server.analysis.tables import Told, inserts
from hopscope.server.groups import store_group
from hopscope.server.query.alive import Alive
from hopscope.server.query.heard import Heard
from hopscope.server.query.lines import Lines
from hopscope.server.query.neighbours import named, neighbours
from hopscope.server.query.reader import Reader
from hopscope.server.query.windows import Span, few_rows
from hopscope.server.storage import care
from hopscope.server.storage.changes import Changes
from hopscope.server.storage.native import Column
from hopscope.server.storage.store import Insert, Store, StoreError
from hopscope.server.storage.tables.kept import Retention
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

from .nodes import prepared
from .world import CLIENT, ITSELF, Host, edge, line, row, traffic

RETENTION = Retention(24, 168, 4320)
START = int(time.time()) // 3600 * 3600 - 7200
SECONDS = 1830
SHOP = Name("shop", "shop-0")


@dataclass(frozen=True)
class Shared:
    """The same store as one that others write to, of which nothing that was read is kept."""

    store: Store
    changes: None = None
    recent: None = None

    def query(self, sql: str, **parameters: Any) -> Sequence[Mapping[str, Any]]:
        return self.store.query(sql, **parameters)

    def columns(self, sql: str, **parameters: Any) -> Mapping[str, Any]:
        return self.store.columns(sql, **parameters)


class World:
    """An instance that calls a database for half an hour, and who is asked of it again and again."""

    def __init__(self, store: Store) -> None:
        self.store, self.token = store, 0
        self.host = Host("node-1")
        self.app = self.host.process("app", SHOP.service, SHOP.instance)
        self.reader = Reader(store, RETENTION)
        self.lines = Lines(self.reader)
        self.heard = Heard(store)
        self.told([self.batch(START + second) for second in range(0, SECONDS, 15)])

    def batch(self, second: int, server: str = "10.0.0.9:3306", failed: int = 0) -> wire.Batch:
        batch = self.host.batch(second)
        batch.completeness.state = json.dumps({"connections": {"own_slot": 3 if failed else 4, "all": 5}})
        batch.completeness.amounts.update({"none": 0, "events.lost": second % 3, f"amount.{second % 4}": 0.5})
        of = edge(batch, (self.app, "10.0.0.1"), (0, server))
        traffic(batch, of, CLIENT, 50 + second % 7)
        row(batch, "opened", of, ITSELF, count=1, total=4)
        row(batch, "active", of, ITSELF, count=1, total=second % 5, least=second % 5, most=second % 5)
        row(batch, "min_rtt", of, CLIENT, count=1, total=1, least=100 + second % 9, most=200)
        if failed:
            row(batch, "failed", of, ITSELF, label="refused", count=failed)
        return batch

    def told(self, batches: list[wire.Batch], token: str = "") -> None:
        self.token += 1
        rows = inserts([Told(batch, 1000 * batch.second, 0) for batch in batches])
        with ThreadPoolExecutor(3) as threads:
            store_group(self.store, rows, token or f"t{self.token}", threads)

    def said(self) -> dict[str, Any]:
        return said(self.reader, self.lines, self.heard)

    def stored(self) -> dict[str, Any]:
        reader = Reader(Shared(self.store), RETENTION)  # type: ignore[arg-type]
        return said(reader, Lines(reader), Heard(reader.store))


def said(reader: Reader, lines: Lines, heard: Heard) -> dict[str, Any]:
    """All that is remembered, as the answers of some windows have it."""
    found: dict[str, Any] = {"instances": Alive(reader)._hosts_of(), "heard": dict(heard.moments(START))}
    for begin, end in ((0, SECONDS), (60, SECONDS - 1), (300, 700)):
        span = Span(START + begin, START + end)
        known = neighbours(reader, SHOP, span, False)
        places, ends, inside = known.places()
        cut = few_rows(span, time.time(), RETENTION)
        sums = lines.summed(cut, known.things)
        bad = {number: it.state().name for number, it in sums.items()}
        peers = named(reader, list(known.things), span, True)
        found[f"{begin} .. {end}"] = {
            "nodes": {node.id: (node.name, node.kind, node.ordinal, node.service) for node in places.nodes.values()},
            "ends": ends,
            "inside": inside,
            "peers": (peers.names, peers.at),
            "sums": {number: plain(it) for number, it in sums.items()},
            "states": {number: it.state() for number, it in sums.items()},
            "p99": {number: it.rtt_p99 for number, it in sums.items()},
            "since": lines.since(bad, cut.span.end, known.things),
            "gaps": reader.gaps(span),
            "completeness": reader.completeness(cut),
        }
    return found


def plain(line: Line) -> list[dict[str, Any] | None]:
    return [
        None
        if row is None
        else {
            name: dict(value.items()) if isinstance(value, Mapping) else list(value) if name == "active" else value
            for name, value in row.items()
        }
        for row in (line.itself, line.client, line.server)
    ]


@pytest.fixture
def world() -> Iterator[World]:
    with prepared("embedded", RETENTION) as store:
        yield World(store)


def late(world: World) -> None:
    world.told([world.batch(START + 605, failed=30)])


def late_in_a_known_second(world: World) -> None:
    world.told([world.batch(START + 615, failed=30)])


def in_the_last_minute(world: World) -> None:
    world.told([world.batch(START + SECONDS - 3, failed=900)])


def a_new_line(world: World) -> None:
    world.told([world.batch(START + 900, server="10.0.0.8:6379")])


def a_new_name(world: World) -> None:
    world.host.known[world.app].name = "renamed"
    world.told([world.batch(START + SECONDS + 60)])


def another_owner(world: World) -> None:
    database = Host("node-2")
    process = database.process("mysqld", "db", "db-0")
    batch = database.batch(START + SECONDS + 60)
    edge(batch, (process, "10.0.0.9"), (0, "192.0.2.1:443"))
    world.told([batch])


def a_gap(world: World) -> None:
    batch = world.batch(START + SECONDS + 60)
    batch.gaps.add(second=START + 400, seconds=20, batches=20, cause="the queue was full")
    world.told([batch])


def expired(world: World) -> None:
    care.expire(world.store, START + 3600)


def dropped(world: World) -> None:
    world.told([world.batch(START + 30 * 86400)])
    list(care.shrink(world.store, 1))


CHANGES: list[Callable[[World], None]] = [
    late, late_in_a_known_second, in_the_last_minute, a_new_line, a_new_name, another_owner, a_gap, expired, dropped,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda it: it.__name__)
def test_the_next_answer_knows_it(world: World, change: Callable[[World], None]) -> None:
    before = world.said()
    assert before == world.stored()
    assert before == world.said()
    change(world)
    after = world.said()
    assert after == world.stored()
    assert after != before


def test_what_comes_again_counts_once(world: World) -> None:
    batch = world.batch(START + 605)
    world.told([batch], "again")
    before = world.said()
    world.told([batch], "again")
    assert world.said() == before == world.stored()


def test_while_time_goes_on(world: World) -> None:
    for second in range(SECONDS, SECONDS + 200, 7):
        world.told([world.batch(START + second)])
        world.told([world.batch(START + second, failed=second % 3)])
        known = [line(world.app, "10.0.0.9:3306")]
        span = Span(START + second - 1799, START + second + 1)
        fresh = Reader(Shared(world.store), RETENTION)  # type: ignore[arg-type]
        cut = few_rows(span, time.time(), RETENTION)
        found, expected = (lines.summed(cut, known) for lines in (world.lines, Lines(fresh)))
        assert {number: plain(it) for number, it in found.items()} == {n: plain(it) for n, it in expected.items()}
        assert world.reader.completeness(cut) == fresh.completeness(cut)
        assert world.heard.moments(START) == Heard(fresh.store).moments(START)


def test_an_insert_that_fails_counts_as_a_change(world: World) -> None:
    changes = world.store.changes
    assert changes is not None
    number = changes.number
    with pytest.raises(StoreError):
        world.store.insert(Insert("gap", (Column("nothing", "UInt8", [1]),), 1), "bad")
    assert changes.of(["gap"]) > number >= changes.of(["edge"])


def test_when_seconds_changed() -> None:
    changes = Changes()
    assert changes.of(["line"]) == changes.within("line", 0, 100) == 0
    changes.told("line", [100, 160])
    changes.told("line", [100])
    assert [changes.within("line", start, start + 60) for start in (40, 60, 100, 120, 180)] == [0, 2, 2, 1, 0]
    changes.told("edge")
    assert (changes.of(["line"]), changes.of(["line", "edge"]), changes.number) == (2, 3, 3)
    changes.all_changed()
    assert changes.of(["place"]) == changes.within("line", 0, 1) == 4


def test_seconds_that_were_forgotten_count_as_changed() -> None:
    changes = Changes()
    for number in range(30_000):
        changes.told("line", [1000 + number])
    assert changes.within("line", 1000, 1001) >= 1
    kept = next(second for second in range(1000, 31_000) if changes.within("line", second, second + 1) == second - 999)
    assert kept < 21_000
    changes.told("line", [1000])
    assert changes.within("line", 1000, 1001) == changes.number
