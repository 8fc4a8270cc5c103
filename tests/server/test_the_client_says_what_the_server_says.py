"""Do the Python client and the commands give what the server answers, and say in one line what they cannot?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hopscope import Client, HopscopeError
from hopscope.agent.reporters.hopscope import Reporter
from hopscope.cli import lines, remote
from hopscope.cli.figures import duration
from hopscope.client.answers import Rule
from hopscope.edges import model
from hopscope.settings import AgentSettings

from .access_logs import Envoy, channel, inbound, outbound, served
from .conftest import Server, deliver, servers
from .profiles import profile
from .test_access_logs_are_counted import CART, PAGE, good, latest
from .test_access_logs_are_counted import ask as arrived
from .world import CLIENT, SERVER, Host, edge, now, traffic

SECONDS = 5


@pytest.fixture(scope="module")
def told() -> Iterator[tuple[Server, int]]:
    start = now() - 30
    node = Host("node-1")
    envoy = node.process("envoy", "reviews", "reviews-v1-abc", "MESH_DP", pids=[7, 8], labels={"app": "reviews"})
    python = node.process("python", "reviews", "reviews-v1-abc", "MESH", command_line="python app.py")
    with servers() as make:
        server = make().start()
        for second in range(start, start + SECONDS):
            batch = node.batch(second)
            line = edge(batch, (envoy, "127.0.0.1"), (python, "127.0.0.1:9080"))
            for side in (CLIENT, SERVER):
                traffic(batch, line, side)
            server.send(batch.SerializeToString())
        yield server, start


@pytest.fixture
def client(told: tuple[Server, int]) -> Iterator[Client]:
    with Client(base(told[0])) as asking:
        yield asking


def base(server: Server) -> str:
    return server.http.removesuffix("/graphql")


def hopscope(server: Server, *arguments: str, fails: bool = False) -> str:
    command = [sys.executable, "-m", "hopscope.cli", *arguments, "--server", base(server)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert bool(done.returncode) is fails, done.stderr
    return done.stderr if fails else done.stdout


def test_services_instances_processes(client: Client, told: tuple[Server, int]) -> None:
    (service,) = client.services()
    assert (service.name, service.layers, service.instances, service.processes) == (
        "reviews", ("MESH", "MESH_DP"), 1, 2,
    )  # fmt: skip
    assert service.first_seen == datetime.fromtimestamp(told[1], UTC) and service.health.state == "healthy"
    (instance,) = client.instances("reviews")
    assert instance == client.instances(service.id)[0] == client.instance("reviews/reviews-v1-abc")
    processes = client.processes(instance.name)
    assert {it.name: (it.layer, it.pids) for it in processes} == {"envoy": ("MESH_DP", (7, 8)), "python": ("MESH", ())}
    said = json.loads(hopscope(told[0], "processes", "reviews-v1-abc", "--json"))
    assert [it["id"] for it in said["processes"]] == [it.id for it in processes]
    assert said["completeness"][0]["missing"] and said["window"]["seconds"] == 60
    assert "python app.py" in hopscope(told[0], "processes", "reviews-v1-abc")
    assert "reviews-v1-abc" in hopscope(told[0], "instances", "reviews")
    assert "reviews" in hopscope(told[0], "services", "--layer", "MESH")
    # Each says that only some seconds of the last minute were seen.
    for words in (("services",), ("instances", "reviews"), ("processes", "reviews-v1-abc"), ("topology", instance.id)):
        shown = hopscope(told[0], *words, *(("--window", "1m") if words[0] == "topology" else ()))
        assert re.search(r"Seen in part on node-1: \d of 60 seconds were recorded: its agent did not report\.", shown)
    frame = processes.to_pandas()
    assert list(frame["name"]) == [it.name for it in processes] and processes.to_arrow().num_rows == 2


def test_the_topology_of_an_instance(client: Client, told: tuple[Server, int]) -> None:
    begin = datetime.fromtimestamp(told[1], UTC)
    found = client.topology("reviews-v1-abc", (begin, begin + timedelta(seconds=SECONDS)))
    names = {node.id: node.name for node in found.nodes if node.inside}
    (line,) = found.edges
    assert (names[line.client], names[line.server], line.port) == ("envoy", "python", 9080)
    assert {node.name: node.process.pids for node in found.nodes if node.process} == {"envoy": (7, 8), "python": ()}
    assert (line.address, line.brief, line.overflow, found.total) == ("127.0.0.1:9080", "", 0, 1)
    assert line.client_seen and line.server_seen and line.state == "healthy" and found.instance.name == "reviews-v1-abc"
    assert list(found.to_pandas()["port"]) == [9080]
    words = ("--from", begin.isoformat(), "--to", (begin + timedelta(seconds=SECONDS)).isoformat())
    shown = hopscope(told[0], "topology", "reviews-v1-abc", *words)
    assert "envoy → python" in shown and "127.0.0.1:9080" in shown
    middle = begin + timedelta(seconds=2)
    same = client.compare("reviews-v1-abc", (begin, middle), (middle, begin + timedelta(seconds=4)))
    assert same.to_pandas().empty
    assert (same.compared, same.lines) == (1, ()) and same.completeness_a[0].seconds_recorded == 2
    # From the command line the same: the second half against the first.
    halves = ("--from", middle.isoformat(), "--to", (begin + timedelta(seconds=4)).isoformat())
    for other in (("--before", "2s"), ("--against", begin.isoformat())):
        said = json.loads(hopscope(told[0], "topology", "reviews-v1-abc", *halves, *other, "--json"))
        assert [said[it]["from"] for it in ("a", "b")] == [remote.moment(begin), remote.moment(middle)]
        assert (said["compared"], said["completeness_a"][0]["seconds_recorded"]) == (1, 2)
    shown = hopscope(told[0], "topology", "reviews-v1-abc", *halves, *other)
    assert "1 line in both" in shown and "Nothing of 1 line changed" in shown
    assert "which?" in hopscope(told[0], "topology", "x", "--before", "2s", "--against", "02:00:00", fails=True)
    said = json.loads(hopscope(told[0], "topology", "reviews-v1-abc", *words, "--json"))
    assert said["edges"][0]["rate"] == line.rate and said["window"]["from"] == begin.isoformat().replace("+00:00", "Z")


def test_the_mesh_and_the_pods_of_a_service(server: Server) -> None:
    with channel(server.socket) as to:
        Envoy(to, PAGE).log([outbound(one, PAGE, CART) for one in good(20)])
        Envoy(to, CART).log([inbound(served(one), PAGE, CART) for one in good(20)])
        arrived(server, 40, latest())
    with Client(base(server)) as client:
        mesh, pods = client.mesh(60), client.mesh_pods("cart.default", 60)
        with pytest.raises(HopscopeError, match=r"no service nix .* cart.default, page.default"):
            client.mesh_pods("nix", 60)
    assert [(line.requests, line.security, len(line.instances)) for line in mesh.lines] == [(20, "mtls", 1)]
    (pair,) = mesh.lines[0].instances
    named = {pod.id: pod.name for pod in pods.services}
    assert (named[pair.client], named[pair.server], pair.requests) == ("page-1", "cart-1", 20)
    whole = next(part for part in pods.lines[0].latency if part.part == "whole")
    assert sum(count for *_, count in whole.histogram) == 20
    assert {held.name for held in mesh.complete} >= {"seconds.asked", "seconds.received"}
    heading, row, *rest = hopscope(server, "mesh", "--window", "1m").splitlines()
    # The server is younger than the window.
    assert re.match(r"Logs were taken in \d+ of 60 seconds\.", rest[0]), rest
    assert heading.split()[-4:] == ["CALLER", "PROXIES", "NETWORK", "APP"]
    averages = [part.average_ns for part in mesh.lines[0].latency if part.part in ("network", "app")]
    assert row.startswith("page.default → cart.default") and row.split()[-2:] == [duration(it) for it in averages]
    assert "page-1 → cart-1" in hopscope(server, "mesh", "--window", "1m", "--service", "cart.default")
    assert "no service nix" in hopscope(server, "mesh", "--service", "nix", fails=True)


def measured(edge: model.Edge, profile: model.Profile) -> model.Edge:
    """An edge without what no probe measures."""
    refused = {name for name, probe in profile.probes.items() if probe.rung is None}
    sides = {}
    for name in ("client_side", "server_side"):
        if (side := getattr(edge, name)) is not None:
            kept = {metric: value for metric, value in side.metrics.items() if metric not in refused}
            sides[name] = replace(side, metrics=kept)
    return replace(edge, **sides)


def test_edges_are_those_that_were_sent(told: tuple[Server, int]) -> None:
    server = told[0]
    start = now() - 20
    sent = [profile(start + number) for number in range(SECONDS)]
    reporter = Reporter(AgentSettings(server=f"unix:{server.socket}"))
    try:
        deliver(reporter, sent)
    finally:
        reporter.close()
    begin = datetime.fromtimestamp(start, UTC)
    with Client(base(server)) as client:
        seen = client.edges("pod-1", (begin, begin + timedelta(seconds=1)))
        (host,) = [it for it in client.completeness((begin, begin + timedelta(seconds=9))) if it.host == "host-a"]
        assert (host.seconds_asked, host.seconds_recorded, host.gaps) == (9, SECONDS, ())
        assert {it.id: it for it in seen.edges} == {it.id: measured(it, sent[0]) for it in sent[0].edges}
        refused = {name: probe for name, probe in sent[0].probes.items() if probe.rung is None}
        assert refused and {name: probe.why_not for name, probe in seen.profile().probes.items()} == {
            name: probe.why_not for name, probe in refused.items()
        }
        assert len(seen.to_pandas()) == len(sent[0].edges)
        line = sent[0].edges[0]
        series = client.series(line.id, (begin, begin + timedelta(seconds=SECONDS)), "1s", ("write",))
    assert line.client_side is not None
    counts = [held.edges[0].client_side.metrics["write"].count for held in sent if held.edges[0].client_side]
    (write,) = series.client
    assert list(write.count) == counts
    frame = series.to_pandas()
    assert list(frame[(frame.metric == "write") & (frame.side == "client")]["count"]) == counts
    words = ("--from", begin.isoformat(), "--to", (begin + timedelta(seconds=SECONDS)).isoformat())
    said = json.loads(hopscope(server, "edges", "pod-1", *words, "--json"))
    why = [f"{SECONDS} connections had peers beyond the limit of their process and are counted by network"]
    why.append(f"lost: rows {2 * SECONDS}")
    assert said["edges"] and said["completeness"] == {
        "seconds": {"asked": SECONDS, "recorded": SECONDS},
        "connections": {"all": 5, "own_slot": 5},
        "lost": {"rows": 2 * SECONDS},
        "peers_aggregated": SECONDS,
        "not_traced": {},
        "missing": {"host-a": why},
    }
    for more in ((), ("--metric", "write", "--step", "1s")):
        shown = " ".join(hopscope(server, "edges", "pod-1", *words, *more).split())
        assert f"Seen in part on host-a: {'; '.join(why)}." in shown
    # One metric over time: a row for each second and side, with the distribution of its times on one scale.
    over = ("edges", "pod-1", *words, "--step", "1s", "--metric")
    said = json.loads(hopscope(server, *over, "write", "--json"))
    assert (said["metric"], said["step"], said["completeness"][0]["missing"]) == ("write", "1s", why)
    (given,) = [it["series"]["client"][0] for it in said["edges"] if it["edge"] == line.id]
    assert given["count"] == counts and {cell["step"] for cell in given["heatmap"]} == set(range(SECONDS))
    heading, *rows = hopscope(server, *over, "write").splitlines()
    assert re.search(r"p99 +\S+ to \S+ *$", heading), heading
    drawn = [row for row in rows if " client " in row]
    assert len(drawn) == SECONDS * len(sent[0].edges) and all(set(row[-30:]) & set("▁▂▃▄▅▆▇█") for row in drawn)
    lost = [held.edges[0].client_side.tcp["lost"] for held in sent if held.edges[0].client_side]
    of_line = [row for row in hopscope(server, *over, "lost").splitlines() if row.startswith(lines.name(line))]
    assert [float(row.split()[-1]) for row in of_line if " client " in row] == lost
    refused = hopscope(server, *over, "failed").splitlines()
    assert [row.split()[-2] for row in refused[1:] if "Seen" not in row] == ["refused"] * SECONDS * len(sent[0].edges)
    assert "there is no metric nix; write, read" in hopscope(server, *over, "nix", fails=True)


def test_an_instance_has_one_task(told: tuple[Server, int]) -> None:
    server, node = told[0], Host("node-2")
    node.process("envoy", "ratings", "ratings-v1-abc", "MESH_DP")
    server.send(node.batch(now()).SerializeToString())
    made = json.loads(hopscope(
        server, "task", "create", "ratings-v1-abc", "--rule", "path=/api/.*,min=100ms", "--rule", "5xx",
        "--rule", "path=/item/[0-9]{3,5}, 4xx", "--rule", "min=5ms,path=/a,b", "--json",
    ))  # fmt: skip
    assert made["state"] == "waiting" and made["owner"] == "local"
    assert [(rule["path"], rule["min_duration_ms"], rule["status5xx"]) for rule in made["rules"]] == [
        ("/api/.*", 100, False), ("", 0, True), ("/item/[0-9]{3,5}", 0, False), ("/a,b", 5, False),
    ]  # fmt: skip
    assert made["rules"][2]["status4xx"]
    assert "at least 100 ms" in hopscope(server, "task", "show", made["id"])
    assert "one task at a time" in hopscope(server, "task", "create", "ratings-v1-abc", fails=True)
    longer = json.loads(hopscope(server, "task", "extend", made["id"], "--by", "2m", "--json"))
    ends = datetime.fromisoformat(longer["ends_at"]) - datetime.fromisoformat(made["ends_at"])
    assert ends == timedelta(minutes=2)
    hopscope(server, "task", "stop", made["id"])
    with Client(base(server)) as client:
        task = client.task(made["id"])
        assert task.state == "stopped" and task.stopped_by == "local" and task in client.tasks("ratings-v1-abc")


def test_what_cannot_be_is_said(told: tuple[Server, int]) -> None:
    server = told[0]
    assert "no service nix" in hopscope(server, "instances", "nix", fails=True)
    assert "nix" in hopscope(server, "processes", "nix", fails=True)
    assert "longer than ten years" in hopscope(server, "edges", "--window", "99999d", fails=True)
    assert "no duration" in hopscope(server, "edges", "--window", "soon", fails=True)
    assert "earlier --from" in hopscope(server, "edges", "--to", "2026-01-01T00:00:00Z", fails=True)
    assert "nix" in hopscope(server, "task", "create", "nix", fails=True)
    with Client(base(server)) as client:
        for ask, why in (
            (lambda: client.series("12", step="5m"), "no step; one of 1s, 1m, 1h"),  # type: ignore[arg-type]
            (lambda: client.series("12", metrics=["nix"]), "no metric"),
            (lambda: client.topology("reviews-v1-abc", 0), "0 seconds"),
            (lambda: client.topology("nix"), "no instance"),
            (lambda: client.create_task("reviews-v1-abc", rules=[Rule("((")]), "regular expression|silent"),
        ):
            with pytest.raises(HopscopeError, match=why):
                ask()
        local = datetime.fromtimestamp(told[1])
        assert client.topology("reviews-v1-abc", (local, local + timedelta(seconds=1))).edges
    with pytest.raises(HopscopeError, match="is `hopscope server` running there"):
        Client("http://127.0.0.1:9").services()
    with pytest.raises(HopscopeError, match="no address"):
        Client("127.0.0.1:8080")
