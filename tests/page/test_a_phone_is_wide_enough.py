"""Does a phone show each view of an instance without being pushed sideways?"""

from __future__ import annotations

from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from .conftest import SHOP, Site

VIEWS = {
    "topology": f"/i/{SHOP}/topology",
    "table": f"/i/{SHOP}/table",
    "compare": f"/i/{SHOP}/compare",
    "processes": f"/i/{SHOP}/processes",
    "profiling": f"/i/{SHOP}/profiling/new",
    "nothing": f"/i/{SHOP}/topology?w=2020-01-01T00:00:00Z%2B60s",
    "find": "/find",
    "mesh": "/mesh",
    "tasks": "/tasks",
}
BEYOND = """[...document.querySelectorAll("body *")].filter((it) => {
  const box = it.getBoundingClientRect();
  return box.width > 0 && box.right > innerWidth + 1 && !it.closest("nav, svg, .unseen");
}).map((it) => it.outerHTML.slice(0, 120))"""
"""What is pushed out at the right; what a hand moves there by itself, or nobody sees, apart."""


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_wider_than_the_screen(page: Page, site: Site, view: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(site.address + VIEWS[view])
    page.locator("main:not([aria-busy=true]):visible, .side:visible").first.wait_for()
    page.get_by_role("contentinfo").get_by_text("agent").first.wait_for()
    expect(page.locator(".skeleton")).to_have_count(0)
    assert page.evaluate(BEYOND) == []
    expect(page.get_by_role("button", name="Help")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Help")).to_have_text("?")


def test_the_times_of_the_axis_stand_apart(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-1m")
    page.locator(".ticks span:visible").first.wait_for()
    boxes = [it.bounding_box() for it in page.locator(".ticks span:visible").all()]
    edges = [(box["x"], box["x"] + box["width"]) for box in boxes if box is not None]
    assert len(edges) > 1
    assert all(end < start for (_, end), (start, _) in pairwise(edges)), edges


def test_a_line_stands_alone(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-1m")
    page.locator("main table tbody button").first.click()
    panel = page.get_by_role("complementary")
    expect(panel).to_be_in_viewport()
    region = panel.get_by_role("region", name="server side write", exact=True)
    expect(region).to_be_visible()
    block = region.bounding_box()
    assert block is not None and block["x"] + block["width"] <= 390
    panel.get_by_role("button", name="Close").click()
    expect(page.locator("main table")).to_be_visible()


def test_what_is_found_is_not_cut(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.address}/s/mesh-dp/c2hvcA==.1")
    page.get_by_role("link", name=SHOP, exact=True).wait_for()
    page.get_by_role("region", name="Needs a look").get_by_role("link").first.wait_for()
    for table in page.locator("main table").all():
        box = table.bounding_box()
        assert box is not None and box["x"] + box["width"] <= 390, table.inner_text()
