"""Has the table of lines the same to say as the metrics that it is made of, for any batch and any age of the data?"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from hopscope.agent.reporters.blocks import Blocks
from hopscope.edges.model import Edge, Profile, Value
from hopscope.edges.state import SYN_RETRY_BUCKET, state_of
from hopscope.server.analysis.line_figures import figures, of_rows
from hopscope.server.analysis.lines import Line, whole_line
from hopscope.server.analysis.tables import Told, inserts, together
from hopscope.server.groups import store_group
from hopscope.server.query.lines import Lines, watched
from hopscope.server.query.reader import Reader
from hopscope.server.query.timeline import by_line
from hopscope.server.query.windows import Cut, Span
from hopscope.server.storage.native import Column
from hopscope.server.storage.schema import prepare
from hopscope.server.storage.store import Insert, Store
from hopscope.server.storage.tables.kept import BY_STEP, Retention

from .nodes import ENGINES, prepared
from .profiles import profile

RETENTION = Retention(24, 168, 4320)
SECOND = int(time.time()) // 3600 * 3600 - 3600


@pytest.fixture(scope="module", params=ENGINES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with prepared(request.param, RETENTION) as opened:
        yield opened


def handshakes(chance: random.Random) -> Value:
    """Handshakes of which about one in a hundred takes about as long as a lost SYN."""
    slow = ((872_415_232, 939_524_096, chance.randrange(4)), (1_073_741_824, 1_207_959_552, chance.randrange(2)))
    quick = ((65_536, 73_728, chance.randrange(200)), (805_306_368, 872_415_232, chance.randrange(3)))
    held = tuple(bucket for bucket in (*quick, *slow) if bucket[2])
    count = sum(bucket[2] for bucket in held)
    return Value(count, None, 1000, None, None, count, held)


def some(second: int) -> Profile:
    """Lines with and without each side and each metric."""
    chance = random.Random(second)

    def thinned(edge: Edge) -> Edge:
        sides = []
        for side in (edge.client_side, edge.server_side):
            if side is None or chance.random() < 0.2:
                sides.append(None)
                continue
            kept = {name: value for name, value in side.metrics.items() if chance.random() < 0.7}
            if "connect" in side.metrics:
                kept["connect"] = handshakes(chance)
            sides.append(
                replace(
                    side,
                    metrics=side.metrics | kept,
                    tcp={name: value for name, value in side.tcp.items() if chance.random() < 0.7},
                )
            )
        return replace(edge, client_side=sides[0], server_side=sides[1])

    known = profile(second, edges=40)
    return replace(known, edges=tuple(thinned(edge) for edge in known.edges))


def told(store: Store, seconds: int) -> None:
    blocks = Blocks(1, "test")
    batches = [
        Told(batch, 1000 * SECOND, 0)
        for second in range(SECOND, SECOND + seconds, 37)
        for _, batch in blocks.batches(some(second))
    ]
    # Rows of several batches at once, and several of these as one group; then that group again.
    half = len(batches) // 2
    rows = together([inserts(batches[:half]), inserts(batches[half:])])
    with ThreadPoolExecutor(3) as threads:
        for _ in range(2):
            store_group(store, rows, "told", threads)


def said(line: Line) -> dict[str, object]:
    sides = [
        None if row is None else {name: value for name, value in row.items() if name not in ("handshake", "moved")}
        for row in (line.itself, line.client, line.server)
    ]
    assert line.state_name() == line.state().name
    return {"sides": sides, "verdict": line.state(), "p99": line.rtt_p99, "moved": bool(line.moved)}


@pytest.mark.timeout(400)
def test_the_table_says_what_the_metrics_say(store: Store) -> None:
    told(store, 1900)
    reader = Reader(store, RETENTION)
    lines = Lines(reader)
    hour = Cut.one(BY_STEP["1h"], Span(SECOND, SECOND + 3600))
    minutes = Cut.one(BY_STEP["1m"], Span(SECOND + 240, SECOND + 1860))
    seconds = Cut.one(BY_STEP["1s"], Span(SECOND + 17, SECOND + 143))
    both = Cut(
        Span(SECOND + 49, SECOND + 180),
        (
            (BY_STEP["1s"], Span(SECOND + 49, SECOND + 60)),
            (BY_STEP["1m"], Span(SECOND + 60, SECOND + 180)),
        ),
    )
    ids: list[int] = []
    answers = []
    calls = []
    for begun in (0, SECOND + 700, SECOND + 86_400):
        if begun:
            columns = (Column("rolled", "UInt8", [1]), Column("since", "DateTime", [begun]))
            store.insert(Insert("begun", columns, 1), f"begun-{begun}")
        assert reader.lines_begun() == begun
        found = []
        for cut in (hour, minutes, seconds, both):
            held = lines.summed(cut)
            assert len(held) == 40
            ids = ids or sorted(held)[:20]
            found.append({number: said(line) for number, line in held.items()})
        parts = lines.parts(seconds, 42, 3, ids)
        found.append({(at, number): said(line) for at, part in enumerate(parts) for number, line in part.items()})
        bad = {number: line.state().name for number, line in held.items()}
        found.append({"since": lines.since(bad, SECOND + 1920)})
        went_on = store.query(f"{by_line(lines.rows(minutes, watched()), 60)} ORDER BY line, slot")
        assert all(any(row[name] for row in went_on) for name in ("written", "taken", "refused"))
        calls.append(went_on)
        answers.append(found)
    assert answers[0] == answers[2] and answers[1] == answers[2]
    assert calls[0] == calls[1] == calls[2]
    names = {said["verdict"].name for key, said in answers[0][1].items() if isinstance(key, int)}
    assert "failing" in names


@pytest.mark.timeout(400)
def test_the_columns_of_many_lines_say_what_each_says(store: Store) -> None:
    told(store, 1900)
    lines = Lines(Reader(store, RETENTION))
    for cut in (
        Cut.one(BY_STEP["1m"], Span(SECOND, SECOND + 1860)),
        Cut.one(BY_STEP["1s"], Span(SECOND, SECOND + 200)),
    ):
        ids = sorted([*lines.summed(cut), 1, 1 << 63])
        held, sums = lines.summed(cut, ids), lines.sums(cut, ids)
        pairs = [(first, second) for first in range(len(ids)) for second in range(len(ids))]
        found = figures(sums, np.array(pairs))
        names = set()
        for at, pair in enumerate((ids[first], ids[second]) for first, second in pairs):
            line = whole_line(held, pair)
            assert bool(found.seen[at]) == (line is not None)
            if line is None:
                continue
            (alone,) = of_rows(sums, ids, [pair])
            assert (alone.state(), alone.connections()) == (line.state(), line.connections())
            connections = line.connections()
            assert (found.client_seen[at], found.server_seen[at]) == (line.client is not None, line.server is not None)
            for name in ("writes", "bytes", "p99", "resent"):
                expected = getattr(line, "rtt_p99" if name == "p99" else name)
                assert getattr(found, name)[at] == pytest.approx(
                    math.nan if expected is None else expected, nan_ok=True
                )
            assert found.moved[at] == line.moved
            assert [getattr(found, name)[at] for name in ("opened", "closed", "active")] == [
                getattr(connections, name) for name in ("opened", "closed", "active")
            ]
            assert found.failed[at] == sum(connections.failed.values())
            assert found.plain[at] == (line._without_rules() or "")
            names.add(str(found.plain[at]))
        assert "" in names


@pytest.mark.timeout(400)
def test_of_data_of_an_older_version_the_metrics_are_asked(store: Store) -> None:
    told(store, 1900)
    reader = Reader(store, RETENTION)
    for table in ("line_1s", "line_1m", "line_1h", "begun"):
        local = f"{table}_local" if store.cluster else table
        store.command(f"TRUNCATE TABLE {local}")
    lines = Lines(reader)
    hour = Cut.one(BY_STEP["1h"], Span(SECOND, SECOND + 3600))
    assert lines.summed(hour) == {}
    now = int(time.time())
    prepare(store, RETENTION)
    assert reader.lines_begun() > now
    assert len(lines.summed(hour)) == 40
    before = reader.lines_begun()
    prepare(store, RETENTION)
    assert reader.lines_begun() == before


def test_what_is_plain_is_what_the_rules_say() -> None:
    chance = random.Random(5)
    counts = ("retransmit_count", "zero_window_probes", "rwnd_limited", "sndbuf_limited")
    plain = dict.fromkeys(("write_bytes", "read_bytes", "moved", *counts), 0)
    found = set()
    for _ in range(3000):
        line = Line(1)
        for side in range(3):
            line.add(
                plain
                | {"side": side, "write_count": 30, "read_count": 30, "segments_out": 100.0, "busy": 50_000.0}
                | {"opened": 9.0, "closed": 9.0, "active": [0, 0.0], "rtt": {}, "srtt_count": 1, "min_rtt": 400.0}
                | {"srtt": chance.choice((900.0, 99_999.0, 100_000.0))}
                | {"handshake": {str(SYN_RETRY_BUCKET + chance.choice((-1, -1, 0, 1))): 5}}
                | {
                    name: chance.choice(({}, {"": 0}, {"": 9, "word": 9})) if chance.random() < 0.2 else {}
                    for name in ("drop", "reset")
                }
                | {"failed": {"refused": 5} if chance.random() < 0.1 else {}}
                | {name: chance.choice((1, 20_000)) for name in counts if chance.random() < 0.05}
            )
        said = state_of(line.connections(), line._sides())
        assert (line.state().name, line.state().reasons, line.state_name()) == (said.name, said.reasons, said.name)
        found.add((said.name, line._without_rules()))
    assert found == {("healthy", "healthy"), ("healthy", None), ("slow", None), ("failing", None)}
