"""A real server, a real agent, a small shop that talks, and a real browser."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import need_root
from tests.server.conftest import Server, servers
from tests.system.cgroup import Cgroups, cgroups

SHOP, BUYER = "shop-v1-6b746f74dc-9rlmh", "buyer-v1-57b8d4f6c9-mh7tt"
QUIET = "quiet-v1-7d9c5b8f44-x2m8k"
SCRIPT = "<script>"
PROGRAM = Path(__file__).with_name("workload.py")
CHROMIUM = "/usr/bin/chromium"
# How soon a page is there is asked in bench/page; here the machine may do other things, too.
PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


@dataclass
class Site:
    """Where the page is, and the server behind it."""

    server: Server
    agent: subprocess.Popen[bytes]

    @property
    def address(self) -> str:
        return self.server.http.removesuffix("/graphql")

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        return self.server.ask(query, **variables)

    def services(self) -> set[str]:
        """Their names."""
        return {it["name"] for it in self.ask("{ services { services { name } } }")["services"]["services"]}

    def instance(self, name: str) -> str:
        """The id of an instance."""
        return self.ask("query($id: ID!) { instance(id: $id) { id } }", id=name)["instance"]["id"]


def await_(what: Callable[[], Any], seconds: float = 30, why: str = "") -> Any:
    end = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < end, why or "it did not happen"
        time.sleep(0.2)
    return found


def _program(folder: Path, name: str, made: Cgroups, pod: str, *arguments: str) -> subprocess.Popen[str]:
    script = folder / name
    shutil.copy(PROGRAM, script)
    return subprocess.Popen(
        [sys.executable, str(script), *arguments], stdout=subprocess.PIPE, text=True, preexec_fn=made.born_in(pod)
    )


@contextmanager
def _shop(folder: Path, made: Cgroups) -> Iterator[None]:
    """`shop` and `<script>` in one pod, `buyer` in another, who also calls where nobody listens; `quiet` in a third,
    whom nobody calls."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    running = [_program(folder, "shop", made, "shop", "serve")]
    assert running[0].stdout is not None
    port = running[0].stdout.readline().strip()
    running += [
        _program(folder, SCRIPT, made, "shop", "call", port, "5"),
        _program(folder, "buyer", made, "buyer", "call", port, "40", str(nobody)),
        _program(folder, "quiet", made, "quiet", "serve"),
    ]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


@contextmanager
def _agent(folder: Path, server: Server, made: Cgroups) -> Iterator[subprocess.Popen[bytes]]:
    places = {
        made.make("shop"): {"service": "shop", "instance": SHOP, "layer": "MESH_DP"},
        made.make("buyer"): {"service": "buyer", "instance": BUYER, "layer": "K8S_SERVICE"},
        made.make("quiet"): {"service": "quiet", "instance": QUIET, "layer": "K8S_SERVICE"},
    }
    (folder / "places.json").write_text(json.dumps({"version": 1, "cgroups": places}))
    command = [sys.executable, "-m", "hopscope.cli", "agent", "--server", f"unix:{server.socket}"]
    command += ["--socket", str(folder / "agent.sock"), "--discovery", "file"]
    command += ["--discovery-file", str(folder / "places.json"), "--window-share", "1.0"]
    with (folder / "agent.log").open("w") as log:
        agent = subprocess.Popen(command, stderr=log)
    try:
        await_(lambda: "watching" in (folder / "agent.log").read_text(), 60, (folder / "agent.log").read_text())
        yield agent
    finally:
        agent.terminate()
        agent.wait(20)


LINES = "query($id: ID!) { topology(instance: $id, window: {last: 30}) { edges { rate } } }"


# They end with these tests: no agent watches the ones after, and no event loop of Playwright's is in their way.
@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    need_root()
    folder = tmp_path_factory.mktemp("site")
    with ExitStack() as stack:
        server = stack.enter_context(servers())().start()
        made = stack.enter_context(cgroups())
        agent = stack.enter_context(_agent(folder, server, made))
        stack.enter_context(_shop(folder, made))
        found = Site(server, agent)
        await_(lambda: "shop" in found.services(), 60)
        await_(lambda: sum(it["rate"] or 0 for it in found.ask(LINES, id=SHOP)["topology"]["edges"]) > 20, 60)
        time.sleep(5)
        yield found


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, color_scheme="dark", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that may not complain, and may ask nobody but its own server."""
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    yield page
    own = page.evaluate("location.origin")
    page.close()
    assert said == []
    assert [url for url in asked if not url.startswith((own, "blob:", "data:"))] == []
