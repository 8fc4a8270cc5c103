"""Is a process told when it is new, when it changed, and once a minute, and never twice in between?"""

from __future__ import annotations

from dataclasses import replace

from test_the_bytes_are_golden import CLIENT, PROFILE

from hopscope.agent.reporters.blocks import Blocks
from hopscope.edges.model import End, Group, Profile, Window
from hopscope.wire.hopscope.v1 import collector_pb2 as wire


def group(number: int, **more: object) -> Group:
    end = End(f"{number:016x}", "nginx", "shop", "pod-1", "c0ffee", (23, 42), "", None, "/kube", "MESH", {"v": "1"})
    return Group(replace(end, **more), "nginx -g ***", "/usr/sbin/nginx", 1_600_000_000, {"user": "www"})  # type: ignore[arg-type]


def told(blocks: Blocks, second: int, *groups: Group) -> list[wire.Process]:
    start = f"2023-11-14T22:{13 + second // 60:02}:{second % 60:02}+00:00"
    empty = Profile("host-a", Window(start, 1.0), (), (), {})
    return [process for _, batch in blocks.batches(empty, (), tuple(groups)) for process in batch.processes]


def test_once_and_each_minute() -> None:
    blocks = Blocks(1, "0.1.0")
    one, two = group(1), group(2)
    assert [it.id for it in told(blocks, 0, one, two)] == [1, 2]
    assert not told(blocks, 5, one, two)
    assert not told(blocks, 10, one, group(2, pids=(77,)))
    (changed,) = told(blocks, 15, one, group(2, labels={"v": "2"}))
    assert dict(changed.labels) == {"v": "2"}
    (new,) = told(blocks, 20, one, group(2, labels={"v": "2"}), group(3))
    assert new.id == 3
    assert [it.id for it in told(blocks, 60, group(1, pids=(9,)), group(3))] == [1, 3]
    assert not told(blocks, 65, group(1, pids=(9,)), group(3))
    assert [it.id for it in told(blocks, 70, group(1, pids=(9,)), group(2), group(3))] == [2]


def test_everything_of_it() -> None:
    (said,) = told(Blocks(1, "0.1.0"), 0, group(7))
    assert said == wire.Process(
        id=7, name="nginx", service="shop", instance="pod-1", container="c0ffee", cgroup="/kube", layer="MESH",
        labels={"v": "1"}, command_line="nginx -g ***", pids=[23, 42], started=1_600_000_000,
        executable="/usr/sbin/nginx", attributes={"user": "www"},
    )  # fmt: skip


def test_a_new_store_is_told_all() -> None:
    blocks = Blocks(1, "0.1.0")
    groups = (group(1), group(2))
    told(blocks, 0, *groups)
    blocks.forget()
    assert [it.id for it in told(blocks, 1, *groups)] == [1, 2]


def test_what_is_known_in_full_is_not_told_by_an_edge() -> None:
    blocks = Blocks(1, "0.1.0")
    known = Group(CLIENT, "curl http://a", "/usr/bin/curl", 1)
    ((_, first),) = blocks.batches(PROFILE, (), (known,))
    assert [(it.name, it.command_line) for it in first.processes] == [("curl", "curl http://a"), ("nginx", "")]
    ((_, second),) = blocks.batches(PROFILE, (), (known,))
    assert not second.processes


def test_many_are_told_in_several_batches() -> None:
    blocks = Blocks(1, "0.1.0")
    many = [replace(group(number + 1), command_line="x" * 512) for number in range(20_000)]
    start = Profile("host-a", Window("2023-11-14T22:13:20+00:00", 1.0), (), (), {})
    batches = [batch for _, batch in blocks.batches(start, (), tuple(many))]
    assert len(batches) > 1
    assert max(batch.ByteSize() for batch in batches) < 6_000_000
    assert sum(len(batch.processes) for batch in batches) == len(many)
