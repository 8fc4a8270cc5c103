"""Is every number of an answer, at each step, the one that numpy computes from what was sent?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from hopscope.edges.histogram import BUCKETS, bounds
from hopscope.server.query.windows import text

from .conftest import Server, servers
from .world import CLIENT, ITSELF, SERVER, Host, edge, line, now, row

SECONDS = 130
SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
SIZES = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600}
LOW = np.array([bounds(index)[0] for index in range(BUCKETS)], float)
# Above the last bound nothing is known: an octave is taken.
HIGH = np.array([*(bounds(index)[1] for index in range(BUCKETS - 1)), 2 * LOW[-1]], float)
PLAIN = {"srtt": "mean", "min_rtt": "min", "busy": "sum", "segments_out": "sum"}
SERIES = """
query($edge: ID!, $window: WindowInput!, $step: Step!, $points: Int, $metrics: [String!]) {
  edgeSeries(edge: $edge, window: $window, step: $step, points: $points, metrics: $metrics) {
    step pointSeconds at seen client { ...metric } server { ...metric }
    tcp { side name unit values } connections { name values } failed { name values }
    completeness { host secondsRecorded }
} }
fragment metric on MetricSeries {
  metric whyNot count bytes rate averageNs timed percentiles { share ns } heatmap { step lowNs highNs count }
}
"""


@dataclass
class Sent:
    """What was sent, a row for each second; `there`: the seconds that were recorded at all."""

    start: int
    there: Any
    numbers: dict[tuple[int, str], Any] = field(default_factory=dict)

    def summed(self, key: tuple[int, str], groups: Any) -> Any:
        """Sums over the seconds of each point."""
        return np.array([self.numbers[key][chosen].sum(axis=0) for chosen in groups])


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Server, Sent, int]]:
    chance = np.random.default_rng(7)
    start = now() // 60 * 60 - 360 + 11
    sent = Sent(start, chance.random(SECONDS) > 0.1)
    for side in (CLIENT, SERVER):
        sent.numbers[side, "count"] = chance.integers(1, 900, SECONDS)
        sent.numbers[side, "bytes"] = chance.integers(0, 1 << 40, SECONDS)
        sent.numbers[side, "histogram"] = chance.integers(0, 9, (SECONDS, BUCKETS)) * (chance.random(BUCKETS) > 0.9)
        sent.numbers[side, "total"] = chance.integers(1, 1 << 40, SECONDS)
        sent.numbers[side, "retransmit"] = chance.integers(0, 3, SECONDS)
        for name in PLAIN:
            sent.numbers[side, name] = chance.integers(1, 9999, SECONDS) / 8
    for name in ("opened", "active", "refused"):
        sent.numbers[ITSELF, name] = chance.integers(0, 9, SECONDS)
    for held in sent.numbers.values():
        held[~sent.there] = 0
    host = Host("node-1")
    ends = host.process("a", "shop", "a-0"), host.process("b", "shop", "b-0")
    with servers() as make:
        server = make().start()
        for number in np.flatnonzero(sent.there):
            server.send(batch(host, ends, sent, int(number)))
        yield server, sent, line(ends[0], "10.0.0.2:80")


def batch(host: Host, ends: tuple[int, int], sent: Sent, number: int) -> bytes:
    made = host.batch(sent.start + number, processes=number == 0 or number % 50 == 0)
    of = edge(made, (ends[0], "10.0.0.1"), (ends[1], "10.0.0.2:80"))
    at = {key: held[number] for key, held in sent.numbers.items()}
    for side in (CLIENT, SERVER):
        held = {int(bucket): int(at[side, "histogram"][bucket]) for bucket in np.flatnonzero(at[side, "histogram"])}
        row(made, "write", of, side, count=int(at[side, "count"]), moved=int(at[side, "bytes"]))
        row(
            made, "write", of, side, label="time_ns", count=sum(held.values()), total=float(at[side, "total"]),
            histogram=held,
        )  # fmt: skip
        if at[side, "retransmit"]:
            row(made, "retransmit", of, side, count=int(at[side, "retransmit"]))
        for name in PLAIN:
            it = float(at[side, name])
            row(made, name, of, side, count=1, total=it, least=it, most=it)
    for name in ("opened", "active"):
        it = float(at[ITSELF, name])
        row(made, name, of, ITSELF, count=1, total=it, least=it, most=it)
    row(made, "failed", of, ITSELF, label="refused", count=int(at[ITSELF, "refused"]))
    return made.SerializeToString()


def quantile(buckets: Any, share: float) -> float:
    """By numpy's own interpolation along the sums of the buckets that hold something."""
    filled = np.flatnonzero(buckets)
    sums = np.concatenate([[0], np.cumsum(buckets[filled])])
    wanted = share * sums[-1]
    place = min(int(np.searchsorted(sums[1:], wanted)), len(filled) - 1)
    return float(np.interp(wanted, sums[place : place + 2], [LOW[filled[place]], HIGH[filled[place]]]))


