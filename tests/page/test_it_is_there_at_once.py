"""How long until the page can be used, from an empty cache, with a real answer on screen?"""

from __future__ import annotations

from playwright.sync_api import Browser

from .conftest import Site

MOST_SECONDS = 3.0
"""The aim is one second; a machine that runs other tests meanwhile takes longer."""


def test_find_is_usable(browser: Browser, site: Site) -> None:
    took = []
    for _ in range(3):
        context = browser.new_context()
        page = context.new_page()
        page.goto(site.address)
        page.get_by_role("region", name="Service Mesh").wait_for()
        took.append(page.evaluate("performance.now()") / 1000)
        context.close()
    print("usable after", [round(seconds, 2) for seconds in took], "s")
    assert min(took) <= MOST_SECONDS, took
