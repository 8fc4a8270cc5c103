"""Are the rows that are told of a second as they came those that the store has, and told only while they are all?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hopscope.server.storage import recent
from hopscope.server.storage.embedded import Embedded
from hopscope.server.storage.native import Column, Lists
from hopscope.server.storage.schema import prepare
from hopscope.server.storage.store import Insert, StoreError
from hopscope.server.storage.tables.kept import Retention

RETENTION = Retention(24, 168, 4320)
FIRST = 1_900_000_000
SPAN = range(FIRST - 5, FIRST + 40)


def seen(*rows: tuple[int, int], amount: str = "events") -> Insert:
    """Rows of a second and a host."""
    seconds = [second for second, _ in rows]
    columns = (
        Column("ts", "DateTime", seconds),
        Column("host", "UInt64", [host for _, host in rows]),
        Column("seconds", "Float64", [0.5 + host / 8 for _, host in rows]),
        Column(
            "amounts",
            "Map(String, Float64)",
            Lists(range(1, len(rows) + 1), ([amount] * len(rows), [float(host) for _, host in rows])),
        ),
        Column("state", "Tuple(UInt32, String)", (seconds, ["{}"] * len(rows))),
    )
    return Insert("seen_1s", columns, len(rows))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Embedded]:
    store = opened(tmp_path)
    yield store
    store.close()


def opened(folder: Path) -> Embedded:
    store = Embedded(folder)
    prepare(store, RETENTION)
    return store


def stored(store: Embedded, second: int) -> Counter[tuple[Any, ...]]:
    rows = store.query(
        "SELECT host, seconds, amounts['events'] AS events, state.1 AS state FROM seen_1s"
        f" WHERE ts = toDateTime({second})"
    )
    return Counter((row["host"], row["seconds"], row["events"], row["state"]) for row in rows)


def told(store: Embedded, second: int) -> Counter[tuple[Any, ...]] | None:
    pieces = store.recent.second("seen", second)
    if pieces is None:
        return None
    found: Counter[tuple[Any, ...]] = Counter()
    for piece in pieces:
        held = piece.columns
        (names, values), ends = held["amounts"].parts, held["amounts"].ends
        for place in piece.of(second).tolist():
            entries = range(int(ends[place - 1]) if place else 0, int(ends[place]))
            events = {names[entry]: float(values[entry]) for entry in entries}.get("events", 0.0)
            found[int(held["host"][place]), float(held["seconds"][place]), events, int(held["state"][0][place])] += 1
    return found


def whole(store: Embedded) -> list[int]:
    """The seconds that are told; each as it is stored."""
    found = {second: told(store, second) for second in SPAN}
    for second, rows in found.items():
        assert rows is None or rows == stored(store, second)
    return [second - FIRST for second, rows in found.items() if rows]


def test_rows_of_several_inserts(store: Embedded) -> None:
    store.insert(seen((FIRST, 1), (FIRST + 1, 1), (FIRST, 2)), "a")
    store.insert(seen((FIRST + 1, 2), (FIRST + 2, 1)), "b")
    store.insert(seen((FIRST, 1), (FIRST + 3, 4), amount="others"), "late")
    assert whole(store) == [0, 1, 2, 3]
    assert told(store, FIRST) == Counter([(1, 0.625, 1.0, FIRST), (2, 0.75, 2.0, FIRST), (1, 0.625, 0.0, FIRST)])
    assert told(store, FIRST + 20) == Counter()


def test_what_comes_again_is_asked_of_the_engine(store: Embedded) -> None:
    store.insert(seen((FIRST, 1)), "a")
    store.insert(seen((FIRST + 1, 1), (FIRST + 2, 1)), "b")
    store.insert(seen((FIRST + 1, 1), (FIRST + 2, 1)), "b")
    assert whole(store) == [0]
    assert sum(stored(store, FIRST + 1).values()) == 1


def test_of_an_insert_that_failed_some_may_be_there(store: Embedded) -> None:
    store.insert(seen((FIRST, 1), (FIRST + 1, 1)), "a")
    bad = seen((FIRST + 1, 2))
    with pytest.raises(StoreError):
        store.insert(Insert("seen_1s", (*bad.columns, Column("nothing", "UInt8", [1])), 1), "bad")
    store.insert(seen((FIRST + 1, 3), (FIRST + 2, 3)), "c")
    assert whole(store) == [0, 2]


def test_what_was_stored_before_is_asked_of_the_engine(tmp_path: Path) -> None:
    store = opened(tmp_path)
    store.insert(seen((FIRST, 1), (FIRST + 1, 1)), "a")
    store.close()
    store = opened(tmp_path)
    assert told(store, FIRST + 1) is None
    store.insert(seen((FIRST + 1, 2), (FIRST + 2, 2)), "b")
    assert whole(store) == [2]
    store.close()


def test_a_command_may_have_changed_all(store: Embedded) -> None:
    store.insert(seen((FIRST, 1), (FIRST + 1, 1)), "a")
    store.command(f"ALTER TABLE seen_1s DELETE WHERE ts = toDateTime({FIRST + 1}) SETTINGS mutations_sync = 1")
    assert whole(store) == []
    store.insert(seen((FIRST + 1, 2), (FIRST + 2, 2)), "b")
    assert whole(store) == [1, 2]


def test_what_had_to_make_room(store: Embedded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent, "_MOST_PIECES", 3)
    monkeypatch.setattr(recent, "_MOST_SECONDS", 12)
    for second in range(4):
        store.insert(seen((FIRST + second, 1), (FIRST + 1, 2)), f"t{second}")
    assert whole(store) == [2, 3]
    for second in range(4, 30):
        store.insert(seen((FIRST + second, 1)), f"t{second}")
    assert whole(store) == [27, 28, 29]
    monkeypatch.setattr(recent, "_MOST_BYTES", 1)
    store.insert(seen((FIRST + 30, 1)), "t30")
    assert whole(store) == [30]


def test_merges_give_way(store: Embedded) -> None:
    store.insert(seen((FIRST, 1)), "a")
    threads = [it for it in Path("/proc/self/task").iterdir() if (it / "comm").read_text() == "MergeMutate\n"]
    assert threads
    assert min(os.getpriority(os.PRIO_PROCESS, int(thread.name)) for thread in threads) > 0
    assert os.getpriority(os.PRIO_PROCESS, os.getpid()) == 0
