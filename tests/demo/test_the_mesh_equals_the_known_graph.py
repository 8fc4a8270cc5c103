"""Do Envoys' access logs become the mesh that is there, and is every request in it that Envoy counted itself?"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hopscope.demo import envoy, graph
from hopscope.demo.bootstrap import ACCESS_LOG_SOCKET
from hopscope.demo.graph import KnownEdge, KnownLine
from hopscope.demo.topology import Options, Pod
from hopscope.demo.topology import mesh as mesh_of
from tests.demo.oracle import Json, demo
from tests.server.access_logs import MESH, PODS, WHOLE

HTTP = "http://127.0.0.1:8080/graphql"
GATEWAY, PAGE, DETAILS, REVIEWS, RATINGS = (
    f"{name}.default" for name in ("istio-ingressgateway", "productpage", "details", "reviews", "ratings")
)
# Envoy sends what it has once a second, and so does the server.
ON_THE_WAY = 4.0


def ask(query: str, **variables: Any) -> Any:
    body = json.dumps({"query": query, "variables": variables}).encode()
    request = urllib.request.Request(HTTP, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        found = json.load(answer)
    assert "errors" not in found, found["errors"]
    return found["data"]


def pod(name: str) -> Pod:
    return next(one for one in mesh_of(Options()).pods if one.name == name)


def stats(name: str) -> dict[str, int]:
    sidecar = pod(name).sidecar
    assert sidecar is not None
    return envoy.stats(sidecar)


class Seen:
    """What the mesh says of a time, by the names of its ends, and how far each Envoy's own counts went meanwhile."""

    def __init__(self, window: dict[str, str], counts: dict[str, dict[str, int]]) -> None:
        self.window = window
        self.mesh = ask(MESH + WHOLE, window=window)["mesh"]
        self.names = {service["id"]: service["name"] for service in self.mesh["services"]}
        self.lines = {(self.names[o["client"]], self.names[o["server"]]): o for o in self.mesh["lines"]}
        self._counts = counts

    def counted(self, name: str, stat: str) -> int:
        """What a pod's Envoy counted in the time."""
        return self._counts[name].get(stat, 0)

    def sent(self, name: str, service: str, stat: str) -> int:
        """The same of what it sent to a service."""
        return self.counted(name, f"cluster.outbound|9080||{service}.svc.cluster.local.upstream_{stat}")


@contextmanager
def time_of(made: list[Seen]) -> Iterator[None]:
    """Looks at the time in which the block runs, when all logs of it have come."""
    sidecars = [one.name for one in mesh_of(Options()).pods if one.sidecar]
    time.sleep(1.1)
    before, start = {name: stats(name) for name in sidecars}, moment()
    yield
    time.sleep(ON_THE_WAY)
    after = {name: stats(name) for name in sidecars}
    grown = {
        name: {stat: value - before[name].get(stat, 0) for stat, value in held.items()} for name, held in after.items()
    }
    made.append(Seen({"from": start, "to": moment()}, grown))


def moment() -> str:
    return time.strftime("%FT%TZ", time.gmtime())


def during(*steps: tuple[str, ...]) -> Seen:
    """What the mesh says of a time in which these steps of `hopscope demo` were taken."""
    made: list[Seen] = []
    with time_of(made):
        for step in steps:
            demo(*step)
    return made[0]


def named(reasons: list[dict[str, Any]]) -> dict[str, int]:
    return {row["reason"]: row["count"] for row in reasons}


@pytest.fixture(scope="module")
def paused() -> Iterator[None]:
    """A demo with its server, where nothing is sent but what a test sends."""
    demo("clean")
    demo("up")
    demo("pause")
    # What has been sent before is in the log, and addresses are looked up again.
    time.sleep(ON_THE_WAY)
    yield
    demo("clean")


def known(seen: Seen) -> set[KnownLine]:
    return {
        KnownLine(client, server, line["protocol"], line["security"]) for (client, server), line in seen.lines.items()
    }


def test_services_and_lines_are_the_known_graph(paused: None) -> None:
    seen = during(("send", "40"))
    made = mesh_of(Options())
    assert known(seen) == graph.lines(made)
    layers = {service["name"]: service["layer"] for service in seen.mesh["services"]}
    assert [layers[name] for name in ("traffic.default", GATEWAY, PAGE, DETAILS, REVIEWS, RATINGS)] == [
        0,
        1,
        2,
        3,
        3,
        4,
    ]
    assert seen.mesh["proxies"] == sum(1 for one in made.pods if one.sidecar)
    _every_request_is_counted(seen, 40)
    _time_adds_up(seen)