def groups(sent: Sent, first: int, last: int, size: int) -> list[Any]:
    """For each point which of the sent seconds it holds."""
    begin, end = first // size * size, -(-last // size) * size
    seconds = np.arange(SECONDS) + sent.start
    return [(seconds >= at) & (seconds < at + size) for at in range(begin, end, size)]


@pytest.mark.parametrize(
    ("step", "points", "size"), [("SECOND", None, 1), ("SECOND", 20, None), ("MINUTE", None, 60), ("HOUR", None, 3600)]
)
def test_all_numbers_of_an_edge(
    told: tuple[Server, Sent, int], step: str, points: int | None, size: int | None
) -> None:
    server, sent, of = told
    first, last = sent.start - 5, sent.start + SECONDS + 3
    answer = server.ask(
        SERIES, edge=f"{of:016x}", window={"from": text(first), "to": text(last)}, step=step, points=points
    )["edgeSeries"]
    size = size or -(-(last - first) // 20)
    assert answer["pointSeconds"] == size and answer["step"] == step
    chosen = groups(sent, first, last, size)
    seen = np.array([sent.there[held].sum() for held in chosen])
    assert len(answer["at"]) == len(chosen) and answer["seen"] == seen.tolist()
    nothing = seen == 0
    for side, name in ((CLIENT, "client"), (SERVER, "server")):
        series = {held["metric"]: held for held in answer[name]}
        write = series["write"]
        counts = sent.summed((side, "count"), chosen)
        buckets = sent.summed((side, "histogram"), chosen)
        same(write["count"], counts, nothing)
        same(write["bytes"], sent.summed((side, "bytes"), chosen), nothing)
        same(write["rate"], counts / np.maximum(seen, 1), nothing)
        timed = buckets.sum(axis=1)
        same(write["timed"], timed, nothing)
        same(write["averageNs"], sent.summed((side, "total"), chosen) / np.maximum(timed, 1), nothing)
        for held in write["percentiles"]:
            wanted = [quantile(row, held["share"]) if row.any() else np.nan for row in buckets]
            same(held["ns"], np.array(wanted), nothing)
        assert [held["share"] for held in write["percentiles"]] == list(SHARES)
        cells = {(cell["step"], cell["lowNs"], cell["highNs"]): cell["count"] for cell in write["heatmap"]}
        steps, filled = np.nonzero(buckets)
        assert cells == {
            (int(at), int(LOW[it]), int(HIGH[it]) if it < BUCKETS - 1 else (1 << 63) - 1): int(buckets[at, it])
            for at, it in zip(steps, filled, strict=True)
        }
        same(series["retransmit"]["count"], sent.summed((side, "retransmit"), chosen), nothing)
        same(series["read"]["count"], np.zeros(len(chosen)), nothing)
        plain = {held["name"]: held["values"] for held in answer["tcp"] if held["side"] == name.upper()}
        for metric, merge in PLAIN.items():
            values = [sent.numbers[side, metric][held & sent.there] for held in chosen]
            merged = {"mean": np.mean, "min": np.min, "sum": np.sum}[merge]
            same(plain[metric], np.array([merged(held) if len(held) else np.nan for held in values]), nothing)
    own = {held["name"]: held["values"] for held in (*answer["connections"], *answer["failed"])}
    same(own["opened"], sent.summed((ITSELF, "opened"), chosen), nothing)
    same(own["refused"], sent.summed((ITSELF, "refused"), chosen), nothing)
    latest = [sent.numbers[ITSELF, "active"][held & sent.there] for held in chosen]
    same(own["active"], np.array([held[-1] if len(held) else np.nan for held in latest]), nothing)


def same(got: list[Any], wanted: Any, nothing: Any) -> None:
    """Equal where something was recorded, null elsewhere."""
    assert [value is None for value in got] == nothing.tolist()
    found = np.array([0 if value is None else value for value in got], float)
    np.testing.assert_allclose(found[~nothing], np.asarray(wanted, float)[~nothing], rtol=1e-9)


@pytest.mark.parametrize(("first", "last"), [(0, 1), (0, SECONDS), (49, 109), (13, 120), (-600, 300)])
def test_an_edge_over_a_window(told: tuple[Server, Sent, int], first: int, last: int) -> None:
    server, sent, of = told
    query = """query($id: ID!, $w: WindowInput!) { edge(id: $id, window: $w) { connections { opened active }
      clientSide { tcp { name value }
        metrics(names: ["write"]) { count bytes rate averageNs timed percentiles } } } }"""
    window = {"from": text(sent.start + first), "to": text(sent.start + last)}
    found = server.ask(query, id=f"{of:016x}", w=window)["edge"]
    chosen = np.zeros(SECONDS, bool)
    chosen[max(0, first) : last] = True
    chosen &= sent.there
    if not chosen.any():
        assert found["clientSide"] is None
        return
    (write,) = found["clientSide"]["metrics"]
    count = sent.numbers[CLIENT, "count"][chosen].sum()
    buckets = sent.numbers[CLIENT, "histogram"][chosen].sum(axis=0)
    assert (write["count"], write["bytes"]) == (count, sent.numbers[CLIENT, "bytes"][chosen].sum())
    assert write["rate"] == pytest.approx(count / chosen.sum()) and write["timed"] == buckets.sum()
    assert write["averageNs"] == pytest.approx(sent.numbers[CLIENT, "total"][chosen].sum() / buckets.sum())
    assert write["percentiles"] == pytest.approx([quantile(buckets, share) for share in SHARES])
    tcp = {held["name"]: held["value"] for held in found["clientSide"]["tcp"]}
    assert tcp["srtt"] == pytest.approx(sent.numbers[CLIENT, "srtt"][chosen].mean())
    assert tcp["min_rtt"] == sent.numbers[CLIENT, "min_rtt"][chosen].min()
    assert found["connections"]["opened"] == sent.numbers[ITSELF, "opened"][chosen].sum()
    assert found["connections"]["active"] == sent.numbers[ITSELF, "active"][chosen][-1]


@pytest.mark.parametrize("seconds", [60, 600, 899, 3000])
def test_a_topology_over_a_window(told: tuple[Server, Sent, int], seconds: int) -> None:
    server, sent, _ = told
    end = sent.start + SECONDS - 7
    query = """query($w: WindowInput!) { topology(instance: "a-0", window: $w) { window { from to } edges {
      rate bytesRate retransmitShare seenShare connections { opened } } } }"""
    found = server.ask(query, w={"from": text(end - seconds), "to": text(end)})["topology"]
    (held,) = found["edges"]
    at = np.array([text(sent.start + number) for number in range(SECONDS)])
    chosen = (at >= found["window"]["from"]) & (at < found["window"]["to"]) & sent.there
    writes, moved = (sent.numbers[CLIENT, name][chosen].sum() for name in ("count", "bytes"))
    assert held["rate"] == pytest.approx(writes / chosen.sum()) and held["bytesRate"] == pytest.approx(
        moved / chosen.sum()
    )
    resent, out = (
        sum(sent.numbers[s, n][chosen].sum() for s in (CLIENT, SERVER)) for n in ("retransmit", "segments_out")
    )
    assert held["retransmitShare"] == pytest.approx(resent / out)
    assert held["connections"]["opened"] == sent.numbers[ITSELF, "opened"][chosen].sum()


def test_what_cannot_be_asked(told: tuple[Server, Sent, int]) -> None:
    server, sent, of = told
    window = {"from": text(sent.start), "to": text(sent.start + 300)}
    long = {"from": text(sent.start), "to": text(sent.start + 5000)}
    for more, why in (
        ({"edge": "0" * 16}, "there is no edge"),
        ({"edge": "no id"}, "'no id' is not an id"),
        ({"edge": f"{1 << 64:x}"}, "is not an id"),
        ({"metrics": ["nothing"]}, "there is no metric 'nothing'"),
        ({"points": 0}, "points: from 1 to 3600"),
        ({"window": long}, "more than 3600 points"),
    ):
        (error,) = server.post(SERIES, {"edge": f"{of:016x}", "window": window, "step": "SECOND", **more})["errors"]
        assert why in error["message"], more
    limited = server.ask(SERIES, edge=f"{of:016x}", window=long, step="SECOND", points=60, metrics=["write", "close"])[
        "edgeSeries"
    ]
    assert [held["metric"] for held in limited["client"]] == ["write", "close"] and len(limited["at"]) <= 61
    gone = server.ask('query($w: WindowInput!) { edge(id: "00ff", window: $w) { id } }', w=window)
    assert gone == {"edge": None}
