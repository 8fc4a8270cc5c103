"""Does each fault move the metrics that it should, on the edges that it should, and is it gone when it is off?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from hopscope.client import Selection, Window, watching
from hopscope.demo import containers
from hopscope.demo.discovery import SETTINGS
from hopscope.demo.faults import TABLE, find
from hopscope.demo.topology import Options
from hopscope.demo.topology import mesh as mesh_of
from hopscope.settings import AgentSettings, read
from tests.demo.oracle import Json, Key, demo, in_mesh

SECONDS = 3.0
# A tail loss probe on a busy machine is a retransmission that no fault caused, and so is a late page. What a fault
# does, or what is counted on the wrong edge, is there in each window.
PROBES = 3
LOOKS = 3
_MESH = mesh_of(Options())
assert _MESH.traffic.app is not None
TRAFFIC = _MESH.traffic.app


@dataclass(frozen=True, slots=True)
class Seen:
    """What a window showed: edges of the mesh, listeners, the pages' answers and latencies."""

    edges: dict[Key, Json]
    listeners: list[Json]
    answers: dict[str, int]
    latency: dict[str, float]

    def edge(self, client: str, server: str, address: str = "") -> Json:
        """The one edge between `instance/process` and `instance/process`, to an address that ends so."""
        found = [
            edge for (ci, cp, si, sp, dialed), edge in self.edges.items()
            if (f"{ci}/{cp}", f"{si}/{sp}") == (client, server) and dialed.endswith(address)
        ]  # fmt: skip
        assert len(found) == 1, (client, server, [*self.edges])
        return found[0]


@pytest.fixture(scope="module")
def window(mesh: None) -> Iterator[Window]:
    with watching(Selection(), settings=read(AgentSettings, SETTINGS)) as opened:
        demo("resume", "--rate", "30")
        time.sleep(1)
        yield opened


def look(window: Window, seconds: float = SECONDS) -> Seen:
    """What happens in a while from now on."""
    before = containers.ask(TRAFFIC, "counts")["answers"]
    containers.ask(TRAFFIC, "latency")
    window.take()
    time.sleep(seconds)
    profile = window.take().to_dict()
    after = containers.ask(TRAFFIC, "counts")["answers"]
    answers = {what: number - before.get(what, 0) for what, number in after.items() if number > before.get(what, 0)}
    edges = in_mesh(profile["edges"], [{"name": pod.name} for pod in _MESH.pods])
    return Seen(edges, profile["listeners"], answers, containers.ask(TRAFFIC, "latency"))


def value(edge: Json, metric: str, field: str = "count") -> int:
    """A metric of both sides together."""
    return sum((edge[side] or {}).get(metric, {}).get(field, 0) for side in ("client_side", "server_side"))


def tcp(edge: Json, side: str, name: str) -> float:
    """A truth of one side; 0 when that side saw nothing."""
    return float(((edge[f"{side}_side"] or {}).get("tcp") or {}).get(name, 0))


def reasons(edge: Json, side: str, metric: str) -> dict[str, int]:
    """How often for which reason."""
    found: dict[str, int] = (edge[f"{side}_side"] or {}).get(metric, {}).get("reasons") or {}
    return found


def round_trip(edge: Json) -> float:
    """The client's round trip time in ms, on average over its writes of the window."""
    rtt = edge["client_side"]["write_rtt"]
    return float(rtt["time_ns"] / rtt["timed"] / 1e6)


def opened(edge: Json) -> int:
    """Connections opened in the window."""
    return int(edge["connections"]["opened"])


TO_DETAILS = ("productpage-v1/envoy", "details-v1/envoy")
IN_DETAILS = ("details-v1/envoy", "details-v1/details")
TO_REVIEWS = ("productpage-v1/envoy", "reviews-v1/envoy")
TO_RATINGS = ("reviews-v2/envoy", "ratings-v1/envoy")
OUT_OF_PAGE = ("productpage-v1/productpage", "productpage-v1/envoy")


def loss(seen: Seen) -> None:
    edge = seen.edge(*TO_RATINGS)
    assert value(edge, "retransmit") > 0
    assert sum(reasons(edge, side, "drop").get("netfilter_drop", 0) for side in ("client", "server")) > 0


def delay(seen: Seen) -> None:
    # 20 ms each way. Of connections that nothing went over meanwhile srtt is from before.
    assert round_trip(seen.edge(*TO_DETAILS)) > 36
    assert round_trip(seen.edge(*TO_REVIEWS)) < 20
    assert tcp(seen.edge(*TO_DETAILS), "client", "srtt") > 2 * tcp(seen.edge(*TO_REVIEWS), "client", "srtt")
    assert seen.latency["p50"] > 36


def jitter(seen: Seen) -> None:
    varies = tcp(seen.edge(*TO_DETAILS), "client", "rttvar")
    assert varies > 4_000
    assert tcp(seen.edge(*TO_REVIEWS), "client", "rttvar") < max(4_000, varies / 2)


def narrow(seen: Seen) -> None:
    assert tcp(seen.edge(*TO_REVIEWS), "client", "srtt") > 50_000
    assert tcp(seen.edge(*TO_DETAILS), "client", "srtt") < 40_000


def blackhole(seen: Seen) -> None:
    edge = seen.edge(*TO_DETAILS)
    assert value(edge, "retransmit") > PROBES or edge["connections"]["failed"]
    assert edge["connections"]["failed"].get("aborted", 0) > 0
    assert reasons(edge, "server", "drop").get("netfilter_drop", 0) > 0
    assert seen.answers["502"] > 0


