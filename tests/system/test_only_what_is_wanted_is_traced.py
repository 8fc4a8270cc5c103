"""In on-demand mode, are exactly the processes traced that somebody wants, from their first byte to the last wish?"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hopscope.agent.kernel import Kernel, Limits
from hopscope.agent.probes import choose
from hopscope.agent.seconds import Second
from hopscope.agent.tasks import Task
from hopscope.agent.watch import Watch
from hopscope.edges.model import Edge, Profile
from hopscope.edges.selection import Selection
from tests.system.cgroup import Cgroups, cgroups, endpoint, settings
from tests.system.observing import edges_to, value
from tests.system.running import Workload

pytestmark = pytest.mark.usefixtures("root")
TALK = str(Path(__file__).parent.parent / "talk.py")
TASK = Task(7, "one", "one", time.time() + 1000)


class Server:
    """Takes what comes in; it is nobody's wish to trace it."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.accepted: list[socket.socket] = []

    def take(self, end: Workload) -> None:
        """Has an end connect to it."""
        end.say(f"connect 127.0.0.1 {self.port}")
        assert isinstance(end.hear(), int)
        self.accepted.append(self.listener.accept()[0])

    def close(self) -> None:
        for one in (*self.accepted, self.listener):
            one.close()


@pytest.fixture
def server() -> Iterator[Server]:
    with contextlib.closing(Server()) as made:
        yield made


@pytest.fixture
def made() -> Iterator[Cgroups]:
    with cgroups() as some:
        yield some


@pytest.fixture
def watch(made: Cgroups, tmp_path: Path) -> Iterator[Watch]:
    places = {made.make("one"): "one", made.make("two"): "two"}
    with Watch(settings(tmp_path / "places.json", places)) as running:
        yield running


def send(end: Workload, calls: int) -> None:
    end.say(f"send {calls} 10")
    end.hear()


def sent(picture: Profile, end: Workload, port: int) -> tuple[int, int, int] | None:
    """Calls, bytes and opened connections of an end, if it was traced; of all groups that it was in."""
    found = [said(edge) for edge in edges_to(picture, port) if end.pid in edge.client.pids]
    return tuple(map(sum, zip(*found, strict=True))) if found else None  # type: ignore[return-value]


def said(edge: Edge) -> tuple[int, int, int]:
    written = value(edge.client_side, "write")
    return written.count, written.bytes or 0, edge.connections.opened


def users(watch: Watch) -> set[int]:
    """The processes that have slots."""
    recorder = watch._recorder
    assert recorder is not None
    slots = recorder.kernel.slots.live
    return set(slots["tgid"][slots["sk"] > 2].tolist())


def test_a_task_traces_its_instance_and_nothing_else(watch: Watch, made: Cgroups, server: Server) -> None:
    with endpoint(made, "one") as one, endpoint(made, "two") as two:
        for end in (one, two):
            server.take(end)
            send(end, 3)
        watch.trace([TASK])
        window = watch.open(selection=Selection(cgroup=f"{made.name}/one"))
        for end in (one, two):
            send(end, 5)
        picture = window.take()
        assert sent(picture, one, server.port) == (5, 50, 0)
        assert sent(picture, two, server.port) is None
        assert one.pid in users(watch)
        assert two.pid not in users(watch)
        assert os.getpid() not in users(watch)
        (progress,) = watch.progress()
        assert progress.groups == 1
        assert not progress.not_traced
        window.close()
        watch.trace([])
        assert watch._recorder is None


def test_the_last_part_of_a_second_is_told(watch: Watch, made: Cgroups, server: Server) -> None:
    seen: list[Second] = []
    with endpoint(made, "one") as one:
        server.take(one)
        watch.subscribe(seen.append)
        watch.trace([TASK])
        time.sleep(max(0.0, 1.05 - time.time() % 1))
        send(one, 5)
        watch.trace([])
        last = seen[-1].profile
        assert sent(last, one, server.port) == (5, 50, 0)
        assert last.completeness["seconds"]["recorded"] < 1
        time.sleep(1.1)
        assert not seen[-1].profile.edges
        assert seen[-1].profile.completeness["seconds"]["recorded"] == 0


def test_new_processes_of_the_instance_are_traced_from_their_first_byte(watch: Watch, made: Cgroups) -> None:
    watch.trace([TASK])
    window = watch.open(selection=Selection(cgroup=made.name))
    for name in ("one", "two"):
        command = [sys.executable, TALK, "23", "101", "1009"]
        talking = subprocess.run(command, preexec_fn=made.born_in(name), capture_output=True, text=True, check=True)
        edges = edges_to(window.peek(), int(talking.stdout))
        # The window asks for the parent of both.
        (edge,) = edges
        assert said(edge) == (23, 2323, 1)
        assert value(edge.server_side, "accept").count == 1
        written = value(edge.server_side, "write")
        assert (written.count, written.bytes) == (23, 23 * 1009)
    window.close()
    window = watch.open(selection=Selection(cgroup=f"{made.name}/one"))
    talking = subprocess.run(
        [sys.executable, TALK, "1", "1", "1"],
        preexec_fn=made.born_in("two"),
        capture_output=True,
        text=True,
        check=True,
    )
    assert not edges_to(window.peek(), int(talking.stdout))


