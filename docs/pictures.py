"""Takes the pictures of the page again, of a demo of its own: `sudo .venv/bin/python -m docs.pictures [NAME...]`.

Needs Debian's chromium. Only the pods are traced, so that no other program of this machine is in the pictures; packets
are lost on the way to one of them, so that there is something to find.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Locator, Page, sync_playwright

from tests.demo.oracle import demo
from tests.page.beside_a_mesh import POD, halves
from tests.server.conftest import Server

HERE = Path(__file__).parent
PODS = (POD, "details-v1", "reviews-v1", "reviews-v2", "ratings-v1", "istio-ingressgateway", "node-local-dns")
FAULT = "loss"
START = "mutation($pod: ID!) { createTask(instance: $pod, durationSeconds: 3600) { id } }"
WARM_SECONDS = 100
QUALITY = 70
PATIENCE_MS = 100_000


def bad(page: Page) -> Locator:
    """The line that loses packets."""
    return page.get_by_role("region", name="Needs a look").get_by_role("link", name=re.compile("^envoy to ratings-v1"))


def find(page: Page, address: str) -> None:
    """A line that needs a look, and a service that is open."""
    page.goto(f"{address}/find")
    bad(page).first.wait_for()
    page.get_by_role("region", name="Service Mesh").get_by_role("link", name="reviews.default", exact=True).click()
    page.get_by_role("link", name="reviews-v1", exact=True).wait_for()


def topology(page: Page, address: str) -> None:
    """A pod that calls others."""
    page.goto(f"{address}/i/{POD}/topology?w=live-1m")
    page.locator(".world .line").first.wait_for(state="attached")


def line(page: Page, address: str) -> None:
    """The line that loses packets, from its row in Find."""
    find(page, address)
    page.goto(f"{address}{bad(page).first.get_attribute('href')}&w=live-1m")
    page.get_by_role("region", name="Connections behind this line").get_by_role("row").nth(1).wait_for()


def mesh(page: Page, address: str) -> None:
    """A line between two services."""
    page.goto(f"{address}/mesh?w=live-1m")
    page.get_by_role("button", name="productpage.default to reviews.default, ").click()
    page.get_by_role("region", name="Where the time goes").wait_for()


PICTURES: dict[str, tuple[Callable[[Page, str], None], str]] = {
    "page-topology": (topology, "light"),
    "page-mesh": (mesh, "light"),
    "page-find": (find, "dark"),
    "page-line": (line, "dark"),
}
"""What is on each, and in which theme."""


def main() -> None:
    """Takes those that are named, or all."""
    names = sys.argv[1:] or list(PICTURES)
    if unknown := [name for name in names if name not in PICTURES]:
        sys.exit(f"there is no picture {unknown[0]}; known: {', '.join(PICTURES)}")
    demo("clean")
    demo("up", "--no-server")
    try:
        with TemporaryDirectory(prefix="hopscope-") as folder, halves(Path(folder), "on-demand") as server:
            for pod in PODS:
                server.ask(START, pod=pod)
            time.sleep(WARM_SECONDS)
            demo("fault", "on", FAULT)
            take(server, names)
    finally:
        demo("clean")


def take(server: Server, names: list[str]) -> None:
    """Takes some."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for name in names:
            show, theme = PICTURES[name]
            page = browser.new_page(
                viewport={"width": 1280, "height": 800}, color_scheme="dark" if theme == "dark" else "light"
            )
            page.set_default_timeout(PATIENCE_MS)
            show(page, server.http.removesuffix("/graphql"))
            # What was seen in part is dashed: that is of the machine, not of the page.
            page.locator(".banner").first.wait_for(state="detached")
            page.wait_for_timeout(2500)
            page.screenshot(path=HERE / f"{name}.jpg", type="jpeg", quality=QUALITY)
            page.close()
        browser.close()


if __name__ == "__main__":
    main()
