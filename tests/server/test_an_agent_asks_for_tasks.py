"""Does an agent carry out what any server says, with another clock, of an older version, or slow?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from hopscope.agent.reporters.asking import METHOD, Asker
from hopscope.agent.watch import Watch
from hopscope.edges.identity import host_id
from hopscope.settings import AgentSettings
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

pytestmark = pytest.mark.usefixtures("root")
Answer = Callable[[wire.TasksRequest, grpc.ServicerContext], wire.TasksReply]


class Peer:
    """What answers agents, as a test wants it to; no server of ours is of another version or has another clock."""

    def __init__(self, path: Path) -> None:
        self.asked: list[tuple[float, wire.TasksRequest]] = []
        self.answer: Answer = lambda _, __: wire.TasksReply()
        handler = grpc.unary_unary_rpc_method_handler(
            self._answer, wire.TasksRequest.FromString, wire.TasksReply.SerializeToString
        )
        self._server = grpc.server(ThreadPoolExecutor(4))
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(METHOD.split("/")[1], {"Tasks": handler}),)
        )
        self._server.add_insecure_port(f"unix:{path}")
        self._server.start()

    def _answer(self, request: wire.TasksRequest, context: grpc.ServicerContext) -> wire.TasksReply:
        self.asked.append((time.monotonic(), request))
        return self.answer(request, context)

    def close(self) -> None:
        self._server.stop(0).wait()


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    made = Peer(tmp_path / "s")
    yield made
    made.close()


@pytest.fixture
def watch(peer: Peer, tmp_path: Path) -> Iterator[Watch]:
    with Watch(AgentSettings(mode="on-demand")) as made, grpc.insecure_channel(f"unix:{tmp_path}/s") as channel:
        asker = Asker(channel, made, 42)
        yield made
        asker.close()


def until(reached: Callable[[], bool], seconds: float) -> float:
    """Seconds until something is so."""
    start = time.monotonic()
    while not reached():
        assert time.monotonic() - start < seconds
        time.sleep(0.01)
    return time.monotonic() - start


def task(host: str, ends: float, clock: float = 0.0) -> Answer:
    """The host itself as a task until `ends`, by a clock that is so many seconds ahead."""
    said = wire.Task(id=7, service=host, instance=host, ends_ms=int((ends + clock) * 1000))
    return lambda _, __: wire.TasksReply(store=1, tasks=[said], now_ms=int((time.time() + clock) * 1000))


@pytest.mark.parametrize("clock", [-3600.0, 0.0, 3600.0])
def test_by_the_servers_clock(peer: Peer, watch: Watch, clock: float) -> None:
    ends = time.time() + 3
    peer.answer = task(watch.host, ends, clock)
    assert until(lambda: watch.status().recording, 1.9) < 2
    began = time.time()
    until(lambda: any(it.reports and it.reports[0].traced_ms for _, it in peer.asked), 2)
    request = peer.asked[-1][1]
    assert (request.host, request.boot, request.mode) == (int(host_id(watch.host), 16), 42, "on-demand")
    (report,) = request.reports
    assert report.task == 7
    assert report.processes > 0
    assert report.traced_ms / 1000 == pytest.approx(began + clock, abs=0.7)
    until(lambda: not watch.status().recording, 4)
    assert time.time() == pytest.approx(ends, abs=0.4)


def test_once_a_second_and_at_once_when_there_is_news(peer: Peer, watch: Watch) -> None:
    time.sleep(3.2)
    assert 3 <= len(peer.asked) <= 5
    peer.answer = task(watch.host, time.time() + 60)
    until(lambda: watch.status().recording, 2)
    until(lambda: bool(peer.asked[-1][1].reports), 1)
    told, before = peer.asked[-1][0], peer.asked[-2][0]
    assert told - before < 0.8


def test_an_older_server_is_left_in_peace(peer: Peer, watch: Watch) -> None:
    def unknown(_: wire.TasksRequest, context: grpc.ServicerContext) -> wire.TasksReply:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "Method not found!")
        raise AssertionError

    peer.answer = unknown
    time.sleep(1.5)
    peer.asked.clear()
    time.sleep(3)
    assert not peer.asked
    assert not watch.status().recording


def test_a_server_that_hangs_holds_up_no_end(peer: Peer, watch: Watch) -> None:
    ends = time.time() + 4
    peer.answer = task(watch.host, ends)
    until(lambda: watch.status().recording, 2)

    def hangs(_: wire.TasksRequest, __: grpc.ServicerContext) -> wire.TasksReply:
        time.sleep(10)
        return wire.TasksReply()

    peer.answer = hangs
    time.sleep(2)
    assert watch.status().recording
    until(lambda: not watch.status().recording, 5)
    assert time.time() == pytest.approx(ends, abs=0.4)


def test_a_task_is_extended(peer: Peer, watch: Watch) -> None:
    ends = time.time() + 3
    peer.answer = task(watch.host, ends)
    until(lambda: watch.status().recording, 2)
    peer.answer = task(watch.host, ends + 3)
    until(lambda: not watch.status().recording, 8)
    assert time.time() == pytest.approx(ends + 3, abs=0.4)


def test_what_is_no_longer_said_is_stopped(peer: Peer, watch: Watch) -> None:
    peer.answer = task(watch.host, time.time() + 60)
    until(lambda: watch.status().recording, 2)
    peer.answer = lambda _, __: wire.TasksReply(store=1)
    assert until(lambda: not watch.status().recording, 2) < 2
