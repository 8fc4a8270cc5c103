"""A server of its own, and an agent in a chosen mode, beside the mesh of a demo that has neither."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from hopscope.demo.bootstrap import ACCESS_LOG_SOCKET
from hopscope.demo.discovery import SETTINGS
from tests.server.conftest import Server, servers

from .conftest import await_

POD = "productpage-v1"
INSTANCE = "query($id: ID!) { instance(id: $id) { id } }"


@contextmanager
def halves(folder: Path, mode: str) -> Iterator[Server]:
    """Until the agent has told of the pods."""
    with servers() as make:
        server = make()
        # Where the proxies of the demo tell of what they passed on.
        server.socket = ACCESS_LOG_SOCKET
        server.start()
        # They are not root.
        ACCESS_LOG_SOCKET.parent.chmod(0o755)
        ACCESS_LOG_SOCKET.chmod(0o666)
        command = [sys.executable, "-m", "hopscope.cli", "agent", "--config", str(SETTINGS), "--mode", mode]
        command += ["--server", f"unix:{server.socket}", "--socket", str(folder / "agent.sock")]
        with (folder / "agent.log").open("w") as log:
            agent = subprocess.Popen(command, stderr=log)
        try:
            why = "the agent does not tell of " + POD
            await_(lambda: "errors" not in server.post(INSTANCE, {"id": POD}), 60, why)
            yield server
        finally:
            agent.terminate()
            agent.wait(20)


WATCH = """() => {
  let begun = null;
  const found = (window.lines = { first: null, gone: 0 });
  addEventListener("click", (event) => {
    if (event.target.closest("button")?.textContent === "Start") begun = performance.now();
  }, true);
  const look = () => {
    const some = document.querySelector(".world .line") !== null;
    if (begun !== null && some && found.first === null) found.first = performance.now() - begun;
    if (found.first !== null && !some) found.gone += 1;
    requestAnimationFrame(look);
  };
  look();
}"""
"""Looks at each frame for a line: ms from the click on Start to the first one, and the frames without any since."""


def start(page: Page, address: str) -> None:
    """Starts a task of the pod by the form; returns when a line is on screen."""
    page.goto(f"{address}/i/{POD}/profiling/new")
    page.get_by_role("region", name="New task").get_by_role("radio", name="1 min", exact=True).click()
    page.evaluate(WATCH)
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("button", name=re.compile("^envoy to productpage, ")).first.wait_for(state="attached")
