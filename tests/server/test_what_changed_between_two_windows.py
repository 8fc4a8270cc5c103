"""Is what changed between two windows told, with the numbers that numpy computes, and is what only varies left out?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from hopscope.server.query.windows import text

from .conftest import Server, servers
from .world import CLIENT, ITSELF, Host, edge, line, now, row

SECONDS = 40
COMPARE = """
query($of: ID!, $a: WindowInput!, $b: WindowInput!) { compare(instance: $of, a: $a, b: $b) {
  a { from } b { from } compared figures completenessA { secondsRecorded } completenessB { secondsRecorded }
  lines { edge client server clientName serverName label kind metric a b change direction sure sentence } } }
"""
NAMES = ("steady", "lossy", "busier", "gone", "new", "slower", "failing")


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Server, int, dict[str, Any], dict[str, int]]]:
    chance = np.random.default_rng(3)
    start = now() // 10 * 10 - 200
    host = Host("node-1")
    app = host.process("app", "shop", "shop-0")
    sent = {name: chance.poisson(50, 2 * SECONDS) for name in NAMES}
    sent["busier"][SECONDS:] *= 2
    lost = chance.poisson(2, 2 * SECONDS) * (np.arange(2 * SECONDS) >= SECONDS)
    with servers() as make:
        server = make().start()
        for number in range(2 * SECONDS):
            later = number >= SECONDS
            batch = host.batch(start + number, processes=number == 0)
            for index, name in enumerate(NAMES):
                if name == ("gone" if later else "new"):
                    continue
                of = edge(batch, (app, "10.0.0.1"), (0, f"10.0.{index}.9:80"))
                calls = int(sent[name][number])
                row(batch, "write", of, CLIENT, count=calls, moved=100 * calls)
                slow = 20 if name == "slower" and later else 0
                rtt = {90 + slow + int(chance.integers(0, 2)): calls}
                row(batch, "write_rtt", of, CLIENT, label="time_ns", count=calls, total=1.0, histogram=rtt)
                row(batch, "segments_out", of, CLIENT, count=1, total=50)
                if name == "lossy" and lost[number]:
                    row(batch, "retransmit", of, CLIENT, count=int(lost[number]))
                row(batch, "opened", of, ITSELF, count=1, total=5)
                if name == "failing" and later:
                    row(batch, "failed", of, ITSELF, label="refused", count=1)
            server.send(batch.SerializeToString())
        ids = {name: line(app, f"10.0.{index}.9:80") for index, name in enumerate(NAMES)}
        yield server, start, {**sent, "lost": lost}, ids


def ask(server: Server, start: int, first: tuple[int, int], second: tuple[int, int]) -> dict[str, Any]:
    a, b = ({"from": text(start + begin), "to": text(start + end)} for begin, end in (first, second))
    found: dict[str, Any] = server.ask(COMPARE, of="shop-0", a=a, b=b)["compare"]
    return found


def test_what_changed(told: tuple[Server, int, dict[str, Any], dict[str, int]]) -> None:
    server, start, sent, ids = told
    found = ask(server, start, (0, SECONDS), (SECONDS, 2 * SECONDS))
    names = {f"{number:016x}": name for name, number in ids.items()}
    changed = {(names[it["edge"]], it["metric"]): it for it in found["lines"]}
    assert {key: (it["kind"], it["direction"]) for key, it in changed.items()} == {
        ("lossy", "retransmit"): ("CHANGED", "WORSE"),
        ("busier", "rate"): ("CHANGED", "AMOUNT"),
        ("busier", "bytes"): ("CHANGED", "AMOUNT"),
        ("gone", "line"): ("GONE", "AMOUNT"),
        ("new", "line"): ("NEW", "AMOUNT"),
        ("slower", "write_rtt"): ("CHANGED", "WORSE"),
        ("failing", "failed"): ("CHANGED", "WORSE"),
    }
    assert (found["compared"], found["figures"]) == (5, 50)
    assert found["completenessA"] == found["completenessB"] == [{"secondsRecorded": SECONDS}]
    before, after = sent["busier"][:SECONDS], sent["busier"][SECONDS:]
    rate = changed["busier", "rate"]
    assert (rate["a"], rate["b"]) == (pytest.approx(before.mean()), pytest.approx(after.mean()))
    assert rate["change"] == pytest.approx(after.mean() / before.mean())
    errors = [
        max(held.reshape(10, -1).mean(axis=1).var(ddof=1) / 10, held.mean() / SECONDS) for held in (before, after)
    ]
    assert rate["sure"] == pytest.approx((after.mean() - before.mean()) / np.sqrt(sum(errors)))
    resent = changed["lossy", "retransmit"]
    assert (resent["a"], resent["change"]) == (0, None)
    assert resent["b"] == pytest.approx(sent["lost"].sum() / (50 * SECONDS))
    assert resent["sentence"] == f"segments sent again {100 * resent['b']:.3g} %, before 0 %"
    assert (resent["clientName"], resent["serverName"], resent["label"]) == ("app", "10.0.1.9:80", "HTTP")
    assert changed["failing", "failed"]["b"] == pytest.approx(1 / 6)
    surest = [it["sure"] for it in found["lines"]]
    assert surest == sorted(surest, reverse=True)


def test_the_other_way_round_it_is_better(told: tuple[Server, int, dict[str, Any], dict[str, int]]) -> None:
    server, start, _, ids = told
    found = ask(server, start, (SECONDS, 2 * SECONDS), (0, SECONDS))
    kinds = {(it["edge"], it["metric"]): (it["kind"], it["direction"]) for it in found["lines"]}
    assert kinds[f"{ids['slower']:016x}", "write_rtt"] == ("CHANGED", "BETTER")
    assert kinds[f"{ids['gone']:016x}", "line"] == ("NEW", "AMOUNT")


def test_nothing_changed_within_a_window(told: tuple[Server, int, dict[str, Any], dict[str, int]]) -> None:
    server, start, _, _ = told
    assert ask(server, start, (0, 20), (20, 40))["lines"] == []
    # The agent came later: a window of which nothing is known is not one in which nothing was.
    unseen = [{"secondsRecorded": 0.0}]
    assert ask(server, start, (-50, -10), (-90, -50)) | {"a": 0, "b": 0} == {
        "a": 0, "b": 0, "compared": 0, "figures": 0, "completenessA": unseen, "completenessB": unseen, "lines": [],
    }  # fmt: skip
