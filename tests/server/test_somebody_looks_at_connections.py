"""From a question to the sockets and back: are the connections behind a line true, and asked for only while somebody
looks?"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hopscope.client.reading import field_name
from hopscope.client.remote import Client
from hopscope.edges.connection import Connection
from hopscope.server.inspections import LASTS_MS, MOST, VALID_MS, Crowded, Inspections, Subject
from hopscope.server.query.execution import Execution
from hopscope.server.storage.store import Store
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

from .conftest import Server
from .nodes import ENGINES, prepared
from .test_a_task_traces_its_instance import World, send, wait
from .test_tasks_reach_the_agents import create
from .world import Host, edge, now, row

LOOK = """query($edge: ID, $process: ID) { connections(edge: $edge, process: $process) { whyNot sides {
  side host at open states { state count } closed whyNot
  connections { local remote pid state troubles ended writeCalls writeBytes readCalls readBytes srttUs } } } }"""
EDGES = """query($window: WindowInput!) { edges(window: $window, instance: "one") { edges {
  id client { id pids } server { address } } } }"""


@pytest.fixture
def world(server: Server, tmp_path: Path) -> Iterator[Callable[..., World]]:
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: World(stack, server, tmp_path, *arguments)


def line_of(it: World) -> dict[str, Any]:
    """The line from the first end to the listener."""

    def found() -> list[dict[str, Any]]:
        edges = it.server.ask(EDGES, window={"last": 60})["edges"]["edges"]
        return [edge for edge in edges if edge["server"]["address"] == it.address and edge["client"]["id"]]

    wait(found, 5)
    return found()[0]


def look(server: Server, **of: str) -> dict[str, Any]:
    found: dict[str, Any] = server.ask(LOOK, **of)["connections"]
    return found


def client_side(server: Server, line: str) -> dict[str, Any]:
    return next(side for side in look(server, edge=line)["sides"] if side["side"] == "CLIENT")


@pytest.mark.usefixtures("root")
def test_they_are_there_each_second_and_go_when_nobody_looks(world: Callable[..., World]) -> None:
    it = world("--mode", "always")
    send(it.ends[0], 23)
    line = line_of(it)
    wait(lambda: client_side(it.server, line["id"])["at"], 10)
    seen = client_side(it.server, line["id"])
    (one,) = seen["connections"]
    assert (seen["open"], seen["states"]) == (1, [{"state": "ESTABLISHED", "count": 1}])
    assert (one["pid"], one["remote"], one["state"], one["ended"]) == (it.ends[0].pid, it.address, "ESTABLISHED", None)
    assert (one["writeCalls"], one["writeBytes"], one["readCalls"], one["readBytes"]) == (23, 230, 0, 0)

    def same() -> bool:
        # The last acknowledgement may have come after the row was read.
        it.ends[0].say("info")
        srtt: int = it.ends[0].hear()["srtt"]
        return bool(client_side(it.server, line["id"])["connections"][0]["srttUs"] == srtt)

    wait(same, 5)
    # Each second anew.
    send(it.ends[0], 7)
    wait(lambda: client_side(it.server, line["id"])["connections"][0]["writeCalls"] == 30, 5)
    moments = set()
    end = time.monotonic() + 5
    while time.monotonic() < end:
        moments.add(client_side(it.server, line["id"])["at"])
        time.sleep(0.2)
    assert 3 <= len(moments) <= 7
    # One that ends is told of for a while.
    it.ends[0].say("close")
    it.ends[0].hear()
    wait(lambda: client_side(it.server, line["id"])["closed"] == 1, 5)
    (one,) = client_side(it.server, line["id"])["connections"]
    assert one["ended"] == "closed"
    time.sleep((LASTS_MS + VALID_MS) / 1000 + 1)
    last = it.server.ask("{ agents { lastSeen } }")["agents"][0]["lastSeen"]
    # Its agent is there, and says no more of it.
    assert time.time() - datetime.fromisoformat(last).timestamp() < 5
    assert client_side(it.server, line["id"])["at"] is None


@pytest.mark.usefixtures("root")
def test_a_process_and_the_same_from_python_and_the_command_line(world: Callable[..., World]) -> None:
    it = world("--mode", "always")
    send(it.ends[0], 23)
    line = line_of(it)
    address = it.server.http.removesuffix("/graphql")
    with Client(address) as client:
        behind = client.connections(line["id"])
        process = client.connections(process=line["client"]["id"])
    command = [sys.executable, "-m", "hopscope.cli", "connections", "one"]
    port = it.address.rpartition(":")[2]
    done = subprocess.run([*command, port, "--server", address, "--json"], capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    (row,) = next(side for side in behind.sides if side.side == "client").connections
    assert (row.pid, row.write_calls, row.remote) == (it.ends[0].pid, 23, it.address)
    (same,) = next(side for side in told["sides"] if side["side"] == "client")["connections"]
    assert {name: same[name] for name in ("local", "pid", "write_bytes", "srtt_us")} == {
        name: getattr(row, name) for name in ("local", "pid", "write_bytes", "srtt_us")
    }
    (side,) = process.sides
    assert side.side is None and side.open == 1
    assert [it.local for it in side.connections] == [row.local]
    shown = subprocess.run([*command, port, "--server", address], capture_output=True, text=True, check=True).stdout
    assert "1 open (1 ESTABLISHED)" in shown and f"{row.local} → {row.remote}" in shown
    wrong = subprocess.run([*command, "nowhere", "--server", address], capture_output=True, text=True)
    assert wrong.returncode == 1 and "no line of the last minute of one with 'nowhere'" in wrong.stderr


@pytest.mark.usefixtures("root")
def test_on_demand_nobody_is_traced_for_a_look(world: Callable[..., World]) -> None:
    it = world("--mode", "on-demand")
    task = create(it.server, instance="one", seconds=60)
    wait(it.agent.traces, 3)
    send(it.ends[0], 5)
    line = line_of(it)
    wait(lambda: client_side(it.server, line["id"])["connections"], 10)
    it.server.ask("mutation($id: ID!) { stopTask(id: $id) { id } }", id=task["id"])
    wait(lambda: client_side(it.server, line["id"])["whyNot"], 10)
    assert "traces on demand" in client_side(it.server, line["id"])["whyNot"]
    assert it.agent.hooks() == 0


def told(server: Server, **more: Any) -> tuple[Host, str, str]:
    """A host's word on a line of a pod to somewhere outside."""
    host = Host("node-1")
    envoy = host.process("envoy", "reviews", "reviews-v1", "MESH_DP")
    batch = host.batch(now(), **more)
    line = edge(batch, (envoy, "10.0.0.1"), (0, "10.0.0.9:9080"))
    row(batch, "write", line, 1, count=1, moved=1)
    server.send(batch.SerializeToString())
    return host, f"{line:016x}", f"{envoy:016x}"


