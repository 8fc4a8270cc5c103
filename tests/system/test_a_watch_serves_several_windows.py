"""Do windows, whole seconds and timed stretches hold what they say, in both modes?"""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from observing import edges_to, value

from hopscope.agent import AgentError
from hopscope.agent.seconds import Second
from hopscope.agent.watch import Watch
from hopscope.agent.window import OpenWindow
from hopscope.edges.model import Profile
from hopscope.settings import AgentSettings

pytestmark = pytest.mark.usefixtures("root")


class Echo:
    """A connection to ourselves whose every byte is counted."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._client = socket.create_connection(self._listener.getsockname())
        self._server, _ = self._listener.accept()

    def send(self, calls: int, size: int = 10) -> None:
        for _ in range(calls):
            self._client.sendall(b"x" * size)
            received = 0
            while received < size:
                received += len(self._server.recv(size))

    def close(self) -> None:
        for one in (self._client, self._server, self._listener):
            one.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    with contextlib.closing(Echo()) as made:
        yield made


def writes(picture: Profile, port: int) -> tuple[int, int | None, int]:
    (edge,) = edges_to(picture, port)
    found = value(edge.client_side, "write")
    return found.count, found.bytes, found.timed or 0


def test_windows_start_where_they_are_opened_and_taken(echo: Echo) -> None:
    with Watch(AgentSettings()) as watch:
        first = watch.open()
        echo.send(3)
        second = watch.open()
        echo.send(4)
        assert writes(first.peek(), echo.port)[:2] == (7, 70)
        assert writes(second.take(), echo.port)[:2] == (4, 40)
        echo.send(5)
        assert writes(first.peek(), echo.port)[:2] == (12, 120)
        assert writes(second.peek(), echo.port)[:2] == (5, 50)


def test_every_second_once_and_on_the_clock(echo: Echo) -> None:
    seen: list[Second] = []
    with Watch(AgentSettings()) as watch:
        time.sleep(1.1 - time.time() % 1)
        unsubscribe = watch.subscribe(seen.append)
        for _ in range(20):
            echo.send(1)
            time.sleep(0.1)
        window = watch.open()
        window.close()
        time.sleep(1.2)
        unsubscribe()
        before = len(seen)
        time.sleep(1.1)
        assert len(seen) == before
    pictures = [second.profile for second in seen]
    echoed = [writes(picture, echo.port) for picture in pictures if edges_to(picture, echo.port)]
    assert sum(count for count, _, _ in echoed) == 20
    for picture in pictures:
        assert picture.window.seconds == pytest.approx(1, abs=0.25)
        fraction = float(picture.window.start[19:26].partition("+")[0] or 0)
        assert fraction < 0.25


def test_an_idle_edge_is_in_a_window_and_not_in_a_second(echo: Echo) -> None:
    seen: list[Second] = []
    with Watch(AgentSettings()) as watch:
        echo.send(1)
        time.sleep(2.1)
        watch.subscribe(seen.append)
        window = watch.open()
        time.sleep(2.2)
        assert writes(window.take(), echo.port) == (0, 0, 0)
    assert not [second for second in seen[1:] if edges_to(second.profile, echo.port)]


@pytest.mark.parametrize(("times", "least", "most"), [("all", 1.0, 1.0), ("off", 0.0, 0.0), ("windows", 0.02, 0.5)])
def test_as_many_calls_are_timed_as_was_asked_for(echo: Echo, times: str, least: float, most: float) -> None:
    with Watch(AgentSettings(window_share=0.1)) as watch:
        window = watch.open(times)  # type: ignore[arg-type]
        end = time.monotonic() + 2.5
        while time.monotonic() < end:
            echo.send(20)
            time.sleep(0.001)
        count, _, timed = writes(window.take(), echo.port)
    assert least * count <= timed <= most * count


def test_on_demand_has_nothing_on_its_hooks_while_nobody_looks(echo: Echo) -> None:
    def held() -> list[str]:
        found = []
        for fd in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                found.append(str(fd.readlink()))
        return [kind for kind in found if kind == "anon_inode:bpf_link"]

    with Watch(AgentSettings(mode="on-demand")) as watch:
        assert not held()
        for _ in range(2):
            window = watch.open()
            echo.send(3)
            assert writes(window.take(), echo.port)[0] == 3
            assert held()
            window.close()
            assert not held()
            with pytest.raises(AgentError, match="closed"):
                window.peek()


def test_many_threads_at_once(echo: Echo) -> None:
    failures: list[BaseException] = []

    def look(window: OpenWindow) -> None:
        try:
            for _ in range(20):
                window.peek()
        except BaseException as error:
            failures.append(error)
            raise

    with Watch(AgentSettings()) as watch:
        windows = [watch.open() for _ in range(4)]
        threads = [threading.Thread(target=look, args=(window,)) for window in windows]
        for thread in threads:
            thread.start()
        for _ in range(50):
            echo.send(2)
        for thread in threads:
            thread.join()
        assert not failures
        assert {writes(window.take(), echo.port)[0] for window in windows} == {100}


def test_a_closed_watch_says_so() -> None:
    watch = Watch(AgentSettings())
    watch.close()
    watch.close()
    with pytest.raises(AgentError, match="closed"):
        watch.open()