def test_who_comes_is_traced_and_who_goes_is_not(watch: Watch, made: Cgroups, server: Server) -> None:
    watch.trace([TASK])
    window = watch.open(selection=Selection(cgroup=f"{made.name}/one"))
    with endpoint(made, "two") as end:
        server.take(end)
        send(end, 3)
        assert sent(window.peek(), end, server.port) is None
        made.move(end.pid, "one")
        send(end, 5)
        assert sent(window.take(), end, server.port) == (5, 50, 0)
        send(end, 1)
        made.move(end.pid, "two")
        before = sent(window.take(), end, server.port)
        send(end, 7)
        after = window.take()
        assert before == (1, 10, 0)
        assert end.pid not in users(watch)
        assert sent(after, end, server.port) in (None, (0, 0, 0))
        assert not [edge for edge in edges_to(after, server.port) if edge.connections.closed]


def test_a_cgroup_that_becomes_the_instances(watch: Watch, made: Cgroups, server: Server, tmp_path: Path) -> None:
    made.make("one/inner")
    watch.trace([TASK])
    window = watch.open(selection=Selection(cgroup=f"{made.name}/one"))
    with endpoint(made, "one/inner") as beneath, endpoint(made, "two") as other:
        for end in (beneath, other):
            server.take(end)
            send(end, 3)
        picture = window.take()
        assert sent(picture, beneath, server.port) == (3, 30, 1)
        assert sent(picture, other, server.port) is None
        settings(tmp_path / "places.json", {made.make("one"): "one", made.make("two"): "one"})
        window.take()
        window.take()
        send(other, 5)
        assert sent(window.take(), other, server.port) == (5, 50, 0)
        settings(tmp_path / "places.json", {made.make("one"): "one", made.make("one/inner"): "two"})
        window.close()
        deadline = time.monotonic() + 4
        while users(watch) & {beneath.pid, other.pid}:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_listener_of_before_counts_who_comes_in(watch: Watch, made: Cgroups) -> None:
    with endpoint(made, "one") as one:
        one.say("listen 127.0.0.1")
        port = one.hear()
        watch.trace([TASK])
        window = watch.open(selection=Selection(cgroup=f"{made.name}/one"))
        with socket.create_connection(("127.0.0.1", port)) as client:
            one.say("accept")
            one.hear()
            client.sendall(b"x" * 100)
            one.say("recv 100")
            one.hear()
            (edge,) = edges_to(window.take(), port)
            assert value(edge.server_side, "accept").count == edge.connections.opened == 1
            assert value(edge.server_side, "read").bytes == 100
            window.close()
            watch.trace([])
            watch.trace([Task(8, "two", "two", TASK.ends)])
            with socket.create_connection(("127.0.0.1", port)):
                time.sleep(0.1)
                assert 0 not in users(watch)


def test_a_look_at_everything_ends_with_itself(watch: Watch, made: Cgroups, server: Server) -> None:
    with endpoint(made, "one") as one, endpoint(made, "two") as two:
        for end in (one, two):
            server.take(end)
        watch.trace([TASK])
        everything = watch.open()
        for end in (one, two):
            send(end, 4)
        picture = everything.take()
        assert sent(picture, one, server.port) == sent(picture, two, server.port) == (4, 40, 0)
        everything.close()
        send(two, 4)
        window = watch.open(selection=Selection(cgroup=f"{made.name}/one"))
        assert users(watch) & {one.pid, two.pid, os.getpid()} == {one.pid}
        window.close()


def test_thousands_of_short_lives(watch: Watch, made: Cgroups) -> None:
    watch.trace([TASK])
    window = watch.open(selection=Selection(cgroup=f"{made.name}/one"))
    running = {name: Workload("churn", 200, 10, born=made.born_in(name)) for name in ("one", "two")}
    ports = {name: churn.hear()["port"] for name, churn in running.items()}
    for churn in running.values():
        churn.say("go")
    counted = running["one"].finish()
    assert running["two"].finish() == counted == {"connections": 2000, "failed": 0}
    picture = window.take()
    (edge,) = edges_to(picture, ports["one"])
    assert edge.connections.opened == edge.connections.closed == 2001
    # The last connection only says `end`.
    assert (value(edge.client_side, "write").count, value(edge.client_side, "read").bytes) == (2001, 10_000)
    assert (value(edge.server_side, "write").count, value(edge.server_side, "read").bytes) == (2000, 6003)
    assert not edges_to(picture, ports["two"])
    assert not picture.completeness["lost"]


def test_others_that_come_and_go_disturb_nothing(watch: Watch, made: Cgroups, server: Server) -> None:
    other = Task(8, "two", "two", TASK.ends)
    command = [sys.executable, TALK, "50", "100", "100", "60"]
    watch.trace([TASK])
    with endpoint(made, "one") as one:
        server.take(one)
        window = watch.open("off", selection=Selection(cgroup=f"{made.name}/one"))
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                talking = subprocess.Popen(command, preexec_fn=made.born_in("two"), stdout=subprocess.DEVNULL)
                stack.callback(talking.wait)
                stack.callback(talking.kill)
            for turn in range(40):
                send(one, 25)
                watch.trace([TASK, other] if turn % 2 else [TASK])
        assert sent(window.take(), one, server.port) == (1000, 10_000, 0)
        window.close()


