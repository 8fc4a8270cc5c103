"""Is what an agent reported stored exactly once, in seconds, minutes and hours, when the server is killed again and
again in the middle of it?"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable

import pytest

from hopscope.agent.reporters.hopscope import Reporter
from hopscope.edges import merge
from hopscope.server.query.windows import text
from hopscope.settings import AgentSettings

from .conftest import Server, settle
from .profiles import profile
from .questions import EDGES, answered, expected

KILLS = 100 if os.environ.get("HOPSCOPE_ENDURANCE") else 10
UNSUPPORTED = {"reset": "no hook on this kernel"}


@pytest.mark.timeout(60 + 30 * KILLS)
def test_kill_9_in_mid_ingest(make_server: Callable[..., Server]) -> None:
    chance = random.Random(4)
    server = make_server()
    # In the middle of the hour before this one, so that seconds, minutes and hours all have a window of their own.
    start = (int(time.time()) // 3600 - 1) * 3600 + 601
    sent, end = [], threading.Event()
    reporter = Reporter(AgentSettings(server=f"unix:{server.socket}", queue_seconds=5000))

    def feed() -> None:
        while not end.wait(0.1) and len(sent) < 2900:
            sent.append(profile(start + len(sent)))
            reporter.report(sent[-1])

    feeder = threading.Thread(target=feed)
    feeder.start()
    for _ in range(KILLS):
        before = reporter.delivery().acknowledged
        server.start()
        until = time.monotonic() + 30
        while reporter.delivery().acknowledged == before and time.monotonic() < until:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.3))
        server.kill()
    end.set()
    feeder.join()
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
