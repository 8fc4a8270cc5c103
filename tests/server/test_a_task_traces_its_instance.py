"""From a task's creation to the traced process: is it traced in time, alone, and no longer than it should be?"""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hopscope.client.agent_socket import AgentWindow, connect, status
from hopscope.edges.selection import Selection
from hopscope.edges.status import reports
from hopscope.server.query.windows import text
from tests.system.cgroup import Cgroups, cgroups, endpoint, settings
from tests.system.running import Workload

from .conftest import Server
from .test_tasks_reach_the_agents import create, state_of
from .world import now

pytestmark = pytest.mark.usefixtures("root")
STOP = "mutation($id: ID!) { stopTask(id: $id) { id } }"
EDGES = """query($window: WindowInput!) { edges(window: $window) { edges {
  client { process pids } server { address } clientSide { metrics { metric count timed } } } } }"""


class Agent:
    """`hopscope agent` with the instances one and two, or `only` one of them; maybe as if on a host of its own."""

    def __init__(
        self,
        folder: Path,
        server: str,
        made: Cgroups,
        *arguments: str,
        host: str | None = None,
        only: str = "",
    ) -> None:
        places = {made.make(name): name for name in ("one", "two") if only in ("", name)}
        file = folder / "places.json"
        settings(file, places)
        self.socket, self.log = folder / "agent.sock", folder / "agent.log"
        command = [sys.executable, "-m", "hopscope.cli", "agent", "--server", server, "--socket", str(self.socket)]
        command += ["--discovery", "file", "--discovery-file", str(file), *arguments]
        if host is not None:
            renamed = f'hostname {host} && exec "$@"'
            command = ["unshare", "--uts", "sh", "-c", renamed, "sh", *command]
        self._command = command
        self.start()

    def start(self) -> None:
        """Until it watches."""
        with self.log.open("w") as log:
            self._process = subprocess.Popen(self._command, stderr=log)
        wait(lambda: "watching" in self.log.read_text(), 30)

    def kill(self) -> None:
        """As the kernel would, out of memory."""
        self._process.kill()
        self._process.wait()

    def hooks(self) -> int:
        """Programs that are on their hooks."""
        found = 0
        for fd in Path(f"/proc/{self._process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found += str(fd.readlink()) == "anon_inode:bpf_link"
        return found

    def traces(self) -> bool:
        """Whether a task has what it wants."""
        now = status(self.socket)
        return now is not None and any(task.since for task in now.tasks)

    def close(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(20)


def wait(reached: Callable[[], Any], seconds: float) -> float:
    """Seconds until something is so."""
    start = time.monotonic()
    while not reached():
        assert time.monotonic() - start < seconds, "it never came"
        time.sleep(0.02)
    return time.monotonic() - start


class World:
    """A server, an agent, an end in each of two instances, and somebody outside whom both talk to."""

    def __init__(self, stack: contextlib.ExitStack, server: Server, folder: Path, *arguments: str) -> None:
        self.server = server
        made = stack.enter_context(cgroups())
        self.agent = Agent(folder, f"unix:{server.socket}", made, *arguments)
        stack.callback(self.agent.close)
        self.ends = [stack.enter_context(endpoint(made, name)) for name in ("one", "two")]
        self.listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        for end in self.ends:
            end.say(f"connect 127.0.0.1 {self.listener.getsockname()[1]}")
            assert isinstance(end.hear(), int)
            stack.enter_context(self.listener.accept()[0])
        wait(lambda: {"one", "two"} <= {it["name"] for it in self.services()}, 20)

    def services(self) -> list[dict[str, Any]]:
        """What the server knows."""
        found: list[dict[str, Any]] = self.server.ask("{ services { services { name layers processes } } }")[
            "services"
        ]["services"]
        return found

    def written(self, start: int) -> list[tuple[str, int, int]]:
        """Who wrote how often, and how many of that were timed, since a second."""
        found = self.server.ask(EDGES, window={"from": text(start), "to": text(now() + 5)})["edges"]["edges"]
        rows = []
        for edge in found:
            if edge["server"]["address"] == self.address and edge["clientSide"]:
                (write,) = [it for it in edge["clientSide"]["metrics"] if it["metric"] == "write"]
                rows.append((edge["client"]["pids"][0], write["count"], write["timed"] or 0))
        return rows


@pytest.fixture
def world(server: Server, tmp_path: Path) -> Iterator[Callable[..., World]]:
    with contextlib.ExitStack() as stack:
        yield lambda *arguments: World(stack, server, tmp_path, *arguments)


def send(end: Workload, calls: int) -> None:
    end.say(f"send {calls} 10")
    end.hear()


def seconds_between(first: str, second: str) -> float:
    return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()


def test_on_demand_from_its_creation_to_its_stop(world: Callable[..., World]) -> None:
    it = world("--mode", "on-demand")
    assert {name for made in it.services() for name in made["layers"]} >= {"MESH", "OS_LINUX"}
    assert it.agent.hooks() == 0
    resting = status(it.agent.socket)
    assert resting is not None
    assert (resting.mode, resting.recording, resting.tasks) == ("on-demand", False, ())
    start = now()
    task = create(it.server, instance="one", seconds=60)
    wait(lambda: it.agent.hooks() > 0, 2)
    wait(lambda: state_of(it.server, task["id"])["state"] == "RUNNING", 3)
    state = state_of(it.server, task["id"])
    assert 0 < seconds_between(state["createdAt"], state["tracedAt"]) <= 2
    assert state["processes"] == 1
    assert state["notTraced"] == []
    running = status(it.agent.socket)
    assert running is not None
    (shown,) = running.tasks
    assert (running.recording, shown.id, shown.instance, shown.groups) == (True, task["id"], "one", 1)
    assert shown.ends == pytest.approx(datetime.fromisoformat(state["endsAt"]).timestamp(), abs=0.1)
    assert running.delivery is not None
    assert reports(running.delivery) == f"unix:{it.server.socket} takes the reports"
    for end in it.ends:
        send(end, 23)
    wait(lambda: it.written(start), 4)
    time.sleep(1)
    # All of its calls are timed, and nobody else's are there.
    assert it.written(start) == [(it.ends[0].pid, 23, 23)]
    send(it.ends[0], 7)
    it.server.ask(STOP, id=task["id"])
    took = wait(lambda: it.agent.hooks() == 0, 2)
    assert took <= 2
    for end in it.ends:
        send(end, 100)
    time.sleep(1.5)
    # What came between the last whole second and the stop is there, too.
    assert it.written(start) == [(it.ends[0].pid, 30, 30)]


def test_a_look_sees_what_it_asks_for_and_reports_nothing(world: Callable[..., World]) -> None:
    it = world("--mode", "on-demand")
    start = now()
    create(it.server, instance="one", seconds=60)
    wait(it.agent.traces, 2)
    asked = connect(it.agent.socket)
    assert asked is not None
    look = AgentWindow(asked, Selection(ports=frozenset((int(it.address.rpartition(":")[2]),))), "all", None)
    for end in it.ends:
        send(end, 5)
    picture = look.take()
    writers = {edge.client.pids for edge in picture.edges}
    assert writers >= {(it.ends[0].pid,), (it.ends[1].pid,)}
    look.close()
    time.sleep(2)
    assert it.written(start) == [(it.ends[0].pid, 5, 5)]


def test_without_its_server_a_task_goes_on_until_its_end(world: Callable[..., World]) -> None:
    it = world("--mode", "on-demand")
    task = create(it.server, instance="one", seconds=8)
    began = time.monotonic()
    wait(lambda: it.agent.hooks() > 0, 2)
    it.server.kill()
    time.sleep(4)
    assert it.agent.hooks() > 0
    left = 8 - (time.monotonic() - began)
    wait(lambda: it.agent.hooks() == 0, left + 1)
    assert time.monotonic() - began == pytest.approx(8, abs=1)
    it.server.start()
    assert state_of(it.server, task["id"])["state"] == "FINISHED"


def test_a_task_goes_on_with_a_new_agent(world: Callable[..., World]) -> None:
    it = world("--mode", "on-demand")
    start = now()
    task = create(it.server, instance="one", seconds=60)
    wait(lambda: it.agent.hooks() > 0, 2)
    it.agent.kill()
    it.agent.start()
    wait(it.agent.traces, 3)
    send(it.ends[0], 23)
    wait(lambda: it.written(start) == [(it.ends[0].pid, 23, 23)], 5)
    assert state_of(it.server, task["id"])["state"] == "RUNNING"


def test_always_a_task_has_every_call_timed(world: Callable[..., World]) -> None:
    it = world("--mode", "always", "--window-share", "0")
    send(it.ends[0], 23)
    time.sleep(1.2)
    start = now()
    task = create(it.server, instance="one", seconds=60)
    wait(lambda: state_of(it.server, task["id"])["state"] == "RUNNING", 3)
    send(it.ends[0], 23)
    time.sleep(1.5)
    (written,) = [row for row in it.written(start) if row[0] == it.ends[0].pid]
    assert written[1:] == (23, 23)
    it.server.ask(STOP, id=task["id"])
    time.sleep(1.5)
    send(it.ends[0], 23)
    time.sleep(1.5)
    (written,) = [row for row in it.written(start) if row[0] == it.ends[0].pid]
    assert written[1:] == (46, 23)


def test_a_command_is_profiled_by_an_agent_that_traces_nobody(world: Callable[..., World], tmp_path: Path) -> None:
    it = world("--mode", "on-demand")
    talk = str(Path(__file__).parent.parent / "talk.py")
    command = [sys.executable, "-m", "hopscope.cli", "profile", "--socket", str(it.agent.socket), "--json", "--"]
    done = subprocess.run(
        [*command, sys.executable, talk, "23", "101", "1009"], capture_output=True, text=True, check=True
    )
    (edge,) = json.loads(done.stdout)["edges"]
    assert edge["client_side"]["write"]["count"] == 23
    assert edge["client_side"]["write"]["bytes"] == 2323
    assert edge["server_side"]["write"]["bytes"] == 23 * 1009
    wait(lambda: it.agent.hooks() == 0, 2)
