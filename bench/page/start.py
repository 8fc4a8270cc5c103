"""How soon the first line is on screen after Start, in a browser, beside the demo's mesh; agent on demand, and always.

Needs root, Debian's chromium and what the demo needs. Run: `python -m bench.page.start`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from playwright.sync_api import Page, sync_playwright

from bench.measure import table
from tests.demo.oracle import demo
from tests.page.beside_a_mesh import halves, start

ROUNDS = 6
IDLE_SECONDS = 2.37
"""Between two tasks: not a whole number, so that each begins in another part of a second."""


def main() -> None:
    """Starts tasks, reports."""
    rows = []
    with _mesh(), sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for mode in ("on-demand", "always"):
            with TemporaryDirectory(prefix="hopscope-") as folder, halves(Path(folder), mode) as server:
                page = browser.new_page(viewport={"width": 1440, "height": 900})
                took = sorted(_once(page, server.http.removesuffix("/graphql")) for _ in range(ROUNDS))
                page.close()
            rows.append([mode, f"{took[0]:.2f}", f"{median(took):.2f}", f"{took[-1]:.2f}"])
        browser.close()
    print(table(["agent", "least s", "median s", "most s"], rows))


@contextmanager
def _mesh() -> Iterator[None]:
    demo("clean")
    demo("up", "--no-server")
    try:
        yield
    finally:
        demo("clean")


def _once(page: Page, address: str) -> float:
    start(page, address)
    took = float(page.evaluate("window.lines.first")) / 1000
    page.get_by_role("button", name="Stop", exact=True).click()
    page.get_by_role("link", name="Profile", exact=True).wait_for()
    time.sleep(IDLE_SECONDS)
    return took


if __name__ == "__main__":
    main()
