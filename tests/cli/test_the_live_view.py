"""Does the live view show what happens, sorted, filtered, paused and one by one, on 80 columns?"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from terminal import agent, talking
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from hopscope.cli.live import EdgePage, Live
from hopscope.client import Selection, watching
from hopscope.settings import AgentSettings

pytestmark = pytest.mark.usefixtures("root")
Steps = Callable[[Pilot[None], Live], Awaitable[None]]


def drive(steps: Steps, ports: set[int], socket: Path, size: tuple[int, int] = (80, 24)) -> None:
    """Runs the view on real edges, and the steps in it."""

    async def run() -> None:
        with watching(Selection(ports=frozenset(ports)), settings=AgentSettings(socket=socket)) as window:
            app = Live(window, interval=0.3)
            async with app.run_test(size=size) as pilot:
                await steps(pilot, app)

    asyncio.run(run())


async def until(pilot: Pilot[None], true: Callable[[], object]) -> None:
    for _ in range(100):
        if true():
            return
        await pilot.pause(0.1)
    raise AssertionError("it did not come")


def names(app: Live) -> list[str]:
    table = app.screen_stack[0].query_one(DataTable)
    return [str(table.get_row_at(row)[0]) for row in range(table.row_count)]


def text(app: Live, place: str) -> str:
    return str(app.screen.query_one(place, Static).render())


def test_idle_it_says_what_to_expect(tmp_path: Path) -> None:
    async def steps(pilot: Pilot[None], app: Live) -> None:
        await until(pilot, lambda: "edges" in text(app, "#head"))
        assert "A line appears as soon as one does" in text(app, "#idle") and not names(app)

    drive(steps, {1}, tmp_path / "none")


def test_sort_filter_pause(tmp_path: Path) -> None:
    with talking(1, 10, 20) as few, talking(3, 10, 5000) as many:

        async def steps(pilot: Pilot[None], app: Live) -> None:
            await until(pilot, lambda: len(names(app)) == 2)
            table = app.query_one(DataTable)
            while app._sort != "RCVD/s":
                await pilot.press(">")
            assert [name.endswith(f":{many}") for name in names(app)] == [True, False]
            assert any("▼" in str(column.label) for column in table.columns.values())
            await pilot.press("r")
            assert [name.endswith(f":{few}") for name in names(app)] == [True, False]
            await pilot.press("slash", *str(many), "enter")
            assert [name.endswith(f":{many}") for name in names(app)] == [True]
            await pilot.press("slash", "z")
            assert "None of 2 edges matches" in text(app, "#idle")
            await pilot.press("escape")
            assert len(names(app)) == 2
            await pilot.press("space")
            before = text(app, "#head")
            assert "PAUSED" in before
            await pilot.pause(1)
            assert text(app, "#head") == before
            await pilot.press("space")
            await until(pilot, lambda: "PAUSED" not in text(app, "#head"))
            assert sum(column.get_render_width(table) for column in table.columns.values()) <= 78

        drive(steps, {few, many}, tmp_path / "none")


@pytest.mark.parametrize("width", [80, 160])
def test_one_edge(tmp_path: Path, width: int) -> None:
    with talking(2, 10, 300) as port:

        async def steps(pilot: Pilot[None], app: Live) -> None:
            await until(pilot, lambda: names(app))
            await pilot.press("enter")
            await until(pilot, lambda: isinstance(app.screen, EdgePage) and f":{port}" in text(app, "#page"))
            page = text(app, "#page")
            halves = [(line[: width // 2 - 2], line[width // 2 - 2 :]) for line in page.splitlines()]
            left, right = zip(*halves, strict=True)
            assert any(line.startswith("write") for line in left) and any("read" in line for line in right)
            for word in ("CLIENT", "SERVER", "p50", "p99", "segments out", "MEASURED BY", "CALLS/s", "nothing lost"):
                assert word in page, word
            assert max(map(len, page.splitlines()[:40])) <= width
            await pilot.press("escape")
            assert not isinstance(app.screen, EdgePage)
            await pilot.press("question_mark")
            assert "sort by another column" in str(app.screen.query_one(Static).render())
            await pilot.press("escape", "q")

        drive(steps, {port}, tmp_path / "none", (width, 40))


@pytest.mark.parametrize("whose", ["own probes", "an agent"])
def test_the_connections_behind_it(tmp_path: Path, whose: str) -> None:
    with ExitStack() as stack:
        port = stack.enter_context(talking(2, 10, 300))
        place = tmp_path / "agent.sock"
        if whose == "an agent":
            stack.enter_context(agent(place))

        async def steps(pilot: Pilot[None], app: Live) -> None:
            await until(pilot, lambda: names(app))
            await pilot.press("enter")
            await until(pilot, lambda: "CONNECTIONS BEHIND THIS LINE" in text(app, "#page"))
            section = text(app, "#page").partition("CONNECTIONS BEHIND THIS LINE")[2].partition("MEASURED BY")[0]
            for side in ("client", "server"):
                assert re.search(rf"The {side} side on \S+ at \d\d:\d\d:\d\d: 1 open \(1 ESTABLISHED\)\.", section)
            words = "LOCAL → REMOTE PID STATE AGE SENT RCVD RTT LEAST RETR LABEL B/s WHAT"
            heads = [line.split() for line in section.splitlines() if line.startswith("LOCAL")]
            assert heads == [words.split()] * 2
            assert re.search(rf"127\.0\.0\.1:\d+ → 127\.0\.0\.1:{port} +\d+ ESTABLISHED ", section)
            assert re.search(rf"127\.0\.0\.1:{port} → 127\.0\.0\.1:\d+ +\d+ ESTABLISHED ", section)
            await pilot.press("escape", "q")

        drive(steps, {port}, place, (160, 60))
