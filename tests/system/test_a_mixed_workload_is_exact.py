"""Is every byte and every connection counted once when everything happens at the same time?"""

from __future__ import annotations

import os
import random
import subprocess
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from hopscope.edges.model import Profile
from tests.kernel.conftest import ways
from tests.kernel.test_each_way_on_each_rung import UNSEEN, WAYS, Ends, ends_of
from tests.system.observing import edge_to, observing, value
from tests.system.programs import Nginx, Redis, Wrk, nginx, redis, redis_benchmark, wrk
from tests.system.test_a_profile_is_exact_in_each_way import of_profile, of_workload

__all__ = ["ways"]
pytestmark = pytest.mark.usefixtures("root")
ROUNDS = 20 if os.environ.get("HOPSCOPE_ENDURANCE") else 3
RUNG = "L2"
AT_ONCE = 8


def of_way(program: Path, way: str) -> Ends:
    """What a workload of one way counted; nothing where the kernel has no such way."""
    done = subprocess.run([program, way], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 77), (way, done.stderr)
    return ends_of(done.stdout) if done.returncode == 0 else {}


def pids_of(ends: Ends) -> set[int]:
    return {pid for by_process in ends.values() for pid in by_process}


def by_port(picture: Profile, workloads: Sequence[tuple[str, Ends]]) -> list[list[tuple[str, Ends]]]:
    """Each way has an edge, its own port's, but for those that got the same port one after the other."""
    groups = [[one] for one in workloads]
    for edge in picture.edges:
        pids = {*edge.client.pids, *edge.server.pids}
        met = [group for group in groups if any(pids & pids_of(ends) for _, ends in group)]
        if len(met) > 1:
            groups = [*(group for group in groups if group not in met), [one for group in met for one in group]]
    assert len(groups) > len(workloads) * 0.8
    return groups


def compare_ways(picture: Profile, workloads: Sequence[tuple[str, Ends]]) -> None:
    wrong = []
    for group in by_port(picture, workloads):
        names, pids = [way for way, _ in group], set[int]().union(*(pids_of(ends) for _, ends in group))
        for role in ("client", "server"):
            each = [of_workload(ends, role) for _, ends in group]
            wanted, found = tuple(map(sum, zip(*each, strict=True))), of_profile(picture, role, pids)
            # What a way hides of its calls on this rung is its own test's matter; and the kernel does not run a program
            # that interrupts itself, which costs the call, is said, and does not cost the bytes.
            if any((way, RUNG) in UNSEEN for way in names) or "missed_hits" in picture.completeness["lost"]:
                wanted, found = (0, wanted[1], 0, wanted[3]), (0, found[1], 0, found[3])
            if found != wanted:
                wrong.append((names, role, wanted, found))
    assert not wrong, picture.completeness


def compare_nginx(picture: Profile, server: Nginx, counted: Wrk) -> None:
    edge, log = edge_to(picture, server.port), server.log()
    assert edge.connections.opened == edge.connections.closed == server.accepted()
    assert value(edge.client_side, "read").bytes == counted.bytes
    assert value(edge.server_side, "write").bytes == sum(sent for _, _, sent in log)
    assert value(edge.client_side, "write").count == len(log)


def compare_redis(picture: Profile, server: Redis) -> None:
    edge = edge_to(picture, server.port)
    connections, got, sent = server.counts()
    assert edge.connections.opened == edge.connections.closed == connections
    assert value(edge.server_side, "read").bytes == value(edge.client_side, "write").bytes == got
    assert value(edge.server_side, "write").bytes == value(edge.client_side, "read").bytes == sent


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_everything_at_once(turn: int, tmp_path: Path, ways: Path) -> None:
    chosen = random.sample(WAYS, len(WAYS))
    (tmp_path / "redis").mkdir()
    with nginx(tmp_path) as web, redis(tmp_path / "redis") as store, observing(slots=65536) as seen:
        with ThreadPoolExecutor(AT_ONCE + 2) as pool:
            load = pool.submit(wrk, f"http://127.0.0.1:{web.port}/memory", tmp_path, connections=17)
            asking = pool.submit(redis_benchmark, store.port)
            moving = [(way, pool.submit(of_way, ways, way)) for way in chosen]
            counted = load.result()
            asking.result()
            workloads = [(way, future.result()) for way, future in moving]
        time.sleep(0.3)
        picture = seen.take()
        compare_nginx(picture, web, counted)
        compare_redis(picture, store)
    compare_ways(picture, workloads)
    assert set(picture.completeness["lost"]) <= {"missed_hits", "times_without_edge"}