def test_an_older_agent_is_named(server: Server) -> None:
    host, line, process = told(server)
    for of in ({"edge": line}, {"process": process}):
        (side,) = look(server, **of)["sides"]
        assert (side["at"], side["whyNot"], side["host"]) == (None, None, "node-1")
        reply = server.tasks(wire.TasksRequest(host=host.id, boot=1, mode="always"))
        assert len(reply.inspections) > 0
        (side,) = look(server, **of)["sides"]
        assert side["whyNot"] == "its agent is older than this server and lists no connections"
        assert (side["open"], side["connections"]) == (0, [])


def test_only_what_is_looked_at_is_kept(server: Server) -> None:
    host, line, _ = told(server)
    look(server, edge=line)
    said = [
        wire.Inspected(id=number, side=wire.SIDE_CLIENT, at_ms=1000 * now(), states={"ESTABLISHED": 3})
        for number in (int(line, 16), 77)
    ]
    request = wire.TasksRequest(host=host.id, boot=1, inspects=True, inspected=said)
    reply = server.tasks(request)
    assert [(it.id, it.process) for it in reply.inspections] == [(int(line, 16), False)]
    assert 10_000 < reply.inspections[0].ends_ms - reply.now_ms <= LASTS_MS
    other = wire.TasksRequest(host=host.id + 1, boot=1, inspects=True, inspected=said)
    assert not server.tasks(other).inspections
    (side,) = look(server, edge=line)["sides"]
    assert (side["open"], side["states"]) == (3, [{"state": "ESTABLISHED", "count": 3}])


