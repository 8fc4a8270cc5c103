"""Do several servers over one ClickHouse cluster give one answer, and is what they acknowledged stored once, when
servers and nodes are killed again and again in the middle of it?"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hopscope.agent.reporters.blocks import Blocks
from hopscope.agent.reporters.hopscope import Reporter
from hopscope.edges import merge
from hopscope.edges.model import Profile
from hopscope.server.query.windows import text
from hopscope.settings import AgentSettings
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

from .conftest import Server, feeding, servers, settle
from .nodes import Node, cluster, url
from .profiles import profile
from .questions import EDGES, answered, expected
from .test_tasks_reach_the_agents import CREATE, ask_tasks, create, pod, state_of

KILLS = 20 if os.environ.get("HOPSCOPE_ENDURANCE") else 3
UNSUPPORTED = {"reset": "no hook on this kernel"}


@pytest.fixture
def nodes() -> Iterator[list[Node]]:
    with tempfile.TemporaryDirectory(prefix="hopscope-") as folder, cluster(Path(folder)) as made:
        yield made


@pytest.fixture
def make_server() -> Iterator[Callable[..., Server]]:
    with servers() as make:
        yield make


def same_everywhere(makers: list[Server], sent: list[Profile], start: int) -> None:
    """Each server answers, for seconds, minutes and the hour, what was sent."""
    wanted = expected(merge.profiles(sent), UNSUPPORTED)
    last, hour = start + len(sent), start // 3600 * 3600
    for server in makers:
        for first, after, step in (
            (start, last, "SECOND"),
            (start // 60 * 60, -(-last // 60) * 60, "MINUTE"),
            (hour, hour + 3600, "HOUR"),
        ):
            answer = server.ask(EDGES, window={"from": text(first), "to": text(after)})["edges"]
            assert answer["step"] == step
            assert answered(answer["edges"]) == wanted
            (seen,) = answer["completeness"]
            assert (seen["secondsRecorded"], seen["gaps"]) == (len(sent), [])


def test_a_batch_sent_to_one_and_again_to_another_counts_once(
    nodes: list[Node], make_server: Callable[..., Server]
) -> None:
    start = (int(time.time()) // 3600 - 1) * 3600 + 601
    # Each begins with another node.
    pair = [make_server("--store", url(order)).start() for order in (nodes, nodes[::-1])]
    blocks = Blocks(7, "1.0")
    sent = [profile(start + number, edges=12) for number in range(12)]
    batches = [batch.SerializeToString() for given in sent for _, batch in blocks.batches(given)]
    acks = {server.send(batch) for batch in batches for server in (*pair, pair[0])}
    assert len(acks) == 1
    same_everywhere(pair, sent, start)
    held = [int(node.ask("SELECT count(DISTINCT line) FROM metric_1s_local", "hopscope")) for node in nodes]
    assert all(held) and sum(held) == 13


def test_a_server_is_not_ready_while_a_node_stands_still(nodes: list[Node], make_server: Callable[..., Server]) -> None:
    start = (int(time.time()) // 3600 - 1) * 3600 + 601
    server = make_server("--store", url(nodes)).start()
    blocks = Blocks(7, "1.0")
    sent = [profile(start + number, edges=12) for number in range(2)]
    first, *others = [batch.SerializeToString() for given in sent for _, batch in blocks.batches(given)]
    server.send(first)
    assert server.ready() == (200, "ready\n")
    with ThreadPoolExecutor(len(others)) as senders:
        with nodes[0].standing_still():
            waiting = [senders.submit(server.send, other, 100) for other in others]
            time.sleep(11)
            code, said = server.ready()
            assert (code, "the store does not take: a batch has waited for 1" in said) == (503, True), said
        assert all(each.result() for each in waiting)
    assert server.ready() == (200, "ready\n")
    same_everywhere([server], sent, start)


@pytest.mark.timeout(120 + 60 * KILLS)
@pytest.mark.parametrize("victim", ["node", "server"])
def test_kill_9_in_mid_ingest(nodes: list[Node], make_server: Callable[..., Server], victim: str) -> None:
    chance = random.Random(3)
    start = (int(time.time()) // 3600 - 1) * 3600 + 601
    pair = [make_server("--store", url(nodes)).start() for _ in range(2)]
    reporter = Reporter(AgentSettings(server=f"unix:{pair[0].socket}", queue_seconds=5000))
    with feeding(reporter, start) as sent:
        for round_ in range(KILLS):
            before = reporter.delivery().acknowledged
            until = time.monotonic() + 60
            while reporter.delivery().acknowledged < before + 3 and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.3))
            dead = nodes[round_ % 2] if victim == "node" else pair[0]
            dead.kill()
            time.sleep(0.5)
            dead.start()
    settle(reporter, 100)
    state = reporter.delivery()
    reporter.close()
    assert (state.dropped, state.refused, state.acknowledged) == (0, 0, len(sent))
    same_everywhere(pair, sent, start)


def test_a_task_outlives_the_server_that_took_it(nodes: list[Node], make_server: Callable[..., Server]) -> None:
    one, two = (make_server("--store", url(nodes)).start() for _ in range(2))
    host = pod(one)
    task = create(one, rules=[{"path": "/api/.*", "status5xx": True}])
    one.kill()
    (told,) = ask_tasks(two, host).tasks
    assert (f"{told.id:016x}", told.rules[0].path) == (task["id"], "/api/.*")
    assert state_of(two, task["id"]) == task
    (error,) = two.post(CREATE, {"instance": "reviews-v1", "seconds": 60})["errors"]
    assert "one task at a time" in error["message"]
    ask_tasks(two, host, wire.TaskReport(task=told.id, traced_ms=int(time.time() * 1000), processes=1))
    extended = two.ask("mutation($id: ID!) { extendTask(id: $id, seconds: 60) { endsAt } }", id=task["id"])
    one.start()
    known = state_of(one, task["id"])
    assert known == state_of(two, task["id"])
    assert (known["state"], known["endsAt"]) == ("RUNNING", extended["extendTask"]["endsAt"])
    two.kill()
    assert one.ask("mutation($id: ID!) { stopTask(id: $id) { state } }", id=task["id"])["stopTask"] == {
        "state": "STOPPED"
    }
    assert not ask_tasks(one, host).tasks


def test_a_node_that_is_away_is_said(nodes: list[Node], make_server: Callable[..., Server]) -> None:
    server = make_server("--store", url(nodes)).start()
    host = pod(server)
    nodes[1].kill()
    (error,) = server.post("{ services { services { name } } }", {})["errors"]
    assert "another node of the cluster does not answer: Connection refused (127.0.0.1:" in error["message"]
    assert len(error["message"]) < 120 and "version" not in error["message"]
    nodes[1].start()
    known = server.ask('{ instance(id: "reviews-v1") { host attributes { name value } completeness { host } } }')
    assert known["instance"] == {
        "host": host.name,
        "attributes": [{"name": "os", "value": f"of {host.name}"}],
        "completeness": [{"host": host.name}],
    }


def test_a_cluster_that_is_not_there_is_said(nodes: list[Node], make_server: Callable[..., Server]) -> None:
    both = url(nodes)
    for store, why in (
        ("clickhouse://default:secret@127.0.0.1:1/hopscope", "127.0.0.1:1 does not answer"),
        (both.replace("cluster=two", "cluster=none"), "knows no cluster 'none'; in remote_servers: two"),
        (both.partition("?")[0], "several nodes need ?cluster=NAME"),
        (both.replace("default@", "somebody:secret@"), "refuses the user somebody"),
        ("http://x", "must begin with clickhouse://"),
        ("clickhouse://default:secret@/x", "not host:port"),
    ):
        server = make_server("--store", store)
        with pytest.raises(AssertionError):
            server.start()
        said = (server.folder / "log").read_text()
        assert why in said and "secret" not in said and "internal error" not in said, said
        server.kill()
