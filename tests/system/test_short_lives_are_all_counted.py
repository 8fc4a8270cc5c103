"""Is each of thousands of short connections counted, under its process's name, in a table of any size?"""

import os
import time
from pathlib import Path

import pytest

from hopscope.agent.watch import Watch
from hopscope.edges.model import Edge, End, Profile
from hopscope.settings import AgentSettings
from tests.system.observing import edge_to, edges_to, observing, value
from tests.system.running import workload

pytestmark = pytest.mark.usefixtures("root")
MINUTES = 3 if os.environ.get("HOPSCOPE_ENDURANCE") else 0


def moved(edge: Edge) -> tuple[int, ...]:
    client, server = edge.client_side, edge.server_side
    return (
        value(client, "write").bytes or 0, value(client, "read").bytes or 0,
        value(server, "read").bytes or 0, value(server, "write").bytes or 0,
    )  # fmt: skip


def wanted(connections: int) -> tuple[int, ...]:
    """The last connection only says `end`."""
    return 3 * connections + 3, 5 * connections, 3 * connections + 3, 5 * connections


def ends(picture: Profile) -> list[End]:
    return [end for edge in picture.edges for end in (edge.client, edge.server)]


def written(picture: Profile, pids: set[int]) -> int:
    """All bytes that these processes wrote, on whatever edge they are."""
    total = 0
    for edge in picture.edges:
        for end, side in ((edge.client, edge.client_side), (edge.server, edge.server_side)):
            if side is not None and pids & set(end.pids):
                total += side.metrics["write"].bytes or 0
    return total


@pytest.mark.parametrize("processes, each, slots", [(20, 500, 16384), (500, 2, 16384), (20, 100, 64)])
def test_none_is_lost_or_the_loss_of_detail_is_said(processes: int, each: int, slots: int) -> None:
    with observing(slots=slots) as seen, workload("churn", processes, each) as churn:
        port = churn.hear()["port"]
        churn.say("go")
        counted = churn.finish()
        time.sleep(0.1)
        picture = seen.take()
    assert counted["failed"] == 0
    found, lost = edges_to(picture, port), picture.completeness["lost"]
    pids = {pid for end in ends(picture) if end.process == "churn" for pid in end.pids}
    client, _, _, server = wanted(counted["connections"])
    assert written(picture, pids) == client + server
    if "overflowed" in lost:
        assert lost["overflowed"] > 0
        return
    (edge,) = found
    assert (edge.client.process, edge.server.process) == ("churn", "churn")
    assert edge.connections.opened == edge.connections.closed == counted["connections"] + 1
    assert moved(edge) == wanted(counted["connections"])
    assert edge.connections.active == 0


@pytest.mark.timeout(60 * MINUTES + 120)
def test_memory_and_cpu_stay_bounded() -> None:
    """Rounds of churn: what the watch keeps of the gone does not grow."""
    sizes, end = [], time.monotonic() + 60 * MINUTES
    with Watch(AgentSettings()) as watch:
        window = watch.open("windows")
        while len(sizes) < 4 or time.monotonic() < end:
            cpu = time.process_time()
            with workload("churn", 100, 20) as churn:
                port = churn.hear()["port"]
                churn.say("go")
                counted = churn.finish()
            time.sleep(0.1)
            edge = edge_to(window.take(), port)
            assert moved(edge) == wanted(counted["connections"])
            sizes.append(resident())
            assert time.process_time() - cpu < 2
    # Tables fill up in the first rounds.
    assert sizes[-1] - sizes[2] < 20_000_000, sizes


def resident() -> int:
    """Bytes of anonymous memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))
