"""Does the API answer, to the number, what the profiles of the same seconds say?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from hopscope.agent.reporters.hopscope import Reporter
from hopscope.edges import merge
from hopscope.edges.histogram import percentile
from hopscope.edges.model import Profile
from hopscope.server.query.windows import text
from hopscope.settings import AgentSettings

from .conftest import Server, deliver, servers
from .profiles import HOST, profile
from .questions import EDGES, answered, expected

UNSUPPORTED = {"reset": "no hook on this kernel"}
SECONDS = 150
SERIES = """
query($edge: ID!, $metrics: [String!], $step: Step!, $window: WindowInput!) {
  edgeSeries(edge: $edge, metrics: $metrics, step: $step, window: $window) {
    step seen completeness { host secondsRecorded }
    client { ...metric } server { ...metric }
    tcp { side name values } connections { name values } failed { name values }
  }
}
fragment metric on MetricSeries {
  metric whyNot count bytes averageNs timed percentiles { share ns } reasons { reason count }
}
"""


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Server, list[Profile]]]:
    start = int(time.time()) // 60 * 60 - 600 + 17
    profiles = [profile(start + number) for number in range(SECONDS)]
    with servers() as make:
        server = make().start()
        reporter = Reporter(AgentSettings(server=f"unix:{server.socket}"))
        deliver(reporter, profiles)
        reporter.close()
        yield server, profiles


def window(first: int, last: int) -> dict[str, str]:
    return {"from": text(first), "to": text(last)}


def second(given: Profile) -> int:
    return int(datetime.fromisoformat(given.window.start).timestamp())


def test_edges_of_one_second_and_of_many(told: tuple[Server, list[Profile]]) -> None:
    server, profiles = told
    start = second(profiles[0])
    minute = -(-start // 60) * 60
    for first, last, step in ((0, 1, "SECOND"), (3, 40, "SECOND"), (minute - start, minute - start + 60, "MINUTE")):
        answer = server.ask(EDGES, window=window(start + first, start + last))["edges"]
        picture = merge.profiles(profiles[first:last])
        assert answer["step"] == step
        assert answer["window"] == {**window(start + first, start + last), "seconds": last - first}
        assert answer["total"] == len(picture.edges)
        assert answered(answer["edges"]) == expected(picture, UNSUPPORTED)
        (seen,) = answer["completeness"]
        assert (seen["host"], seen["secondsRecorded"], seen["gaps"]) == (HOST, last - first, [])
        assert {row["name"]: row["value"] for row in seen["amounts"]}["lost.rows"] == 2 * (last - first)
        assert seen["state"] == {"connections": {"all": 5, "own_slot": 5}}


def test_a_metric_over_time(told: tuple[Server, list[Profile]]) -> None:
    server, profiles = told
    start, edge = second(profiles[0]), profiles[0].edges[0]
    asked = {"edge": edge.id, "metrics": ["write", "drop"], "window": window(start - 5, start + SECONDS)}
    seconds = server.ask(SERIES, step="SECOND", **asked)["edgeSeries"]
    write, drop = seconds["client"]
    nothing: list[Any] = [None] * 5
    values = [given.edges[0].client_side.metrics["write"] for given in profiles]  # type: ignore[union-attr]
    assert seconds["seen"] == [0] * 5 + [1] * SECONDS
    for name in ("count", "bytes", "timed"):
        assert write[name] == nothing + [getattr(value, name) for value in values]
    assert write["averageNs"] == nothing + [(value.time_ns or 0) / (value.timed or 1) for value in values]
    (median,) = [held["ns"] for held in write["percentiles"] if held["share"] == 0.5]
    assert median == nothing + [pytest.approx(percentile(value.histogram or (), 0.5)) for value in values]
    assert write["reasons"] == [] and write["whyNot"] is None
    # Why packets were dropped, by second.
    drops = [given.edges[0].client_side.metrics["drop"].reasons or {} for given in profiles]  # type: ignore[union-attr]
    names = sorted({reason for held in drops for reason in held})
    assert names and drop["reasons"] == [
        {"reason": name, "count": nothing + [held.get(name, 0) for held in drops]} for name in names
    ]
    for step in ("MINUTE", "HOUR"):
        points = server.ask(SERIES, step=step, **asked)["edgeSeries"]
        assert sum(filter(None, points["client"][0]["count"])) == sum(value.count for value in values)
        assert sum(points["seen"]) == SECONDS


def test_plain_numbers_over_time(told: tuple[Server, list[Profile]]) -> None:
    server, profiles = told
    start, edge = second(profiles[0]), profiles[0].edges[0]
    within = window(start, start + SECONDS)
    found = server.ask(SERIES, edge=edge.id, step="SECOND", window=within)["edgeSeries"]
    tcp = {(held["side"], held["name"]): held["values"] for held in found["tcp"]}
    own = {held["name"]: held["values"] for held in (*found["connections"], *found["failed"])}
    first = [given.edges[0] for given in profiles]
    assert tcp["SERVER", "srtt"] == [it.server_side.tcp["srtt"] for it in first if it.server_side]
    assert tcp["CLIENT", "lost"] == [it.client_side.tcp["lost"] for it in first if it.client_side]
    assert own["active"] == [it.connections.active for it in first]
    assert own["opened"] == [it.connections.opened for it in first]
    assert own["refused"] == [it.connections.failed["refused"] for it in first]


def test_listeners_agents_and_the_catalogue(told: tuple[Server, list[Profile]]) -> None:
    server, profiles = told
    start, last = second(profiles[0]), profiles[-1].listeners[0]
    found = server.ask(
        "query($w: WindowInput!) { listeners(window: $w) { listeners { address queue limit overflows"
        " synacksRetransmitted process { process } } completeness { secondsRecorded missing } } }",
        w=window(start, start + SECONDS),
    )["listeners"]
    (seen,) = found["completeness"]
    assert seen["secondsRecorded"] == SECONDS
    assert seen["missing"] == [
        f"{SECONDS} connections had peers beyond the limit of their process and are counted by network",
        f"lost: rows {2 * SECONDS}",
    ]
    listeners = found["listeners"]
    assert listeners == [
        {
            "address": last.address,
            "queue": last.queue,
            "limit": 128,
            "overflows": 2 * SECONDS,
            "synacksRetransmitted": SECONDS,
            "process": {"process": "server"},
        }
    ]
    answer = server.ask(
        "{ agents { host version lastSeen batches unknownRows skewMs gaps { from } probes { metric whyNot } }"
        " metrics { number name } server { spooled setAside trouble } }"
    )
    (agent,) = answer["agents"]
    assert (agent["host"], agent["lastSeen"], agent["batches"]) == (HOST, text(start + SECONDS - 1), SECONDS)
    assert agent["unknownRows"] == 0 and agent["gaps"] == [] and abs(agent["skewMs"]) < 2000
    assert {"metric": "reset", "whyNot": UNSUPPORTED["reset"]} in agent["probes"]
    assert {"number": 1, "name": "write"} in answer["metrics"]
    assert answer["server"] == {"spooled": 0, "setAside": 0, "trouble": None}
