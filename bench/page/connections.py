"""How soon the first single connection behind a line is on screen after the line is opened, in a browser.

Needs Debian's chromium and a demo that runs (`hopscope demo up`). Run: `python -m bench.page.connections [ADDRESS]`.
"""

from __future__ import annotations

import sys
import time
from statistics import median

from playwright.sync_api import Page, sync_playwright

from bench.measure import table

ROUNDS = 6
FORGOTTEN_SECONDS = 16.37
"""Longer than an agent goes on telling after the last question; not a whole number, so that each round begins in
another part of a second."""
LINE = '.world .line[aria-label^="envoy to productpage, "]'
ROW = 'section[aria-label="Connections behind this line"] tbody tr'
OPEN = """([line, row]) => new Promise((done) => {
  const begun = performance.now();
  const look = () => document.querySelector(row) ? done(performance.now() - begun) : requestAnimationFrame(look);
  document.querySelector(line).dispatchEvent(new MouseEvent("click", { bubbles: true }));
  look();
})"""


def main(address: str) -> None:
    """Opens lines, reports."""
    rows = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        for what, idle in (("nobody looked before", FORGOTTEN_SECONDS), ("again, while it is told", 1.37)):
            took = sorted(_once(page, address, idle) for _ in range(ROUNDS))
            rows.append([what, f"{took[0]:.2f}", f"{median(took):.2f}", f"{took[-1]:.2f}"])
        browser.close()
    print(table(["a line is opened", "least s", "median s", "most s"], rows))


def _once(page: Page, address: str, idle: float) -> float:
    page.goto(f"{address}/i/productpage-v1/topology?w=live-1m")
    page.wait_for_selector(LINE, state="attached")
    time.sleep(idle)
    return float(page.evaluate(OPEN, [LINE, ROW])) / 1000


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://localhost:8080")
