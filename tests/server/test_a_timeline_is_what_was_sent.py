"""Does the axis show the calls, the failures and the gaps that agents sent?"""

from __future__ import annotations

import time

import pytest

from .conftest import Server
from .world import CLIENT, ITSELF, SERVER, Host, edge, row, traffic

QUESTION = """query ($instance: ID, $window: WindowInput!, $points: Int!) {
  timeline(instance: $instance, window: $window, points: $points) { step at rate failed seen window { seconds } } }"""


def moment(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


@pytest.fixture
def start(server: Server) -> int:
    """Two instances; a third of the seconds is missing, in one of them connects fail."""
    here, there = Host("here"), Host("there")
    web = here.process("web", service="web", instance="web-1")
    client = here.process("client", service="client", instance="client-1")
    other = there.process("other", service="other", instance="other-1")
    start = int(time.time()) // 60 * 60 - 120
    for second in range(start, start + 30):
        if 10 <= second - start < 20:
            continue
        batch = here.batch(second)
        both = edge(batch, (client, "10.0.0.1"), (web, "10.0.0.2:80"))
        traffic(batch, both, CLIENT, calls=40)
        traffic(batch, both, SERVER, calls=40)
        if second - start == 25:
            row(batch, "failed", both, ITSELF, label="refused", count=3)
            row(batch, "reset", both, CLIENT, count=2)
            row(batch, "reset", both, SERVER, count=2)
        server.send(batch.SerializeToString())
        far = there.batch(second)
        traffic(far, edge(far, (0, "10.9.9.9"), (other, "10.0.0.3:80")), SERVER, calls=7)
        server.send(far.SerializeToString())
    return start


def test_calls_failures_and_gaps(server: Server, start: int) -> None:
    window = {"from": moment(start), "to": moment(start + 30)}
    whole = server.ask(QUESTION, window=window, points=30)["timeline"]
    assert whole["step"] == 1 and whole["at"][0] == moment(start) and len(whole["at"]) == 30
    assert whole["rate"] == [47.0] * 10 + [None] * 10 + [47.0] * 10
    assert whole["failed"] == [0] * 10 + [None] * 10 + [0] * 5 + [5] + [0] * 4
    assert whole["seen"] == [1.0] * 10 + [0.0] * 10 + [1.0] * 10
    # Seen at its server only, a line counts what was read.
    assert server.ask(QUESTION, window=window, points=30, instance="other-1")["timeline"]["rate"][0] == 7.0
    assert server.ask(QUESTION, window=window, points=30, instance="web-1")["timeline"]["rate"][0] == 40.0


def test_a_window_of_whole_minutes_has_its_seconds(server: Server, start: int) -> None:
    window = {"from": moment(start), "to": moment(start + 60)}
    whole = server.ask(QUESTION, window=window, points=60)["timeline"]
    assert whole["step"] == 1 and whole["rate"][:10] == [47.0] * 10


def test_fewer_points_are_longer_steps(server: Server, start: int) -> None:
    window = {"from": moment(start), "to": moment(start + 30)}
    halves = server.ask(QUESTION, window=window, points=2)["timeline"]
    assert (halves["step"], halves["window"]["seconds"]) == (15, 30)
    assert halves["rate"] == [47.0, 47.0] and halves["seen"] == [10.0, 10.0] and halves["failed"] == [0, 5]
    refused = server.post(QUESTION, {"window": window, "points": 0})
    assert "points: from 1 to 1000" in refused["errors"][0]["message"]
