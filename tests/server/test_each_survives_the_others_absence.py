"""Does an agent keep, within its bounds, what it cannot report, and does it mark what it had to drop?"""

from __future__ import annotations

import dataclasses
import os
import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hopscope.agent.reporters.hopscope import Reporter
from hopscope.agent.reporters.queue import Queue, Sealed
from hopscope.edges import merge
from hopscope.server.query.windows import text
from hopscope.settings import AgentSettings

from .conftest import Server, settle
from .profiles import HOST, profile
from .questions import EDGES, answered, expected

UNSUPPORTED = {"reset": "no hook on this kernel"}


def window(start: int, seconds: int) -> dict[str, str]:
    return {"from": text(start), "to": text(start + seconds)}


def test_an_agent_before_its_server_and_a_server_away(make_server: Callable[..., Server]) -> None:
    server = make_server()
    start = int(time.time()) - 300
    profiles = [profile(start + number) for number in range(30)]
    reporter = Reporter(AgentSettings(server=f"unix:{server.socket}", queue_seconds=600))
    for given in profiles[:10]:
        reporter.report(given)
    time.sleep(1)
    assert reporter.delivery().acknowledged == 0 and "UNAVAILABLE" in (reporter.delivery().trouble or "")
    server.start()
    settle(reporter)
    assert server.stop() == 0
    for given in profiles[10:20]:
        reporter.report(given)
    server.start()
    for given in profiles[20:]:
        reporter.report(given)
    settle(reporter)
    state = reporter.delivery()
    assert (state.acknowledged, state.dropped, state.trouble) == (30, 0, None)
    reporter.close()
    answer = server.ask(EDGES, window=window(start, 30))["edges"]
    assert answered(answer["edges"]) == expected(merge.profiles(profiles), UNSUPPORTED)
    assert answer["completeness"][0]["gaps"] == []


@pytest.mark.parametrize("bound", ["seconds", "bytes"])
def test_beyond_the_bounds_the_gap_is_marked(make_server: Callable[..., Server], bound: str) -> None:
    server = make_server()
    start = int(time.time()) - 300
    profiles = [profile(start + number) for number in range(31)]
    limits = {"queue_seconds": 10} if bound == "seconds" else {"queue_bytes": 30_000}
    reporter = Reporter(AgentSettings(server=f"unix:{server.socket}", **limits))
    held = []
    for given in profiles[:30]:
        reporter.report(given)
        held.append(reporter.delivery().waiting_bytes)
    if bound == "bytes":
        assert max(held) <= 30_000
    server.start()
    settle(reporter)
    dropped = reporter.delivery().dropped
    # The first report after the server is back tells the gap, and everything anew that was told in a dropped one.
    reporter.report(profiles[30])
    settle(reporter)
    assert reporter.delivery().acknowledged + dropped == 31
    reporter.close()
    answer = server.ask(EDGES, window=window(start, 31))["edges"]
    (seen,) = answer["completeness"]
    recorded = round(seen["secondsRecorded"])
    assert 2 <= recorded < 20 and recorded + dropped == 31
    assert sum(gap["batches"] for gap in seen["gaps"]) == dropped
    assert all(gap["cause"] == "the queue was full while the server was away" for gap in seen["gaps"])
    lost = {start + n for n in range(31)} - {
        at + n for gap in seen["gaps"] for at in [_second(gap["from"])] for n in range(gap["seconds"])
    }
    stored = [given for number, given in enumerate(profiles) if start + number in lost]
    assert len(stored) == recorded
    assert answered(answer["edges"]) == expected(merge.profiles(stored), UNSUPPORTED)


def _second(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())


def test_a_new_store_is_told_everything_anew(make_server: Callable[..., Server]) -> None:
    first, second = make_server(), make_server()
    start = int(time.time()) - 300
    reporter = Reporter(AgentSettings(server=f"unix:{first.socket}"))
    first.start()
    reporter.report(profile(start))
    settle(reporter)
    first.stop()
    second.socket = first.socket
    second.start()
    reporter.report(profile(start + 1))
    settle(reporter)
    reporter.report(profile(start + 2))
    settle(reporter)
    reporter.close()
    answer = second.ask(EDGES, window=window(start, 3))["edges"]
    assert len(answer["edges"]) == 3 and answer["completeness"][0]["host"] == HOST