def test_a_name_is_found_when_a_program_becomes_it(watch: Watch, made: Cgroups, server: Server) -> None:
    with endpoint(made, "two") as two:
        server.take(two)
        window = watch.open(selection=Selection(name="^talk$"))
        command = f"exec {sys.executable} {TALK} 23 101 1009"
        talking = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        send(two, 3)
        (edge,) = edges_to(window.take(), int(talking.stdout))
        assert said(edge) == (23, 2323, 1)
        assert value(edge.server_side, "read").bytes == 2323
        with endpoint(made, "one") as other:
            # It is traced until it was judged by its name, and then no longer.
            server.take(other)
            window.take()
            window.take()
            assert users(watch) & {two.pid, other.pid} == set()
        window.close()


def test_a_process_is_followed_with_its_children(watch: Watch) -> None:
    held = subprocess.Popen(
        ["sh", "-c", f"read go; {sys.executable} {TALK} 23 101 1009"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    window = watch.open(follow=held.pid)
    out, _ = held.communicate("go\n")
    (edge,) = edges_to(window.take(), int(out))
    assert said(edge) == (23, 2323, 1)
    assert value(edge.server_side, "read").bytes == 2323
    window.close()


@pytest.mark.skipif(not Path("/proc/sys/kernel/ns_last_pid").exists(), reason="CONFIG_CHECKPOINT_RESTORE is off")
def test_a_number_that_comes_again_inherits_nothing(watch: Watch, server: Server) -> None:
    for _ in range(20):
        first = Workload("endpoint")
        window = watch.open(selection=Selection(pids=frozenset((first.pid,))))
        recorder = watch._recorder
        assert recorder is not None
        assert recorder.kernel.filter is not None
        assert first.pid in recorder.kernel.filter.marks()
        first.process.kill()
        first.finish()
        Path("/proc/sys/kernel/ns_last_pid").write_text(str(first.pid - 1))
        second = Workload("endpoint")
        server.take(second)
        send(second, 3)
        traced = recorder.kernel.filter.traced(np.array([second.pid], np.uint32))[0]
        picture, same = window.take(), second.pid == first.pid
        second.process.kill()
        second.finish()
        window.close()
        if same:
            assert not traced
            assert not edges_to(picture, server.port)
            return
    pytest.skip("somebody else was faster each time")


def test_what_cannot_be_traced_is_said(watch: Watch) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    window = watch.open(selection=Selection(pids=frozenset((gone.pid, 2))))
    assert window.take().completeness["not_traced"] == {
        str(gone.pid): "gone before it could be marked",
        "2": "a kernel thread, or it has ended",
    }
    window.close()


def test_a_full_table_says_so() -> None:
    kernel = Kernel(choose(), Limits(trace_all=False, marks=2), started=False)
    assert kernel.filter is not None
    answers = [kernel.filter.mark(number) for number in range(100, 140)]
    too_large = kernel.filter.mark(1 << 23)
    kernel.close()
    assert answers[0] is None
    assert answers[-1] == "the process table is full"
    assert too_large is not None
    assert "pid_max" in too_large


@pytest.mark.skipif(not Path("/sys/fs/cgroup/pids/cgroup.procs").exists(), reason="there is no old hierarchy")
def test_a_container_of_an_old_hierarchy(watch: Watch, made: Cgroups, server: Server) -> None:
    container = f"{os.getpid():064x}"
    folder = Path("/sys/fs/cgroup/pids") / container
    folder.mkdir()
    try:
        born = lambda: Path.write_text(folder / "cgroup.procs", "0") and None  # noqa: E731
        window = watch.open(selection=Selection(container=container[:60]))
        inside = Workload("endpoint", born=born)
        server.take(inside)
        send(inside, 23)
        picture = window.take()
        assert sent(picture, inside, server.port) == (23, 230, 1)
        assert {edge.client.container for edge in edges_to(picture, server.port)} == {container}
        inside.finish()
        with endpoint(made, "one") as one:
            server.take(one)
            send(one, 3)
            window.take()
            assert one.pid not in users(watch)
            (folder / "cgroup.procs").write_text(str(one.pid))
            send(one, 5)
            assert sent(window.take(), one, server.port) == (5, 50, 0)
        window.close()
    finally:
        time.sleep(0.1)
        folder.rmdir()


def test_nothing_gathers_from_task_to_task(watch: Watch) -> None:
    def held() -> int:
        found = 0
        for fd in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found += str(fd.readlink()).startswith("anon_inode:bpf")
        return found

    recorders, at_rest = [], held()
    for number in range(5):
        watch.trace([Task(number, "one", "one", TASK.ends)])
        recorders.append(weakref.ref(watch._recorder))
        watch.trace([])
        assert held() == at_rest
    assert [recorder() for recorder in recorders] == [None] * 5
