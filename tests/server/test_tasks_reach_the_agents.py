"""Does a task get from whoever creates it to the agents, and survive what happens to servers?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hopscope.server.analysis.entities import Name
from hopscope.server.storage.store import Store
from hopscope.server.tasks import Tasks
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

from .conftest import Server
from .nodes import ENGINES, prepared
from .world import Host, now

CREATE = """
mutation($instance: ID!, $seconds: Int!, $rules: [RuleInput!]! = []) {
  createTask(instance: $instance, durationSeconds: $seconds, rules: $rules) { ...all }
}
fragment all on Task {
  id instance service instanceName owner state createdAt tracedAt endsAt endedAt stoppedBy durationSeconds
  processes hosts
  rules { path minDurationMs status4xx status5xx } notTraced { process why } events { at kind who detail }
}
"""
ALL = "fragment all" + CREATE.partition("fragment all")[2]


def ask_tasks(server: Server, host: Host, *reports: wire.TaskReport) -> wire.TasksReply:
    return server.tasks(wire.TasksRequest(host=host.id, boot=1, mode="on-demand", reports=reports))


def pod(server: Server, second: int | None = None) -> Host:
    host = Host("node-1")
    host.process("envoy", "reviews", "reviews-v1", "MESH_DP")
    host.process("bash")
    server.send(host.batch(now() if second is None else second).SerializeToString())
    return host


def create(server: Server, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = server.ask(CREATE, **{"instance": "reviews-v1", "seconds": 60, **more})["createTask"]
    return found


def state_of(server: Server, task: str) -> dict[str, Any]:
    found: dict[str, Any] = server.ask("query($id: ID!) { task(id: $id) { ...all } }" + ALL, id=task)["task"]
    return found


def test_a_task_lives(server: Server) -> None:
    host, far = pod(server), Host("node-2")
    rules = [{"path": "/api/.*", "minDurationMs": 100, "status5xx": True}]
    task = create(server, rules=rules)
    assert (task["state"], task["service"], task["instanceName"]) == ("WAITING", "reviews", "reviews-v1")
    assert task["rules"] == [{"path": "/api/.*", "minDurationMs": 100, "status4xx": False, "status5xx": True}]
    time.sleep(0.5)
    assert not ask_tasks(server, far).tasks
    reply = ask_tasks(server, host)
    (told,) = reply.tasks
    assert (f"{told.id:016x}", told.service, told.instance) == (task["id"], "reviews", "reviews-v1")
    assert [(rule.path, rule.min_duration_ms, rule.status_4xx, rule.status_5xx) for rule in told.rules] == [
        ("/api/.*", 100, False, True)
    ]
    assert abs(reply.now_ms - 1000 * time.time()) < 5000 and 50_000 < told.ends_ms - reply.now_ms <= 60_000
    refused = wire.NotTraced(process="java", why="no permission")
    report = wire.TaskReport(task=told.id, traced_ms=reply.now_ms, processes=1, not_traced=[refused])
    for _ in range(5):
        ask_tasks(server, host, report)
    running = state_of(server, task["id"])
    assert (running["state"], running["processes"], running["hosts"]) == ("RUNNING", 1, ["node-1"])
    assert running["tracedAt"] and running["notTraced"] == [{"process": "java", "why": "no permission"}]
    assert [(it["kind"], it["who"], it["detail"]) for it in running["events"]] == [
        ("created", running["owner"], "for 60 s, 1 rules"),
        ("traced", "node-1", "1 processes; not java: no permission"),
    ]
    found = server.ask('query { instance(id: "reviews-v1") { task { id } } tasks(state: [RUNNING]) { id } }')
    assert found == {"instance": {"task": {"id": task["id"]}}, "tasks": [{"id": task["id"]}]}
    longer = server.ask("mutation($id: ID!) { extendTask(id: $id, seconds: 30) { durationSeconds } }", id=task["id"])
    assert longer["extendTask"]["durationSeconds"] == 90
    stopped = server.ask("mutation($id: ID!) { stopTask(id: $id) { state stoppedBy endedAt } }", id=task["id"])
    assert stopped["stopTask"]["state"] == "STOPPED" and stopped["stopTask"]["stoppedBy"] == running["owner"]
    assert not ask_tasks(server, host).tasks
    assert create(server)["state"] == "WAITING"


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"instance": "nobody"}, "there is no instance 'nobody'"),
        ({"seconds": 3}, "a duration of 3 s; from 5 s to 24 h are possible"),
        ({"rules": [{"path": "("}]}, "rule 1: the path is no regular expression"),
        ({"rules": [{"path": str(number)} for number in range(9)]}, "at most 8"),
    ],
)
def test_what_cannot_be_created(server: Server, more: dict[str, Any], why: str) -> None:
    pod(server)
    (error,) = server.post(CREATE, {"instance": "reviews-v1", "seconds": 60, **more})["errors"]
    assert why in error["message"]
    assert server.ask("{ tasks { id } }") == {"tasks": []}


def test_one_task_at_a_time(server: Server) -> None:
    pod(server)
    task = create(server)
    (error,) = server.post(CREATE, {"instance": "reviews-v1", "seconds": 60})["errors"]
    assert f"{task['owner']} profiles this instance until" in error["message"] and task["id"] in error["message"]
    for query in ("stopTask(id: $id)", "extendTask(id: $id, seconds: 9)"):
        (error,) = server.post(f"mutation($id: ID!) {{ {query} {{ id }} }}", {"id": "00000000000000ff"})["errors"]
        assert "there is no task 00000000000000ff" in error["message"]
    server.ask("mutation($id: ID!) { stopTask(id: $id) { id } }", id=task["id"])
    (error,) = server.post("mutation($id: ID!) { stopTask(id: $id) { id } }", {"id": task["id"]})["errors"]
    assert "is stopped; create another one" in error["message"]


def test_a_dead_instance(server: Server) -> None:
    host = pod(server, now() - 200)
    server.send(host.batch(now(), processes=False).SerializeToString())
    (error,) = server.post(CREATE, {"instance": "reviews-v1", "seconds": 60})["errors"]
    assert "reviews/reviews-v1 has no process: its last one was seen" in error["message"]


def test_an_instance_whose_agent_is_silent(server: Server) -> None:
    pod(server)
    time.sleep(17)
    (error,) = server.post(CREATE, {"instance": "reviews-v1", "seconds": 60})["errors"]
    assert "the agent on node-1 is silent for 1" in error["message"]


def test_a_task_survives_a_killed_server(server: Server) -> None:
    host = pod(server)
    task = create(server)
    server.kill()
    server.start()
    time.sleep(0.5)
    (told,) = ask_tasks(server, host).tasks
    assert f"{told.id:016x}" == task["id"] and state_of(server, task["id"]) == task


@pytest.fixture(scope="module", params=ENGINES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    with prepared(request.param) as opened:
        yield opened


def test_two_servers_over_one_store_say_the_same(store: Store) -> None:
    one, two = Tasks(store, 1), Tasks(store, 1)
    task = one.create("ann", Name("shop", "cart-0"), 60, [])
    with pytest.raises(ValueError, match="ann profiles this instance until"):
        two.create("bob", Name("shop", "cart-0"), 60, [])
    two.extend("bob", task.id, 60)
    assert one.get(task.id).seconds == two.get(task.id).seconds == 120
    time.sleep(0.5)
    assert set(one.running()) == set(two.running()) == {task.id}
    one.stop("ann", task.id)
    with pytest.raises(ValueError, match="is stopped"):
        two.stop("bob", task.id)
    time.sleep(0.5)
    assert not one.running() and not two.running()


def test_of_many_servers_at_once_one_task_is_valid(store: Store) -> None:
    made: list[str] = []
    start = threading.Barrier(6)

    def create_one(number: int) -> None:
        tasks = Tasks(store, 1)
        start.wait()
        try:
            made.append(f"{tasks.create(f'who-{number}', Name('shop', 'cart-1'), 60, []).id:016x}")
        except ValueError as error:
            assert "profiles this instance until" in str(error)

    threads = [threading.Thread(target=create_one, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = [Tasks(store, 1).of(Name("shop", "cart-1")) for _ in range(2)]
    assert found[0].keys() == found[1].keys()
    moment = time.time_ns() // 1_000_000
    assert [task.runs(moment) for task in found[0].values()].count(True) == 1


def test_many_agents_asking_cost_one_question(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    query: Callable[..., Any] = store.query

    def counted(sql: str, **parameters: Any) -> Any:
        nonlocal asked
        asked += 1
        return query(sql, **parameters)

    monkeypatch.setattr(store, "query", counted)
    tasks = Tasks(store, 1)
    begin = time.monotonic()
    for number in range(500):
        tasks.reply(wire.TasksRequest(host=number, boot=1))
    assert asked <= 2 * (1 + (time.monotonic() - begin) / 0.4)
