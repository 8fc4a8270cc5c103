"""Are services, instances and processes what the agents told, and can each be found?"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hopscope.server.query.windows import text

from .conftest import Server, servers
from .world import CLIENT, SERVER, Host, edge, now, row, traffic

SERVICES = """
query($layer: String, $window: WindowInput) { services(layer: $layer, window: $window) {
  window { seconds } total completeness { host secondsAsked secondsRecorded missing } services {
  id name layers instances processes firstSeen lastSeen health { state reasons rate bytesRate p99Ns since lines } } } }
"""
INSTANCES = """
query($of: ID!) { instances(service: $of) {
  completeness { host missing } instances {
  id name host layers labels { name value } attributes { name value } processes firstSeen service { name instances }
  health { state lines } agent { host version attributes { name value } } task { id } } } }
"""
PROCESSES = """
query($of: ID!) { processes(instance: $of) {
  window { seconds } total completeness { host missing } processes {
  id name instance service layer detectType host pids container cgroup executable commandLine started
  labels { name value } attributes { name value } firstSeen lastSeen tlsVisibility listeners { address } } } }
"""


MISSING = "{} of 20 seconds were recorded: its agent did not report"


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Server, dict[str, int], int]]:
    start = now() - 20
    node, plain = Host("node-1"), Host("vm-7")
    envoy = node.process(
        "envoy", "reviews", "reviews-v1-abc", "MESH_DP", pids=[7, 8], command_line="envoy -c /etc/x",
        started=start - 99, container="c1", labels={"app": "reviews"},
        attributes={"user": "1337", "image": "envoy:1.30", "namespace": "shop"},
    )  # fmt: skip
    python = node.process(
        "python",
        "reviews",
        "reviews-v1-abc",
        "MESH",
        labels={"version": "v1"},
        attributes={"user": "root", "language": "python", "namespace": "shop"},
    )
    other = node.process("envoy", "reviews", "reviews-v2-def", "MESH_DP")
    redis = plain.process("redis-server")
    with servers() as make:
        server = make().start()
        for second in range(start, start + 10):
            batch = node.batch(second, processes=second in (start, start + 9))
            inside = edge(batch, (envoy, "127.0.0.1"), (python, "127.0.0.1:9080"))
            bad = edge(batch, (other, "10.0.0.3"), (0, "10.0.0.9:3306"))
            for side in (CLIENT, SERVER):
                traffic(batch, inside, side)
            row(batch, "failed", bad, 0, label="refused", count=5)
            row(batch, "write", bad, CLIENT)
            server.send(batch.SerializeToString())
        server.send(plain.batch(start + 5).SerializeToString())
        ids = {"envoy": envoy, "python": python, "other": other, "redis": redis, "bad": bad}
        yield server, ids, start


def test_services(told: tuple[Server, dict[str, int], int]) -> None:
    server, _, start = told
    found = {it["name"]: it for it in server.ask(SERVICES)["services"]["services"]}
    assert set(found) == {"reviews", "vm-7"}
    reviews, host = found["reviews"], found["vm-7"]
    assert reviews["id"] == "cmV2aWV3cw==.1" and reviews["layers"] == ["MESH", "MESH_DP"]
    assert (reviews["instances"], reviews["processes"]) == (2, 3)
    assert (reviews["firstSeen"], reviews["lastSeen"]) == (text(start), text(start + 9))
    health = reviews["health"]
    assert health["state"] == "FAILING" and health["lines"] == 2 and health["since"]
    assert health["reasons"] == ["50 of 50 connects failed (refused)"]
    assert health["rate"] == pytest.approx(50) and health["bytesRate"] == pytest.approx(50 * 300)
    assert health["p99Ns"] > 0
    assert (host["layers"], host["instances"], host["processes"]) == (["OS_LINUX"], 1, 1)
    assert host["health"] == {
        "state": "NONE", "reasons": [], "rate": None, "bytesRate": None, "p99Ns": None, "since": None, "lines": 0,
    }  # fmt: skip
    assert [it["name"] for it in server.ask(SERVICES, layer="OS_LINUX")["services"]["services"]] == ["vm-7"]
    before = {"from": text(start - 100), "to": text(start)}
    assert server.ask(SERVICES, window=before)["services"]["services"] == []


def test_instances(told: tuple[Server, dict[str, int], int]) -> None:
    server, _, start = told
    one, two = sorted(server.ask(INSTANCES, of="cmV2aWV3cw==.1")["instances"]["instances"], key=lambda it: it["name"])
    assert one["id"] == "cmV2aWV3cw==.1_cmV2aWV3cy12MS1hYmM=" and one["name"] == "reviews-v1-abc"
    assert one["labels"] == [{"name": "app", "value": "reviews"}] or one["labels"] == [
        {"name": "version", "value": "v1"}
    ]
    assert one["host"] == "node-1" and one["processes"] == 2 and one["firstSeen"] == text(start)
    assert one["service"] == {"name": "reviews", "instances": 2} and one["agent"] == {
        "host": "node-1",
        "version": "1",
        "attributes": [{"name": "os", "value": "of node-1"}],
    }
    # The host's, and what both processes say; the processes of the other pod say nothing.
    assert one["attributes"] == [{"name": "namespace", "value": "shop"}, {"name": "os", "value": "of node-1"}]
    assert two["attributes"] == [{"name": "os", "value": "of node-1"}]
    assert one["health"] == {"state": "HEALTHY", "lines": 1} and two["health"] == {"state": "FAILING", "lines": 1}
    assert one["task"] is None
    assert server.ask(INSTANCES, of="reviews")["instances"]["instances"][0]["service"]["name"] == "reviews"


def test_what_was_seen_comes_with_the_answer(told: tuple[Server, dict[str, int], int]) -> None:
    server, _, start = told
    within = {"from": text(start - 10), "to": text(start + 10)}
    found = server.ask(SERVICES, window=within)["services"]
    assert (found["window"], found["total"]) == ({"seconds": 20}, 2)
    asked = {"secondsAsked": 20}
    assert sorted(found["completeness"], key=lambda it: it["host"]) == [
        {"host": "node-1", **asked, "secondsRecorded": 10, "missing": [MISSING.format(10)]},
        {"host": "vm-7", **asked, "secondsRecorded": 1, "missing": [MISSING.format(1)]},
    ]
    # Of each answer only the hosts that it is about, and a silent one is not left out.
    (host,) = server.ask(SERVICES, layer="OS_LINUX", window=within)["services"]["completeness"]
    assert host["host"] == "vm-7"
    (host,) = server.ask(INSTANCES, of="reviews")["instances"]["completeness"]
    assert host["host"] == "node-1" and "did not report" in host["missing"][0]
    found = server.ask(PROCESSES, of="vm-7")["processes"]
    assert (found["window"], found["total"]) == ({"seconds": 60}, 1)
    assert [it["host"] for it in found["completeness"]] == ["vm-7"]
    one = "query($of: ID!) { instance(id: $of) { completeness { host } } }"
    assert server.ask(one, of="vm-7")["instance"] == {"completeness": [{"host": "vm-7"}]}
    looks = "query($w: WindowInput!) { needsLook(window: $w) { completeness { host missing } } }"
    assert {it["host"] for it in server.ask(looks, w=within)["needsLook"]["completeness"]} == {"node-1", "vm-7"}
    line = """query($id: ID!, $w: WindowInput!) {
      edge(id: $id, window: $w) { completeness { host secondsRecorded } }
      timeline(instance: "vm-7", window: $w) { completeness { host secondsRecorded } } }"""
    answer = server.ask(line, id=f"{told[1]['bad']:016x}", w=within)
    assert answer["edge"]["completeness"] == [{"host": "node-1", "secondsRecorded": 10}]
    assert answer["timeline"]["completeness"] == [{"host": "vm-7", "secondsRecorded": 1}]


@pytest.mark.parametrize("name", ["cmV2aWV3cw==.1_cmV2aWV3cy12MS1hYmM=", "reviews/reviews-v1-abc", "reviews-v1-abc"])
def test_an_instance_is_named_in_three_ways(told: tuple[Server, dict[str, int], int], name: str) -> None:
    (found,) = (told[0].ask("query($of: ID!) { instance(id: $of) { name } }", of=name)["instance"],)
    assert found == {"name": "reviews-v1-abc"}


def test_processes(told: tuple[Server, dict[str, int], int]) -> None:
    server, ids, start = told
    envoy, python = server.ask(PROCESSES, of="reviews-v1-abc")["processes"]["processes"]
    assert envoy == {
        "id": f"{ids['envoy']:016x}", "name": "envoy", "instance": "cmV2aWV3cw==.1_cmV2aWV3cy12MS1hYmM=",
        "service": "reviews", "layer": "MESH_DP", "detectType": "KUBERNETES", "host": "node-1", "pids": [7, 8],
        "container": "c1", "cgroup": "/reviews/reviews-v1-abc", "executable": "/usr/bin/envoy",
        "commandLine": "envoy -c /etc/x", "started": text(start - 99), "labels": [{"name": "app", "value": "reviews"}],
        "attributes": [
            {"name": "image", "value": "envoy:1.30"}, {"name": "namespace", "value": "shop"},
            {"name": "user", "value": "1337"},
        ],
        "firstSeen": text(start), "lastSeen": text(start + 9), "listeners": [],
        "tlsVisibility": "not read: payload is not decrypted",
    }  # fmt: skip
    assert (python["name"], python["container"], python["started"]) == ("python", None, None)
    (redis,) = server.ask(PROCESSES, of="vm-7")["processes"]["processes"]
    assert (redis["service"], redis["layer"], redis["detectType"]) == ("vm-7", "OS_LINUX", "LINUX")


def test_who_is_told_of_once_a_minute_is_in_each_window_of_it(server: Server) -> None:
    told, node = now() - 900, Host("node-1")
    node.process("sleeper", "reviews", "reviews-v1-abc", "MESH")
    for second in (told, told + 60):
        server.send(node.batch(second, processes=True).SerializeToString())

    def within(start: int) -> tuple[int, int]:
        window = {"from": text(start), "to": text(start + 10)}
        listed = "query($of: ID!, $w: WindowInput) { processes(instance: $of, window: $w) { total } }"
        services = server.ask(SERVICES, window=window)["services"]
        return server.ask(listed, of="reviews-v1-abc", w=window)["processes"]["total"], services["total"]

    assert [within(told + later) for later in (-20, 0, 30, 61, 110)] == [(0, 0), (1, 1), (1, 1), (1, 1), (1, 1)]
    assert within(told + 400) == (0, 0)


@pytest.mark.parametrize(
    ("query", "of", "why"),
    [
        (INSTANCES, "bm9uZQ==.1", "there is no service 'none'"),
        (INSTANCES, "$$$.1", "is not the id of a service"),
        (PROCESSES, "nobody", "there is no instance 'nobody'"),
        (PROCESSES, "cmV2aWV3cw==.1_bm9uZQ==", "there is no instance 'reviews/none'"),
    ],
)
def test_what_there_is_not_is_said(told: tuple[Server, dict[str, int], int], query: str, of: str, why: str) -> None:
    (error,) = told[0].post(query, {"of": of})["errors"]
    assert why in error["message"]


def test_search(told: tuple[Server, dict[str, int], int]) -> None:
    server, ids, _ = told
    query = "query($text: String!) { search(text: $text) { kind id name instance instanceName service } }"
    found = server.ask(query, text="REVIEWS")["search"]
    assert [it["kind"] for it in found] == ["SERVICE", "INSTANCE", "INSTANCE"]
    (process,) = server.ask(query, text="pyth")["search"]
    assert (process["kind"], process["id"]) == ("PROCESS", f"{ids['python']:016x}")
    assert process["instanceName"] == "reviews-v1-abc"
    (address,) = server.ask(query, text="0.9:33")["search"]
    assert (address["kind"], address["name"], address["service"]) == ("ADDRESS", "10.0.0.9:3306", "cmV2aWV3cw==.1")
    assert address["instanceName"] == "reviews-v2-def"
    assert [it["name"] for it in server.ask(query, text="vm-")["search"]] == ["vm-7", "vm-7"]
    assert server.ask(query, text="nothing like it")["search"] == []
    assert "can be searched" in server.post(query, {"text": "  "})["errors"][0]["message"]
