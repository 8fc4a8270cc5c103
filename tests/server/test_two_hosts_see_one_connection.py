"""Two agents that each see one end of a connection: does the topology say which process is at the other end?"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hopscope.server.query.windows import text
from tests.system.cgroup import cgroups
from tests.system.namespaces import Namespace, namespaces, redirect
from tests.system.running import Workload

from .conftest import Server
from .test_a_task_traces_its_instance import Agent, wait
from .test_tasks_reach_the_agents import create
from .world import now

SERVICE = 9080
pytestmark = pytest.mark.usefixtures("root")
TOPOLOGY = """query($instance: ID!, $window: WindowInput!) { topology(instance: $instance, window: $window) {
  nodes { id name kind instance service pids inside address }
  edges { client server port clientSeen serverSeen } } }"""


class Hosts:
    """A client in the instance one, a server in two, a network between them; each end's agent traces its own alone."""

    def __init__(self, stack: contextlib.ExitStack, server: Server, folder: Path) -> None:
        self.server = server
        made = stack.enter_context(cgroups())
        near, far = stack.enter_context(namespaces())
        for name, place in (("near", "one"), ("far", "two")):
            home = folder / name
            home.mkdir()
            made.make(place)
            stack.callback(
                Agent(home, f"unix:{server.socket}", made, "--mode", "on-demand", host=name, only=place).close
            )
        self.client, self.serving = (
            self._end(stack, made.born_in(*it[:1]), it[1]) for it in (("one", near), ("two", far))
        )
        self.near, self.far = near, far

    @staticmethod
    def _end(stack: contextlib.ExitStack, born: Callable[[], None], inside: Namespace) -> Workload:
        running = Workload("endpoint", inside=inside.name, born=born)
        stack.callback(running.finish)
        return running

    def exchange(self, port: int, dialed: int | None = None) -> None:
        """A connection that the server takes, and some bytes each way."""
        for end, command in (
            (self.client, f"connect {self.far.address} {dialed or port}"),
            (self.serving, "accept"),
            (self.client, "send 23 10"),
            (self.serving, "recv 230"),
            (self.serving, "send 5 100"),
            (self.client, "recv 500"),
        ):
            end.say(command)
            end.hear()

    def topology(self, instance: str) -> dict[str, Any]:
        """Of the last minutes."""
        window = {"from": text(now() - 120), "to": text(now() + 1)}
        found: dict[str, Any] = self.server.ask(TOPOLOGY, instance=instance, window=window)["topology"]
        return found

    def met(self, instance: str) -> set[tuple[str, str | None, str]]:
        """Who is not inside: kind, instance, name."""
        nodes = self.topology(instance)["nodes"]
        return {(node["kind"], node["instance"], node["name"]) for node in nodes if not node["inside"]}

    def services(self) -> set[str]:
        """Their names."""
        return {it["name"] for it in self.server.ask("{ services { services { name } } }")["services"]["services"]}


@pytest.fixture
def hosts(server: Server, tmp_path: Path) -> Iterator[Hosts]:
    with contextlib.ExitStack() as stack:
        it = Hosts(stack, server, tmp_path)
        wait(lambda: {"one", "two"} <= it.services(), 25)
        yield it


def both_traced(hosts: Hosts) -> None:
    tasks = [create(hosts.server, instance=name, seconds=120)["id"] for name in ("one", "two")]
    query = "query($id: ID!) { task(id: $id) { state hosts } }"
    wait(lambda: all(hosts.server.ask(query, id=it)["task"]["state"] == "RUNNING" for it in tasks), 4)
    for task, host in zip(tasks, ("near", "far"), strict=True):
        assert hosts.server.ask(query, id=task)["task"]["hosts"] == [host]


def test_the_other_end_is_a_process_of_the_other_host(hosts: Hosts) -> None:
    hosts.serving.say(f"listen {hosts.far.address}")
    port = hosts.serving.hear()
    both_traced(hosts)
    hosts.exchange(port)
    wait(lambda: ("PROCESS", "two", "endpoint") in hosts.met("one"), 10)
    wait(lambda: ("PROCESS", "one", "endpoint") in hosts.met("two"), 10)
    (edge,) = hosts.topology("one")["edges"]
    assert edge["port"] == port
    nodes = {node["id"]: node for node in hosts.topology("one")["nodes"]}
    assert nodes[edge["client"]]["pids"] == [hosts.client.pid]
    assert nodes[edge["server"]]["pids"] == [hosts.serving.pid]


def test_also_through_a_redirect_and_of_before(hosts: Hosts) -> None:
    hosts.serving.say(f"listen {hosts.far.address}")
    port = hosts.serving.hear()
    redirect(hosts.far, "prerouting", SERVICE, port)
    hosts.exchange(port, SERVICE)
    both_traced(hosts)
    for end, command in ((hosts.client, "send 3 10"), (hosts.serving, "recv 30")):
        end.say(command)
        end.hear()
    wait(lambda: ("PROCESS", "two", "endpoint") in hosts.met("one"), 10)
    assert {edge["port"] for edge in hosts.topology("one")["edges"]} == {SERVICE}


def test_whom_nobody_traces_is_an_address(hosts: Hosts) -> None:
    hosts.serving.say(f"listen {hosts.far.address}")
    port = hosts.serving.hear()
    create(hosts.server, instance="one", seconds=120)
    time.sleep(2)
    hosts.exchange(port)
    wait(lambda: hosts.topology("one")["edges"], 6)
    assert {node["address"] for node in hosts.topology("one")["nodes"] if not node["inside"]} == {
        f"{hosts.far.address}:{port}"
    }
    assert hosts.met("one") == {("ADDRESS", None, f"{hosts.far.address}:{port}")}