def test_a_batch_that_is_refused_for_good_is_a_gap_and_holds_up_nothing(server: Server) -> None:
    start = int(time.time()) - 300
    reporter = Reporter(AgentSettings(server=f"unix:{server.socket}"))
    good = profile(start)
    edge = good.edges[0]
    bad = dataclasses.replace(profile(start + 1), edges=(dataclasses.replace(edge, protocol="x" * 10_000),))
    for given in (good, bad, profile(start + 2), profile(start + 3)):
        reporter.report(given)
        settle(reporter)
    state = reporter.delivery()
    reporter.close()
    assert (state.acknowledged, state.refused, state.dropped) == (3, 1, 1)
    answer = server.ask(EDGES, window=window(start, 4))["edges"]
    (seen,) = answer["completeness"]
    assert seen["secondsRecorded"] == 3
    assert seen["gaps"] == [
        {"from": text(start + 1), "seconds": 1, "batches": 1, "cause": "the server refused the batch"}
    ]
    stored = merge.profiles([good, profile(start + 2), profile(start + 3)])
    assert answered(answer["edges"]) == expected(stored, UNSUPPORTED)


def test_a_queue_accounts_for_each_batch() -> None:
    queue, chance = Queue(seconds=5, size=1000), random.Random(1)
    for second in range(100, 120):
        queue.put(Sealed(second, second, chance.randbytes(100)))
    assert len(queue) == 5 and queue.size == 500 and queue.dropped == 15
    oldest = queue.take()
    assert oldest is not None and oldest.second == 115 and len(queue) == 4
    queue.put(Sealed(121, 121, chance.randbytes(950)))
    assert len(queue) == 1 and queue.size == 950
    queue.put_back(oldest)
    assert len(queue) == 1 and queue.dropped == 20
    (gap,) = queue.take_gaps()
    assert (gap.second, gap.seconds, gap.batches) == (100, 20, 20)
    assert queue.take_gaps() == ()


def test_what_waits_is_packed_and_comes_out_as_it_was() -> None:
    queue = Queue(seconds=600, size=100_000)
    given = [Sealed(second, second, bytes([second]) * 50_000) for second in range(100, 200)]
    for batch in given:
        queue.put(batch)
    assert (len(queue), queue.dropped) == (100, 0) and queue.size < 100_000
    first = queue.take()
    assert first == given[0]
    assert queue.put_back(given[0]) == 0
    assert [queue.take() for _ in given] == given and queue.size == 0


def test_a_reporter_ends_without_its_server(tmp_path: Path) -> None:
    reporter = Reporter(AgentSettings(server=f"unix:{tmp_path}/nobody"))
    reporter.report(profile(1_700_000_000))
    start = time.monotonic()
    reporter.close(1)
    assert time.monotonic() - start < 3
    reporter.close(1)


@pytest.mark.timeout(120 if not os.environ.get("HOPSCOPE_ENDURANCE") else 2400)
def test_ten_minutes_without_a_server_come_whole_in_bounded_memory(make_server: Callable[..., Server]) -> None:
    default = AgentSettings().queue_bytes
    seconds, edges, size = (600, 1000, default) if os.environ.get("HOPSCOPE_ENDURANCE") else (60, 100, 1_500_000)
    server = make_server()
    start = int(time.time()) - 1000
    one = profile(start, edges=edges)
    reporter = Reporter(AgentSettings(server=f"unix:{server.socket}", queue_bytes=size))
    before = most = _resident()
    for number in range(seconds):
        moment = datetime.fromtimestamp(start + number, UTC).isoformat()
        reporter.report(dataclasses.replace(one, window=dataclasses.replace(one.window, start=moment)))
        assert reporter.delivery().waiting_bytes <= size
        most = max(most, _resident())
    # The queue, and what is made of one second.
    assert most - before < size + edges * 100_000
    server.start()
    settle(reporter, 100)
    state = reporter.delivery()
    reporter.close()
    assert (state.acknowledged, state.dropped) == (seconds, 0)
    answer = server.ask(EDGES, window=window(start, seconds), limit=1)["edges"]
    (seen,) = answer["completeness"]
    assert (seen["secondsRecorded"], seen["gaps"], answer["total"]) == (seconds, [], edges)


def _resident() -> int:
    """Bytes of memory that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
