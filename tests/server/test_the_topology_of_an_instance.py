"""Is the topology of an instance the graph that is known, on one host and across two, and do places stay?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from hopscope.server.analysis.entities import Name
from hopscope.server.analysis.topology import Places, resolved
from hopscope.server.query.windows import text
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

from .conftest import Server, servers
from .world import CLIENT, ITSELF, SERVER, Host, edge, line, now, row, traffic

TOPOLOGY = """
query($of: ID!, $window: WindowInput!) { topology(instance: $of, window: $window) {
  instance { name service { name } } window { from to seconds } step total places { inside } agentSilentSeconds
  nodes { id name inside kind ordinal address service instance group pids process { name instance host } }
  groups { id name kind side ordinal }
  edges { id client server port transport protocol security securitySource label state reasons brief since rate
    bytesRate p99Ns retransmitShare seenShare clientSeen serverSeen overflow lastTraffic
    connections { opened closed active failed { reason count } }
    metrics { side metric count bytes rate averageNs p99Ns whyNot } }
  completeness { host secondsAsked secondsRecorded }
} }
"""
SECONDS = 10
REST = "connections without a slot of their own"


class World:
    """Two nodes: a pod of envoy and python on one, three pods on the other, a database nobody watches."""

    def __init__(self, start: int) -> None:
        self.start = start
        one, two = self.one, self.two = Host("node-1"), Host("node-2")
        self.envoy = one.process("envoy", "reviews", "reviews-0", "MESH_DP", pids=[11])
        self.python = one.process("python", "reviews", "reviews-0", "MESH", pids=[12, 13])
        self.page = one.process("envoy", "productpage", "productpage-0", "MESH_DP")
        self.ratings = two.process("envoy", "ratings", "ratings-0", "MESH_DP")
        self.mongo = two.process("mongod", "mongo", "mongo-0", "K8S_SERVICE")
        self.shared = two.process("redis", "redis", "redis-0", "K8S_SERVICE")

    def batches(self, second: int) -> Iterator[wire.Batch]:
        here, there = self.one.batch(second), self.two.batch(second)
        local = edge(here, (self.envoy, "127.0.0.6"), (self.python, "127.0.0.1:9080"))
        called = edge(here, (self.page, "10.1.0.3"), (self.envoy, "10.1.0.5:9080"), protocol="unknown", security="tls")
        for of in (local, called):
            for side in (CLIENT, SERVER):
                traffic(here, of, side)
        # To a pod of the other node: each sees its own half.
        near = edge(here, (self.envoy, "10.1.0.5"), (0, "10.2.0.7:9080"), protocol="unknown", security="unknown")
        far = edge(there, (0, "10.1.0.5"), (self.ratings, "10.2.0.7:9080"), protocol="http2")
        traffic(here, near, CLIENT, 30, 200)
        traffic(there, far, SERVER, 30, 200)
        witness(here, near, 1, "10.1.0.5:40001", "10.2.0.7:9080")
        witness(there, far, 0, "10.1.0.5:40001", "10.2.0.7:9080")
        # Two processes of one pod call the same server: its half is of both.
        both = [edge(here, (it, "10.1.0.5"), (0, "10.2.0.9:6379")) for it in (self.envoy, self.python)]
        half = edge(there, (0, "10.1.0.5"), (self.shared, "10.2.0.9:6379"))
        for number, of in enumerate(both):
            traffic(here, of, CLIENT, 10)
            witness(here, of, 1, f"10.1.0.5:5000{number}", "10.2.0.9:6379")
            witness(there, half, 0, f"10.1.0.5:5000{number}", "10.2.0.9:6379")
        traffic(there, half, SERVER, 20)
        # Whose address is known, but not who answered; nobody's address; a name server; what had no room.
        pod = edge(here, (self.python, "10.1.0.5"), (0, "10.2.0.8:27017"))
        other = edge(there, (self.mongo, "10.2.0.8"), (0, "10.9.9.9:443"))
        strange = edge(here, (self.python, "10.1.0.5"), (0, "192.0.2.7:3306"))
        names = edge(here, (self.python, "10.1.0.5"), (0, "10.96.0.10:53"), protocol="unknown")
        rest = edge(here, (self.envoy, ""), (0, REST), protocol="unknown")
        traffic(here, pod, CLIENT)
        traffic(there, other, CLIENT)
        for of in (names, rest):
            row(here, "write", of, CLIENT, count=1, moved=10)
        row(here, "write", strange, CLIENT)
        row(here, "failed", strange, ITSELF, label="timed out", count=2)
        row(here, "opened", rest, ITSELF, count=1, total=3)
        row(here, "active", near, ITSELF, count=1, total=4, least=4, most=4)
        yield here
        yield there


def witness(batch: wire.Batch, of: int, initiator: int, client: str, server: str) -> None:
    batch.witnesses.add(edge=of, initiator=bool(initiator), client=client, server=server)


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Server, World]]:
    world = World(now() - 60)
    with servers() as make:
        server = make().start()
        for second in range(world.start, world.start + SECONDS):
            for batch in world.batches(second):
                server.send(batch.SerializeToString())
        yield server, world


def ask(server: Server, of: str, first: int, last: int) -> dict[str, Any]:
    found: dict[str, Any] = server.ask(TOPOLOGY, of=of, window={"from": text(first), "to": text(last)})["topology"]
    found["node"] = {node["id"]: node for node in found["nodes"]}
    found["edge"] = {(held["client"], held["server"]): held for held in found["edges"]}
    return found


def test_who_is_at_the_ends(told: tuple[Server, World]) -> None:
    server, world = told
    found = ask(server, "reviews-0", world.start, world.start + SECONDS)
    envoy, python, page, ratings, redis = (
        f"{it:016x}" for it in (world.envoy, world.python, world.page, world.ratings, world.shared)
    )
    assert set(found["edge"]) == {
        (envoy, python), (page, envoy), (envoy, ratings), (envoy, redis), (python, redis), (python, "10.2.0.8:27017"),
        (python, "192.0.2.7:3306"), (python, "10.96.0.10:53"), (envoy, REST),
    }  # fmt: skip
    kinds = {node["id"]: (node["name"], node["kind"], node["inside"], node["service"]) for node in found["nodes"]}
    assert kinds == {
        envoy: ("envoy", "PROCESS", True, "reviews"),
        python: ("python", "PROCESS", True, "reviews"),
        page: ("productpage-0", "PROCESS", False, "productpage"),
        ratings: ("ratings-0", "PROCESS", False, "ratings"),
        redis: ("redis-0", "PROCESS", False, "redis"),
        "10.2.0.8:27017": ("mongo-0", "POD", False, "mongo"),
        "192.0.2.7:3306": ("192.0.2.7:3306", "ADDRESS", False, None),
        "10.96.0.10:53": ("10.96.0.10:53", "ADDRESS", False, None),
        REST: ("other connections", "REST", False, None),
    }
    assert found["node"][ratings]["process"] == {
        "name": "envoy", "instance": "cmF0aW5ncw==.1_cmF0aW5ncy0w", "host": "node-2",
    }  # fmt: skip
    assert found["node"][python]["pids"] == [12, 13] and found["node"]["10.2.0.8:27017"]["process"] is None
    assert found["node"][ratings]["address"] == "10.2.0.7:9080"
    groups = {group["name"]: (group["kind"], group["side"], group["ordinal"]) for group in found["groups"]}
    assert groups["DNS"] == ("PLATFORM", "SERVER", 0)
    assert groups["productpage"] == ("APPLICATION", "CLIENT", 0)
    servers_ = {"mongo", "ratings", "redis", "192.0.2.0/24", "other connections"}
    assert {name for name, it in groups.items() if it[:2] == ("APPLICATION", "SERVER")} == servers_
    assert sorted(groups[name][2] for name in servers_) == list(range(5))
    assert found["node"][envoy]["ordinal"] == 0 and found["node"][python]["ordinal"] == 1
    assert found["places"] == {"inside": 2} and found["total"] == 9


def test_what_a_line_says(told: tuple[Server, World]) -> None:
    server, world = told
    found = ask(server, "reviews-0", world.start, world.start + SECONDS)
    envoy, python, ratings = (f"{it:016x}" for it in (world.envoy, world.python, world.ratings))
    joined = found["edge"][envoy, ratings]
    assert joined["id"] == f"{line(world.envoy, '10.2.0.7:9080'):016x}"
    assert (joined["clientSeen"], joined["serverSeen"], joined["port"]) == (True, True, 9080)
    assert (joined["protocol"], joined["security"], joined["label"]) == ("http2", "none", "HTTP/2")
    assert joined["rate"] == pytest.approx(30) and joined["bytesRate"] == pytest.approx(30 * 600)
    assert joined["p99Ns"] > 0 and joined["retransmitShare"] == 0 and joined["state"] == "HEALTHY"
    assert joined["connections"] == {"opened": 0, "closed": 0, "active": 4, "failed": []}
    assert joined["lastTraffic"] and joined["seenShare"] == 1
    written = {(it["side"], it["metric"]): it for it in joined["metrics"]}
    assert written["CLIENT", "write"]["count"] == written["SERVER", "write"]["count"] == 30 * SECONDS
    assert written["CLIENT", "write"]["rate"] == pytest.approx(30)
    shared = found["edge"][envoy, f"{world.shared:016x}"]
    assert (shared["clientSeen"], shared["serverSeen"], shared["rate"]) == (True, False, pytest.approx(10))
    bad = found["edge"][python, "192.0.2.7:3306"]
    assert (bad["state"], bad["brief"]) == ("FAILING", "20 timed out") and bad["since"]
    assert bad["reasons"] == ["20 of 20 connects failed (timed out)"]
    rest = found["edge"][envoy, REST]
    assert (rest["state"], rest["overflow"]) == ("HEALTHY", 30)
    assert found["edge"][f"{world.page:016x}", envoy]["label"] == "TCP (TLS)"
    assert found["edge"][f"{world.page:016x}", envoy]["securitySource"] == "wire"


def test_the_same_lines_from_the_other_end(told: tuple[Server, World]) -> None:
    server, world = told
    found = ask(server, "ratings-0", world.start, world.start + SECONDS)
    ((pair, joined),) = found["edge"].items()
    assert pair == (f"{world.envoy:016x}", f"{world.ratings:016x}")
    assert joined["id"] == f"{line('10.1.0.5', '10.2.0.7:9080'):016x}"
    assert (joined["clientSeen"], joined["serverSeen"], joined["rate"]) == (True, True, pytest.approx(30))
    assert joined["connections"]["active"] == 4
    # Two processes share this half; whose pod they are in is known.
    redis = ask(server, "redis-0", world.start, world.start + SECONDS)
    (((client, _), half),) = redis["edge"].items()
    node = redis["node"][client]
    assert (node["kind"], node["name"], node["id"]) == ("POD", "reviews-0", "10.1.0.5")
    assert (half["clientSeen"], half["serverSeen"], half["rate"]) == (False, True, pytest.approx(20))


def test_any_window_is_exact(told: tuple[Server, World]) -> None:
    server, world = told
    envoy, ratings = f"{world.envoy:016x}", f"{world.ratings:016x}"
    for first, last in ((0, 1), (3, 8), (-200, SECONDS), (-700, 100), (5, 300)):
        found = ask(server, "reviews-0", world.start + first, world.start + last)
        seconds = len(set(range(first, last)) & set(range(SECONDS)))
        assert found["window"]["seconds"] == last - first
        written = {(it["side"], it["metric"]): it for it in found["edge"][envoy, ratings]["metrics"]}
        assert written["CLIENT", "write"]["count"] == 30 * seconds
        assert found["edge"][envoy, ratings]["seenShare"] == pytest.approx(seconds / (last - first))
        (seen, _) = found["completeness"]
        assert seen["secondsRecorded"] == seconds
    wide = ask(server, "reviews-0", world.start - 3000, world.start + SECONDS)
    assert wide["window"]["seconds"] % 60 == 0 and wide["step"] in ("MINUTE", "HOUR")
    assert sum(it["count"] for it in wide["edge"][envoy, ratings]["metrics"] if it["metric"] == "write") == 600


def test_places_stay_when_somebody_comes(told: tuple[Server, World]) -> None:
    server, world = told
    before = ask(server, "reviews-0", world.start, world.start + SECONDS)
    late = world.start + SECONDS + 20
    helper = world.one.process("aaa", "reviews", "reviews-0", "MESH")
    batch = world.one.batch(late)
    new = [edge(batch, (helper, "10.1.0.5"), (0, address)) for address in ("10.0.0.1:80", "192.0.2.200:3306")]
    for of in new:
        traffic(batch, of, CLIENT)
    server.send(batch.SerializeToString())
    after = ask(server, "reviews-0", world.start, late + 1)
    for kind in ("nodes", "groups"):
        found = {it["id"]: it for it in after[kind]}
        for it in before[kind]:
            assert found[it["id"]] == it
    assert after["node"][f"{helper:016x}"]["ordinal"] == 2 and after["places"] == {"inside": 3}
    only = ask(server, "reviews-0", late, late + 1)
    assert [node["ordinal"] for node in only["nodes"] if node["inside"]] == [2]
    assert {node["id"]: node["ordinal"] for node in only["nodes"]}["192.0.2.200:3306"] == 1


def test_nothing_in_the_window_and_nobody(told: tuple[Server, World]) -> None:
    server, world = told
    found = ask(server, "reviews-0", world.start - 100, world.start)
    assert (found["nodes"], found["edges"], found["groups"], found["total"]) == ([], [], [], 0)
    assert found["instance"]["service"]["name"] == "reviews"
    assert found["agentSilentSeconds"] is None or found["agentSilentSeconds"] > 15
    (error,) = server.post(TOPOLOGY, {"of": "nobody", "window": {"last": 60}})["errors"]
    assert "there is no instance 'nobody'" in error["message"]


def test_what_needs_a_look(told: tuple[Server, World]) -> None:
    server, world = told
    query = """query($w: WindowInput!) { needsLook(window: $w) { lines bad looks {
      edge client server label instance instanceName state reasons brief since rate p99Ns } } }"""
    window = {"from": text(world.start), "to": text(world.start + SECONDS)}
    found = server.ask(query, w=window)["needsLook"]
    (look,) = found["looks"]
    assert (found["lines"], found["bad"]) == (12, 1)
    assert look["edge"] == f"{line(world.python, '192.0.2.7:3306'):016x}" and look["since"]
    assert (look["client"], look["server"], look["label"]) == ("python", "192.0.2.7:3306", "HTTP")
    assert (look["instanceName"], look["state"], look["brief"]) == ("reviews-0", "FAILING", "20 timed out")


def test_edges_of_an_instance_have_both_sides(told: tuple[Server, World]) -> None:
    server, world = told
    query = """query($w: WindowInput!) { edges(window: $w, instance: "reviews/reviews-0") { total edges {
      id client { process } server { process address } protocol connections { active }
      clientSide { metrics(names: ["write"]) { count } } serverSide { metrics(names: ["write"]) { count } } } } }"""
    window = {"from": text(world.start), "to": text(world.start + SECONDS)}
    found = server.ask(query, w=window)["edges"]
    assert found["total"] == 9
    joined = next(it for it in found["edges"] if it["id"] == f"{line(world.envoy, '10.2.0.7:9080'):016x}")
    assert (joined["client"]["process"], joined["server"]["process"], joined["protocol"]) == ("envoy", "envoy", "http2")
    for side in ("clientSide", "serverSide"):
        assert joined[side]["metrics"] == [{"count": 30 * SECONDS}]
    assert joined["connections"] == {"active": 4}


def test_peers_are_called_so_that_they_are_told_apart() -> None:
    places = Places()
    names = {
        1: Name("reviews", "reviews-0"),
        2: Name("reviews", "reviews-0"),
        3: Name("vm", "vm"),
        4: Name("ratings", "r-1"),
    }
    called = {1: "envoy", 2: "python", 3: "nginx", 4: "envoy"}
    for process in names:
        peer = resolved(f"10.0.0.{process}:80", [process], names, called, ())
        places.outside(peer, 100 + process, "server")
    places.finish()
    found = [node.name for node in sorted(places.nodes.values(), key=lambda node: node.first)]
    assert found == ["envoy of reviews-0", "python of reviews-0", "nginx", "r-1"]