def _every_request_is_counted(seen: Seen, pages: int) -> None:
    wanted = {
        ("traffic.default", GATEWAY): pages, (GATEWAY, PAGE): pages, (PAGE, DETAILS): pages, (PAGE, REVIEWS): pages,
        (REVIEWS, RATINGS): pages // 2,
    }  # fmt: skip
    assert {ends: line["requests"] for ends, line in seen.lines.items() if line["requests"]} == wanted
    for ends, client in (((GATEWAY, PAGE), "istio-ingressgateway"), ((PAGE, DETAILS), "productpage-v1"),
                         ((PAGE, REVIEWS), "productpage-v1"), ((REVIEWS, RATINGS), "reviews-v2")):  # fmt: skip
        line = seen.lines[ends]
        assert line["requests"] == seen.sent(client, ends[1], "rq_completed")
        assert named(line["byStatus"]) == {"200": seen.sent(client, ends[1], "rq_200")}
        assert (line["errors"], line["retries"], line["byFlag"]) == (0, 0, [])
        assert line["clientSeen"] and line["serverSeen"]
    by_pod = ask(PODS + WHOLE, service=_id(seen, REVIEWS), window=seen.window)["meshPods"]
    names = {one["id"]: one["name"] for one in by_pod["services"]}
    pods = {(names[line["client"]], names[line["server"]]): line["requests"] for line in by_pod["lines"]}
    for name in ("reviews-v1", "reviews-v2"):
        inbound = seen.counted(name, "http.inbound_0.0.0.0_9080.downstream_rq_completed")
        assert pods["productpage-v1", name] == inbound == pages // 2


def _id(seen: Seen, name: str) -> str:
    return next(identity for identity, called in seen.names.items() if called == name)


def _time_adds_up(seen: Seen) -> None:
    for ends in ((GATEWAY, PAGE), (PAGE, DETAILS), (PAGE, REVIEWS), (REVIEWS, RATINGS)):
        parts = {part["part"]: part["averageNs"] for part in seen.lines[ends]["latency"]}
        assert set(parts) == {
            "whole", "downstream", "client_proxy", "upstream", "network", "server_proxy", "app", "not_explained",
        }  # fmt: skip
        pieces = sum(value for name, value in parts.items() if name not in ("whole", "upstream"))
        assert pieces == pytest.approx(parts["whole"])
        assert abs(parts["not_explained"]) < 0.01 * parts["whole"]
        assert all(parts[name] > 0 for name in ("client_proxy", "network", "server_proxy", "app"))


TOPOLOGY = """
query($instance: ID!, $window: WindowInput!) { topology(instance: $instance, window: $window) {
  nodes { id instance process { name } } edges { client server address label security securitySource } } }
"""


def test_every_line_of_every_pod_is_what_it_is(paused: None) -> None:
    seen = during(("send", "20"))
    made = mesh_of(Options())
    edges = list(graph.edges(made))
    until = time.monotonic() + 40
    for pod in made.pods:
        wanted = sorted((*_ends(edge), edge.dialed, *_words(edge)) for edge in edges if pod.name in _pods(edge))
        # The agent's own report of the time comes when the machine lets it.
        while (shown := _shown(pod.name, seen.window)) != wanted and time.monotonic() < until:
            time.sleep(0.5)
        assert shown == wanted, pod.name


def _shown(pod: str, window: dict[str, str]) -> list[tuple[Any, ...]]:
    """Each line of a pod's topology: its ends (pod and process), what was dialed, label, security and who says so."""
    found = ask(TOPOLOGY, instance=pod, window=window)["topology"]
    names = {node["id"]: (node["instance"], (node["process"] or {}).get("name")) for node in found["nodes"]}
    told = ("address", "label", "security", "securitySource")
    return sorted(
        (names[line["client"]], names[line["server"]], *(line[name] for name in told)) for line in found["edges"]
    )


def _pods(edge: KnownEdge) -> tuple[str, str]:
    return edge.client.pod, edge.server.pod


def _ends(edge: KnownEdge) -> tuple[tuple[str, str], tuple[str, str]]:
    return (edge.client.pod, edge.client.process), (edge.server.pod, edge.server.process)


def _words(edge: KnownEdge) -> tuple[str, str, str]:
    """What a line says: of one that TLS hides the log knows more, of one that is no HTTP nobody knows more than TCP."""
    if edge.security == "tls":
        return "HTTPS", "mtls", "access log"
    return ("HTTP", "none", "wire") if edge.protocol == "http" else ("TCP", "unknown", "")


def faulty(fault: str, pages: int) -> Seen:
    """What the mesh says of some pages while details has a fault."""
    try:
        return during(("fault", "on", fault), ("send", str(pages)))
    finally:
        demo("fault", "off", fault)
        # Connections that the fault broke are replaced.
        demo("send", "16")


