"""Does a phone show each view of an instance without being pushed sideways?"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from .conftest import SHOP, Site


@pytest.mark.parametrize("view", ["topology", "table", "compare"])
def test_nothing_is_wider_than_the_screen(page: Page, site: Site, view: str) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.address}/i/{SHOP}/{view}")
    page.locator("main table, .side").first.wait_for()
    for part in ("header.top", "main:visible, .side:visible", "footer"):
        box = page.locator(part).first.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390, part
    expect(page.get_by_role("button", name="Help")).to_be_in_viewport()


def test_a_line_stands_alone(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-1m")
    page.locator("main table tbody button").first.click()
    panel = page.get_by_role("complementary")
    expect(panel).to_be_in_viewport()
    block = panel.get_by_role("region", name="server side write", exact=True).bounding_box()
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
