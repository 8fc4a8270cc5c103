"""Does the heap of the page stay where it was while it is live for ten minutes, with a line open?"""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import Page

from .conftest import BUYER, SHOP, Site

SECONDS = int(os.environ.get("HOPSCOPE_LIVE_SECONDS", "600"))
WARM_SECONDS, MOST_GROWTH = 60, 2_000_000


@pytest.mark.heavy
@pytest.mark.timeout(SECONDS + 300)
def test_the_heap_stays(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-1m")
    page.get_by_role("button", name=re.compile(f"^{BUYER} to shop, HTTP")).dispatch_event("click")
    page.get_by_role("region", name="client side write", exact=True).wait_for()
    client = page.context.new_cdp_session(page)

    def held() -> tuple[int, int]:
        """Bytes and elements after a collection."""
        client.send("HeapProfiler.collectGarbage")
        counters = client.send("Memory.getDOMCounters")
        return int(client.send("Runtime.getHeapUsage")["usedSize"]), int(counters["nodes"])

    page.wait_for_timeout(WARM_SECONDS * 1000)
    before = held()
    page.wait_for_timeout((SECONDS - WARM_SECONDS) * 1000)
    after = held()
    print(f"heap {before[0]} to {after[0]} bytes, elements {before[1]} to {after[1]}, in {SECONDS - WARM_SECONDS} s")
    assert after[0] - before[0] < MOST_GROWTH, (before, after)
    assert after[1] < before[1] * 1.5, (before, after)
