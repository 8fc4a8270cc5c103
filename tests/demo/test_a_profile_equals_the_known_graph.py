"""Is each edge of a real mesh seen as it is, and each byte and connection as its own ends counted them?"""

from __future__ import annotations

import json
import os
import time

import pytest

from hopscope.client import Profile, Selection, watching
from hopscope.demo.discovery import SETTINGS
from hopscope.demo.envoy import stats
from hopscope.demo.topology import Options
from hopscope.demo.topology import mesh as mesh_of
from hopscope.settings import AgentSettings, read
from tests.demo.oracle import Json, demo, differences, graph, key

RUNS = 20 if os.environ.get("HOPSCOPE_ENDURANCE") else 3


def watched(*steps: tuple[str, ...]) -> tuple[Json, Profile, Json]:
    """Known graph before, profile, and known graph after some steps of `hopscope demo`."""
    with watching(Selection(), settings=read(AgentSettings, SETTINGS)) as window:
        window.take()
        before = graph()
        for step in steps:
            demo(*step)
        after = graph()
        return before, window.take(), after


@pytest.mark.parametrize("run", range(RUNS))
def test_graph_bytes_and_connections_are_exact(mesh: None, run: int) -> None:
    demo("pause")
    # Addresses are kept for a second: after it, there are lookups again.
    time.sleep(1.1)
    before, profile, after = watched(("send", "23"))
    assert after["sent"]["answers"]["200"] - before["sent"]["answers"].get("200", 0) == 23
    seen = profile.to_dict()
    assert differences(before, seen, after) == []
    _sidecar_agrees(seen)


def _sidecar_agrees(seen: Json) -> None:
    # productpage's sidecar counts what two edges, to details and to reviews, bring it.
    ours = mesh_of(Options()).copies[0].of("productpage")[0]
    assert ours.sidecar is not None
    known = {key(edge): edge for edge in seen["edges"]}
    edges = [
        edge for (_, process, instance, _, address), edge in known.items()
        if process == "productpage" and instance == ours.name and address.endswith(":9080")
    ]  # fmt: skip
    assert len(edges) == 2
    active = stats(ours.sidecar)["http.outbound_0.0.0.0_9080.downstream_cx_active"]
    assert sum(edge["connections"]["active"] for edge in edges) == active


def test_without_mtls_every_hop_is_exact() -> None:
    _one_run("--no-mtls")


def test_plain_http2_between_the_sidecars_is_seen() -> None:
    _one_run("--no-mtls", "--protocol", "http2")


def test_two_copies_are_kept_apart() -> None:
    _one_run("--scale", "2", "--protocol", "http2")


def test_the_demos_own_agent_shows_the_same_with_a_server_beside_it() -> None:
    demo("clean")
    demo("up")
    try:
        halves = json.loads(demo("status", "--json"))["halves"]
        assert {half for half, state in halves.items() if state["alive"]} == {"agent", "server"}
        demo("pause")
        time.sleep(1.1)
        before, profile, after = watched(("send", "23"))
    finally:
        demo("down")
    assert differences(before, profile.to_dict(), after) == []


def _one_run(*options: str) -> None:
    demo("clean")
    demo("up", "--no-server", *options)
    try:
        demo("pause")
        time.sleep(1.1)
        before, profile, after = watched(("send", "24"))
    finally:
        demo("down")
    assert differences(before, profile.to_dict(), after) == []