def refuse(seen: Seen) -> None:
    failed = seen.edge(*TO_DETAILS)["connections"]["failed"]
    assert set(failed) == {"refused"}
    # The first pages fail on connections that were open.
    assert failed["refused"] > 30
    assert seen.answers["502"] > 30


def reset_network(seen: Seen) -> None:
    edge = seen.edge(*TO_DETAILS)
    assert reasons(edge, "client", "reset").get("peer", 0) > 0
    assert opened(edge) > 0


def reset_app(seen: Seen) -> None:
    edge = seen.edge(*IN_DETAILS)
    by_app = reasons(edge, "server", "reset").get("local application", 0)
    assert by_app > 30
    assert reasons(edge, "client", "reset") == {"peer": by_app}
    assert set(reasons(edge, "server", "reset")) == {"local application"}


def slow_app(seen: Seen) -> None:
    assert seen.latency["p50"] > 95
    assert set(seen.answers) == {"200"}


def cpu(seen: Seen) -> None:
    # Half of the pages have the version of reviews that computes.
    assert seen.latency["p90"] > 19


def hang(seen: Seen) -> None:
    written = [
        edge["server_side"]["write"]["count"] for name, edge in seen.edges.items()
        if name[2:4] == ("details-v1", "details") and edge["server_side"]
    ]  # fmt: skip
    assert not any(written)
    assert not seen.answers


def error(seen: Seen) -> None:
    assert set(seen.answers) == {"502"}


def starve(seen: Seen) -> None:
    assert seen.latency["p90"] > 40
    assert set(seen.answers) == {"200"}


def zero_window(seen: Seen) -> None:
    assert tcp(seen.edge(*OUT_OF_PAGE, "10.96.0.12:9080"), "server", "rwnd_limited") > 300_000
    assert tcp(seen.edge(*OUT_OF_PAGE, "10.96.0.13:9080"), "server", "rwnd_limited") == 0


def accept_overflow(seen: Seen) -> None:
    full = {
        (listener["process"]["instance"], listener["address"]) for listener in seen.listeners if listener["overflows"]
    }
    assert full == {("details-v1", "0.0.0.0:9080")}


def churn(seen: Seen) -> None:
    edge = seen.edge(*IN_DETAILS)
    assert opened(edge) > 60
    assert abs(opened(edge) - edge["connections"]["closed"]) < 10
    assert opened(seen.edge("reviews-v1/envoy", "reviews-v1/reviews")) < 10
    assert set(seen.answers) == {"200"}


def slow_dns(seen: Seen) -> None:
    # Half a second for each of two names, again a second after the answer.
    assert seen.latency["p90"] > 500
    assert set(seen.answers) == {"200"}


# What a fault changes, and the edges on which anything may fail meanwhile.
CHANGES: dict[str, tuple[Callable[[Seen], None], set[tuple[str, str]]]] = {
    "loss": (loss, {TO_RATINGS}),
    "delay": (delay, {TO_DETAILS}),
    "jitter": (jitter, {TO_DETAILS}),
    "narrow": (narrow, {TO_REVIEWS}),
    "blackhole": (blackhole, {TO_DETAILS}),
    "refuse": (refuse, {TO_DETAILS}),
    "reset-network": (reset_network, {TO_DETAILS}),
    "reset-app": (reset_app, {IN_DETAILS}),
    "slow-app": (slow_app, set()),
    "cpu": (cpu, set()),
    "hang": (hang, set()),
    "error": (error, set()),
    "starve": (starve, set()),
    # Four megabytes go all the way from details to the page.
    "zero-window": (zero_window, {OUT_OF_PAGE, TO_DETAILS, IN_DETAILS}),
    "accept-overflow": (accept_overflow, {IN_DETAILS}),
    "churn": (churn, set()),
    "slow-dns": (slow_dns, set()),
}


def test_every_fault_is_tried() -> None:
    assert list(CHANGES) == [fault.name for fault in TABLE]


@pytest.mark.parametrize("name", CHANGES)
def test_a_fault_changes_what_it_should_and_nothing_else(window: Window, name: str) -> None:
    changes, where = CHANGES[name]
    said = demo("fault", "on", name)
    assert find(name).changes in said
    try:
        time.sleep(0.3)
        for last in (*[False] * (LOOKS - 1), True):
            seen = look(window)
            try:
                changes(seen)
                assert not (elsewhere := troubles(seen, where)), elsewhere
                break
            except AssertionError:
                if last:
                    raise
    finally:
        demo("fault", "off", name)
    _recovers(window)


def troubles(seen: Seen, where: set[tuple[str, str]]) -> list[Any]:
    """What failed on edges where nothing should."""
    found: list[Any] = []
    for (client, process, server, peer, _), edge in seen.edges.items():
        if (f"{client}/{process}", f"{server}/{peer}") in where:
            continue
        failed, resets = edge["connections"]["failed"], value(edge, "reset")
        dropped = [reasons(edge, side, "drop").get("netfilter_drop", 0) for side in ("client", "server")]
        if failed or resets or any(dropped) or value(edge, "retransmit") > PROBES:
            found.append((client, process, server, peer, failed, resets, dropped, value(edge, "retransmit")))
    return found


def _recovers(window: Window) -> None:
    until = time.monotonic() + 15
    while True:
        seen = look(window, 1.0)
        if set(seen.answers) == {"200"} and not troubles(seen, set()):
            return
        assert time.monotonic() < until, (seen.answers, troubles(seen, set()))