def errors(seen: Seen) -> Json:
    """The line to details, of which every request failed; all others are well, but for the pages that miss it."""
    line: Json = seen.lines[PAGE, DETAILS]
    assert line["requests"] == line["errors"] == seen.sent("productpage-v1", DETAILS, "rq_completed")
    assert seen.lines[PAGE, REVIEWS]["errors"] == 0
    assert line["state"] == "FAILING"
    statuses = {status: seen.sent("productpage-v1", DETAILS, f"rq_{status}") for status in ("500", "503", "504")}
    assert named(line["byStatus"]) == {status: count for status, count in statuses.items() if count}
    return line


def test_errors_of_the_application_are_its_status(paused: None) -> None:
    line = errors(faulty("error", 20))
    assert named(line["byStatus"]) == {"500": 20}
    assert line["byFlag"] == [] and line["serverSeen"]


def test_a_refused_connection_is_told_by_the_client_alone(paused: None) -> None:
    seen = faulty("refuse", 20)
    line = errors(seen)
    failed = seen.sent("productpage-v1", DETAILS, "rq_pending_failure_eject")
    # The first ones fail on connections that were open.
    assert named(line["byFlag"]) == {flag: count for flag, count in (("UF", failed), ("UC", 20 - failed)) if count}
    assert failed and not line["serverSeen"]


def test_a_reset_by_the_application_is_seen_by_its_own_proxy(paused: None) -> None:
    seen = faulty("reset-app", 20)
    line = errors(seen)
    # The client's Envoy was answered: 503. Why, the server's knows.
    assert named(line["byStatus"]) == {"503": 20} and line["serverSeen"]
    assert seen.counted("details-v1", "http.inbound_0.0.0.0_9080.downstream_rq_5xx") == 20


def test_an_application_that_hangs_is_a_timeout_not_two(paused: None) -> None:
    seen = faulty("hang", 4)
    line = errors(seen)
    assert seen.sent("productpage-v1", DETAILS, "rq_timeout") == 4
    assert named(line["byFlag"]) == {"UT": 4} and named(line["byStatus"]) == {"504": 4}
    parts = {part["part"]: part["averageNs"] for part in line["latency"]}
    assert parts["upstream"] > 14e9 and parts["whole"] > 14e9


def test_packets_that_vanish_are_timeouts(paused: None) -> None:
    seen = faulty("blackhole", 4)
    line = errors(seen)
    # On connections that were open a request waits, new ones do not come about.
    timeouts = seen.sent("productpage-v1", DETAILS, "rq_timeout")
    assert named(line["byFlag"]) == {flag: held for flag, held in (("UT", timeouts), ("UF", 4 - timeouts)) if held}
    assert timeouts and not line["serverSeen"]


def test_http2_and_retries_are_what_envoy_counts() -> None:
    demo("clean")
    demo("up", "--protocol", "http2", "--retries", "2")
    try:
        demo("pause")
        time.sleep(ON_THE_WAY)
        seen = during(("send", "20"))
        assert known(seen) == graph.lines(mesh_of(Options(protocol="http2")))
        seen = faulty("refuse", 20)
    finally:
        demo("clean")
    line = errors(seen)
    assert line["retries"] == seen.sent("productpage-v1", DETAILS, "rq_retry") > 0
    assert named(line["byFlag"])["URX"] == seen.sent("productpage-v1", DETAILS, "rq_retry_limit_exceeded")


@contextmanager
def server(folder: Path) -> Iterator[Callable[[int], None]]:
    """A server where the demo's Envoys look for one, and what ends it by a signal."""
    ACCESS_LOG_SOCKET.parent.mkdir(mode=0o755, exist_ok=True)
    command = [sys.executable, "-m", "hopscope.cli", "server", "--data-dir", str(folder), "--user", "none"]
    with (folder.parent / "log").open("a") as log:
        process = subprocess.Popen(
            [*command, "--socket", str(ACCESS_LOG_SOCKET), "--grpc", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=log
        )
    assert process.stdout is not None and process.stdout.readline()
    ACCESS_LOG_SOCKET.chmod(0o666)

    def end(number: int) -> None:
        process.send_signal(number)
        process.wait(20)

    try:
        yield end
    finally:
        if process.poll() is None:
            end(signal.SIGTERM)
        process.stdout.close()


def test_envoys_wait_for_a_server_and_for_one_that_was_killed(tmp_path: Path) -> None:
    demo("clean")
    demo("up", "--no-server")
    try:
        demo("pause")
        with server(tmp_path / "data") as end:
            _arrives()
            end(signal.SIGKILL)
        demo("send", "4")
        with server(tmp_path / "data") as end:
            _arrives()
    finally:
        demo("clean")


def _arrives() -> None:
    # An Envoy's first try may be of the time when nobody listened.
    until = time.monotonic() + 20
    while True:
        seen = during(("send", "8"))
        if (PAGE, DETAILS) in seen.lines and seen.lines[PAGE, DETAILS]["requests"] == 8:
            assert seen.mesh["proxies"] == 6
            return
        assert time.monotonic() < until, seen.lines
