"""Is what an agent reported stored exactly once, in seconds, minutes and hours, when the server is killed again and
again in the middle of it?"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable

import grpc
import pytest

from hopscope.agent.reporters.blocks import Blocks
from hopscope.agent.reporters.hopscope import Reporter
from hopscope.edges import merge
from hopscope.edges.model import Profile
from hopscope.server.query.windows import text
from hopscope.settings import AgentSettings

from .conftest import Server, feeding, settle
from .profiles import profile
from .questions import EDGES, answered, expected

KILLS = 100 if os.environ.get("HOPSCOPE_ENDURANCE") else 6
AGENTS = 8
UNSUPPORTED = {"reset": "no hook on this kernel"}


@pytest.mark.timeout(60 + 30 * KILLS)
def test_kill_9_in_mid_ingest(make_server: Callable[..., Server]) -> None:
    chance = random.Random(4)
    server = make_server()
    # In the middle of the hour before this one, so that seconds, minutes and hours all have a window of their own.
    start = (int(time.time()) // 3600 - 1) * 3600 + 601
    reporter = Reporter(AgentSettings(server=f"unix:{server.socket}", queue_seconds=5000))
    with feeding(reporter, start) as sent:
        for _ in range(KILLS):
            before = reporter.delivery().acknowledged
            server.start()
            until = time.monotonic() + 30
            while reporter.delivery().acknowledged == before and time.monotonic() < until:
                time.sleep(0.005)
            time.sleep(chance.uniform(0, 0.3))
            server.kill()
    server.start()
    settle(reporter, 100)
    state = reporter.delivery()
    reporter.close()

    assert (state.dropped, state.refused, state.acknowledged) == (0, 0, len(sent))
    assert "were left in the spool" in (server.folder / "log").read_text()
    wanted = expected(merge.profiles(sent), UNSUPPORTED)
    last = start + len(sent)
    hour = start // 3600 * 3600
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
    assert server.stop() == 0


WRITES = """
query($window: WindowInput!) { edges(window: $window) {
  step completeness { secondsRecorded }
  edges { clientSide { metrics(names: ["write"]) { count bytes } } }
} }
"""


@pytest.mark.timeout(60 + 30 * KILLS)
def test_kill_9_while_many_agents_send(make_server: Callable[..., Server]) -> None:
    chance = random.Random(5)
    server = make_server()
    start = (int(time.time()) // 3600 - 1) * 3600 + 601
    sent: list[tuple[Profile, bytes]] = []
    acknowledged: list[int] = []
    end = threading.Event()

    def agent(boot: int) -> None:
        blocks = Blocks(boot, "1.0")
        # Agents whose hosts have one name, so that they are one in the answer, and edges of their own counts.
        for number in range(2900):
            given = profile(start + number, seed=boot)
            batch = blocks.batches(given)[0][1].SerializeToString()
            sent.append((given, batch))
            while not end.is_set():
                try:
                    server.send(batch)
                    acknowledged.append(boot)
                    break
                except grpc.RpcError:
                    time.sleep(0.05)
            if end.is_set():
                return

    agents = [threading.Thread(target=agent, args=(boot,)) for boot in range(1, AGENTS + 1)]
    server.start()
    for thread in agents:
        thread.start()
    for _ in range(KILLS):
        before, until = len(acknowledged), time.monotonic() + 60
        while len(acknowledged) < before + AGENTS and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        server.kill()
        server.start()
    end.set()
    for thread in agents:
        thread.join()
    # Those that were on their way, and all others once more.
    for _, batch in sent:
        server.send(batch)
    values = [edge.client_side.metrics["write"] for given, _ in sent for edge in given.edges if edge.client_side]
    wanted = (sum(value.count for value in values), sum(value.bytes or 0 for value in values))
    hour = start // 3600 * 3600
    last = start + 2900
    for first, after, step in ((start, last, "SECOND"), (hour, hour + 3600, "HOUR")):
        answer = server.ask(WRITES, window={"from": text(first), "to": text(after)})["edges"]
        assert answer["step"] == step
        found = [edge["clientSide"]["metrics"][0] for edge in answer["edges"]]
        assert (sum(one["count"] for one in found), sum(one["bytes"] for one in found)) == wanted
        assert answer["completeness"][0]["secondsRecorded"] == len(sent)
    assert server.ask("{ server { spooled setAside trouble } }")["server"] == {
        "spooled": 0, "setAside": 0, "trouble": None,
    }  # fmt: skip
    assert server.stop() == 0
