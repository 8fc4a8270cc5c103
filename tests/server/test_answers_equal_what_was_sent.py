"""Does the API answer, to the number, what the profiles of the same seconds say?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime

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
query($edge: ID!, $side: SideName, $metric: String!, $step: Step!, $window: WindowInput!) {
  series(edge: $edge, side: $side, metric: $metric, step: $step, window: $window) {
    unit step window { from to } completeness { host secondsRecorded }
    points {
      at seen number
      value { count bytes timeNs timed percentiles(shares: [0.5]) reasons { reason count } }
    }
  }
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


def test_series_of_one_edge(told: tuple[Server, list[Profile]]) -> None:
    server, profiles = told
    start, edge = second(profiles[0]), profiles[0].edges[0]
    asked = {"edge": edge.id, "side": "CLIENT", "metric": "write", "window": window(start - 5, start + SECONDS)}
    seconds = server.ask(SERIES, step="SECOND", **asked)["series"]
    values = [given.edges[0].client_side.metrics["write"] for given in profiles]  # type: ignore[union-attr]
    assert [point["seen"] for point in seconds["points"]] == [0] * 5 + [1] * SECONDS
    assert [point["value"] for point in seconds["points"]] == [None] * 5 + [
        {
            "count": value.count,
            "bytes": value.bytes,
            "timeNs": value.time_ns,
            "timed": value.timed,
            "percentiles": [percentile(value.histogram or (), 0.5)],
            "reasons": [],
        }
        for value in values
    ]
    for step in ("MINUTE", "HOUR"):
        points = server.ask(SERIES, step=step, **asked)["series"]["points"]
        assert sum(point["value"]["count"] for point in points if point["value"]) == sum(v.count for v in values)
        assert sum(point["seen"] for point in points) == SECONDS


def test_series_of_plain_numbers(told: tuple[Server, list[Profile]]) -> None:
    server, profiles = told
    start, edge = second(profiles[0]), profiles[0].edges[0]
    within = window(start, start + SECONDS)
    for metric, side in (("srtt", "SERVER"), ("lost", "CLIENT"), ("active", None), ("opened", None)):
        points = server.ask(SERIES, edge=edge.id, side=side, metric=metric, step="SECOND", window=within)["series"]
        wanted = []
        for given in profiles:
            found = given.edges[0]
            measured = found.server_side if side == "SERVER" else found.client_side
            assert measured is not None
            wanted.append(measured.tcp[metric] if side else getattr(found.connections, metric))
        assert [point["number"] for point in points["points"]] == wanted


def test_listeners_agents_and_the_catalogue(told: tuple[Server, list[Profile]]) -> None:
    server, profiles = told
    start, last = second(profiles[0]), profiles[-1].listeners[0]
    listeners = server.ask(
        "query($w: WindowInput!) { listeners(window: $w) { address queue limit overflows synacksRetransmitted"
        " process { process } } }",
        w=window(start, start + SECONDS),
    )["listeners"]
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