def test_an_agent_that_does_not_answer_is_named(server: Server) -> None:
    _, line, _ = told(server)
    look(server, edge=line)
    time.sleep(5.5)
    (side,) = look(server, edge=line)["sides"]
    assert side["whyNot"].startswith("the agent on node-1 does not answer, for ")


def test_what_cannot_be_asked(server: Server) -> None:
    told(server)
    assert look(server, edge="00000000000000ff") is None
    assert look(server, process="00000000000000ff") is None
    for given in ({}, {"edge": "1", "process": "1"}):
        (error,) = server.post(LOOK, given)["errors"]
        assert error["message"] == "either an edge or a process"
    (error,) = server.post("{ connections(edge: 1, limit: 101) { whyNot } }", {})["errors"]
    assert error["message"] == "limit: from 1 to 100"


@pytest.fixture(scope="module", params=ENGINES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with prepared(request.param) as opened:
        yield opened


def test_two_servers_over_one_store_say_the_same(store: Store) -> None:
    one, two = Inspections(store), Inspections(store)
    subject, at = Subject(7, False, 5), 1000 * now()
    assert one.ask([subject], at) == at
    # A further question within five seconds writes nothing, and knows since when it is asked for.
    assert two.ask([subject], at + 3000) == at
    assert two.ask([subject], at + 6000) == at
    assert one.ask([subject], at + 30_000) == at + 30_000
    row = wire.Connection(local="10.0.0.1:40000", remote="10.0.0.2:80", pid=0, state="ESTABLISHED", write_calls=1 << 40)
    said = wire.Inspected(id=7, side=2, at_ms=at, states={"ESTABLISHED": 1}, connections=[row])
    request = wire.TasksRequest(host=5, inspects=True, inspected=[said])
    reply = wire.TasksReply()
    two.reply(request, reply)
    assert [(it.id, it.ends_ms) for it in reply.inspections] == [(7, at + 30_000 + LASTS_MS)]
    for server in (one, two):
        (found,) = server.said([subject], at + 1000)
        assert (found.subject, found.side, found.at) == (subject, 2, at)
        (held,) = found.body["connections"]
        assert (held["pid"], held["write_calls"], held["srtt_us"], held["ended"]) == (0, 1 << 40, None, None)
        assert not server.said([subject], at + 7000)
        assert not server.said([Subject(7, True, 5), Subject(7, False, 6)], at)


def test_so_many_may_be_looked_at(store: Store) -> None:
    inspections, at = Inspections(store), 1000 * now() + 100_000
    for number in range(MOST):
        inspections.ask([Subject(100 + number, False, 5), Subject(100 + number, False, 6)], at)
    with pytest.raises(Crowded, match=f"{MOST} lines and processes are looked at already"):
        inspections.ask([Subject(99, False, 5)], at)
    inspections.ask([Subject(100, False, 5)], at + 12_000)
    inspections.ask([Subject(99, False, 5)], at + LASTS_MS + 1)


def test_a_connection_is_the_same_everywhere() -> None:
    held = [field.name for field in fields(Connection)]
    assert [field.name for field in wire.Connection.DESCRIPTOR.fields] == held
    kind: Any = Execution(()).schema.get_type("Connection")
    assert list(kind.fields) == [field_name(name) for name in held]
