"""Where not all are traced: does the kernel decide by marks and cgroups, for those there are and those born later?"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from hopscope.agent.cgroups import unified_root
from hopscope.agent.filter import Filter
from hopscope.agent.kernel import Kernel, Limits
from hopscope.agent.probes import Choice


@pytest.fixture(scope="module")
def selecting(rung: Choice) -> Iterator[Kernel]:
    """The programs of a rung, and nobody traced."""
    running = Kernel(rung, Limits(trace_all=False))
    yield running
    running.close()


@pytest.fixture
def table(selecting: Kernel) -> Iterator[Filter]:
    """Its filter, afterwards as before."""
    assert selecting.filter is not None
    yield selecting.filter
    selecting.filter.everything(False)
    selecting.filter.unmark(selecting.filter.marks())
    selecting.filter.want_cgroups({})
    selecting.filter.decide()


def talk(kernel: Kernel) -> tuple[set[str], int]:
    """Who has a slot while a parent writes 23 times to a child of its own, both of them or nobody; and the writes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        child = os.fork()
        if child == 0:
            accepted, _ = listener.accept()
            with accepted:
                for _ in range(23):
                    accepted.recv(1)
                accepted.sendall(b"y")
                accepted.recv(1)
            os._exit(0)
        with socket.create_connection(listener.getsockname()) as client:
            for _ in range(23):
                client.sendall(b"x")
            client.recv(1)
            slots = kernel.slots.live[kernel.slots.live["sk"] > 2]
            ours = slots[(slots["tgid"] == os.getpid()) | (slots["tgid"] == child)]
            found = {"parent" if tgid == os.getpid() else "child" for tgid in ours["tgid"].tolist()}
            writes = int(ours["moved"][ours["tgid"] == os.getpid()][:, 0].sum()) >> 38
        os.waitpid(child, 0)
    return found, writes


def test_nobody_is_traced_who_is_not_wanted(selecting: Kernel, table: Filter) -> None:
    table.decide()
    assert talk(selecting) == (set(), 0)


def test_a_mark_and_what_is_born_of_it(selecting: Kernel, table: Filter) -> None:
    assert table.mark(os.getpid()) is None
    table.decide()
    assert talk(selecting) == ({"parent", "child"}, 23)
    assert table.marks() == {os.getpid(): 1}
    table.unmark((os.getpid(),))
    table.decide()
    assert talk(selecting) == (set(), 0)


def test_everybody(selecting: Kernel, table: Filter) -> None:
    table.everything(True)
    assert talk(selecting) == ({"parent", "child"}, 23)


def test_the_nearest_cgroup_that_is_known_decides(selecting: Kernel, table: Filter) -> None:
    root = unified_root()
    if not (root / "cgroup.procs").exists():
        pytest.skip("no unified hierarchy is mounted")
    folder = root / f"hopscope-test-{os.getpid()}" / "inner"
    before = next(it for it in Path("/proc/self/cgroup").read_text().splitlines() if it.startswith("0::"))[3:]
    folder.mkdir(parents=True)
    try:
        (folder / "cgroup.procs").write_text("0")
        table.want_cgroups({root.stat().st_ino: True})
        table.decide()
        assert talk(selecting) == ({"parent", "child"}, 23)
        table.want_cgroups({root.stat().st_ino: True, folder.parent.stat().st_ino: False})
        table.decide()
        assert talk(selecting) == (set(), 0)
        table.want_cgroups({folder.stat().st_ino: True})
        table.decide()
        assert talk(selecting) == ({"parent", "child"}, 23)
        (root / before[1:] / "cgroup.procs").write_text("0")
        assert talk(selecting) == (set(), 0)
    finally:
        (root / before[1:] / "cgroup.procs").write_text("0")
        folder.rmdir()
        folder.parent.rmdir()


def test_more_cgroups_than_there_is_room_for(table: Filter) -> None:
    changed, refused = table.want_cgroups(dict.fromkeys(range(1000, 10_000), True))
    assert changed
    assert 0 < len(refused) <= 9000 - 8192
    assert table.want_cgroups({}) == (True, set())


def test_a_start_begins_with_empty_tables(selecting: Kernel, table: Filter) -> None:
    table.everything(True)
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]
    selecting.prime()
    assert (selecting.slots.live["tgid"] == os.getpid()).sum() >= 3
    selecting.stop()
    for one in held:
        one.close()
    for _ in range(3):
        selecting.start()
        assert (selecting.slots.live["tgid"] == os.getpid()).sum() == 0
        assert talk(selecting) == ({"parent", "child"}, 23)
        selecting.stop()
    selecting.start()
