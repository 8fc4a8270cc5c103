"""Do the sums of a profile equal the workload's own count, in each way of moving bytes, whatever the hooks miss?"""

# ruff: noqa: F811 - fixtures come by import
from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hopscope.agent.probes import Choice
from hopscope.agent.watch import Watch
from hopscope.edges.model import Profile, Side
from hopscope.settings import AgentSettings
from tests.kernel.conftest import rung, ways  # noqa: F401 - fixtures
from tests.kernel.test_each_way_on_each_rung import UNSEEN, WAYS, Ends, ends_of, workload

Four = tuple[int, int, int, int]


@pytest.fixture(scope="module")
def watches() -> Iterator[dict[str, Watch]]:
    running: dict[str, Watch] = {}
    yield running
    for watch in running.values():
        watch.close()


@pytest.fixture
def watch(rung: Choice, watches: dict[str, Watch]) -> Watch:
    name = rung.rung.name
    if name not in watches:
        watches[name] = Watch(AgentSettings(slots=65536), rung=name)
    return watches[name]


def of_workload(ends: Ends, role: str) -> Four:
    numbers = [four for (which, _), by_process in ends.items() if which == role for four in by_process.values()]
    return tuple(map(sum, zip(*numbers, strict=True))) if numbers else (0, 0, 0, 0)  # type: ignore[return-value]


def of_profile(picture: Profile, role: str, pids: set[int]) -> Four:
    sums = [0, 0, 0, 0]
    for edge in picture.edges:
        end, side = (edge.client, edge.client_side) if role == "client" else (edge.server, edge.server_side)
        if side is not None and set(end.pids) & pids:
            sums = [a + b for a, b in zip(sums, four_of(side), strict=True)]
    return sums[0], sums[1], sums[2], sums[3]


def four_of(side: Side) -> Four:
    write, read = side.metrics["write"], side.metrics["read"]
    return write.count, write.bytes or 0, read.count, read.bytes or 0


@pytest.mark.parametrize("way", WAYS)
def test_each_byte_once(way: str, rung: Choice, watch: Watch, ways: Path) -> None:
    if way.startswith("older"):
        with workload(ways, way) as running:
            assert running.stdout is not None and running.stdout.readline() == "ready\n"
            with Watch(AgentSettings(slots=65536), rung=rung.rung.name) as late:
                window = late.open("off")
                lines = output_of(running, "\n")
                compare(way, rung, lines, window.take())
    else:
        window = watch.open("off")
        with workload(ways, way) as running:
            lines = output_of(running, None)
        picture = window.take()
        window.close()
        compare(way, rung, lines, picture)


def output_of(running: subprocess.Popen[str], go: str | None) -> str:
    lines, _ = running.communicate(go, timeout=20)
    if running.returncode == 77:
        pytest.skip("this kernel has no io_uring")
    assert running.returncode == 0
    time.sleep(0.05)
    return lines


def compare(way: str, rung: Choice, lines: str, picture: Profile) -> None:
    ends = ends_of(lines)
    pids = {pid for by_process in ends.values() for pid in by_process}
    unseen, _ = UNSEEN.get((way, rung.rung.name), ("", ""))
    for role in ("client", "server"):
        wanted, found = of_workload(ends, role), of_profile(picture, role, pids)
        assert (found[1], found[3]) == (wanted[1], wanted[3]), f"{role}: bytes; {picture.completeness}"
        if unseen in ("", "reads"):
            assert found[0] == wanted[0], f"{role}: writes"
        if unseen in ("", "writes"):
            assert found[2] == wanted[2], f"{role}: reads"
