"""How soon Find and a topology can be used, from an empty cache and from a warm one, with the demo's answers on screen.

Needs Debian's chromium and a demo that runs (`hopscope demo up`). Run: `python -m bench.page.open [ADDRESS]`.
"""

from __future__ import annotations

import sys
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright

from bench.measure import table

ROUNDS = 8
POD = "productpage-v1"
VIEWS = {
    "Find": ("/find", "section[aria-label='Service Mesh'] td a"),
    "topology": (f"/i/{POD}/topology", ".world .line"),
}
"""The address of a view, and what is there when it can be used: links, or lines on the canvas."""


def main(address: str) -> None:
    """Opens, reports."""
    rows = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        for view, (path, ready) in VIEWS.items():
            for cache, took in (
                ("empty", _cold(browser, address + path, ready)),
                ("warm", _warm(browser, address + path, ready)),
            ):
                took.sort()
                parts = [took[0], median(took), took[int(0.95 * (len(took) - 1))], took[-1]]
                rows.append([view, cache, *(f"{seconds:.2f}" for seconds in parts)])
        browser.close()
    print(table(["view", "cache", "least s", "median s", "19 of 20 s", "most s"], rows))


def _opened(page: Page, url: str, ready: str) -> float:
    page.goto(url, wait_until="commit")
    page.wait_for_selector(ready, state="attached")
    return float(page.evaluate("performance.now()")) / 1000


def _cold(browser: Browser, url: str, ready: str) -> list[float]:
    found = []
    for _ in range(ROUNDS):
        context = browser.new_context()
        found.append(_opened(context.new_page(), url, ready))
        context.close()
    return found


def _warm(browser: Browser, url: str, ready: str) -> list[float]:
    context = browser.new_context()
    page = context.new_page()
    _opened(page, url, ready)
    found = [_opened(page, url, ready) for _ in range(ROUNDS)]
    context.close()
    return found


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8080")
