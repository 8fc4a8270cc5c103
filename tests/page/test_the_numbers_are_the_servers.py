"""Does the panel of a line say what the server says of the same whole seconds, at both sides, for each metric?"""

from __future__ import annotations

import re
import time
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from hopscope.server.query.windows import text

from .conftest import BUYER, SHOP, Site

QUESTION = """query($id: ID!, $window: WindowInput!) { edge(id: $id, window: $window) {
  connections { opened closed active }
  clientSide { metrics { metric count bytes rate timed averageNs percentiles whyNot } tcp { name value } }
  serverSide { metrics { metric count bytes rate timed averageNs percentiles whyNot } tcp { name value } } } }"""
LINE = re.compile(f"^{BUYER} to shop, HTTP")
UNITS = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9, "B": 1, "kB": 1e3, "MB": 1e6, "/s": 1, "k/s": 1e3}


def open_line(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-30s")
    line = page.get_by_role("button", name=LINE)
    # A line's own middle may lie below its label.
    line.dispatch_event("click")
    expect(page.get_by_role("complementary", name=LINE)).to_be_visible()
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile(r"w=\d{4}-.*\+30s"))


def answer(page: Page, site: Site) -> dict[str, Any]:
    asked = {
        name: unquote(value) for name, value in (part.split("=", 1) for part in urlsplit(page.url).query.split("&"))
    }
    start, seconds = re.fullmatch(r"(.*)\+(\d+)s", asked["w"]).groups()  # type: ignore[union-attr]
    begin = int(datetime.fromisoformat(start).timestamp())
    window = {"from": text(begin), "to": text(begin + int(seconds))}
    return site.ask(QUESTION, id=asked["line"], window=window)["edge"]


def shown(block: Locator) -> dict[str, str]:
    return {
        row.locator("dt").inner_text(): row.locator("dd").inner_text() for row in block.locator(".figures > div").all()
    }


def number(said: str) -> float:
    """What is written: three digits and a unit."""
    value, _, unit = said.replace("\u2009", "").partition(" ")
    if value.endswith("/s"):
        value, unit = value.removesuffix("/s"), "/s"
    return float(value) * UNITS.get(unit, 1)


def compare(block: Locator, told: dict[str, Any]) -> None:
    """Raises AssertionError where the block says anything else."""
    figures, metric = shown(block), told["metric"]
    counted = next(value for label, value in figures.items() if label in ("calls", "samples", "segments"))
    assert counted.replace("\u2009", "") == str(told["count"])
    if metric == "retransmit":
        return
    assert told["count"] > 0 and told["timed"] > 0
    assert number(figures["average"]) == pytest.approx(told["averageNs"], rel=0.006)
    for share, ns in zip((50, 75, 90, 95, 99), told["percentiles"], strict=True):
        assert number(figures[f"p{share}"]) == pytest.approx(ns, rel=0.006)
    if metric != "write_rtt":
        assert number(figures["bytes"]) == pytest.approx(told["bytes"], rel=0.006)
        assert number(block.locator(".figure b").inner_text()) == pytest.approx(told["rate"], rel=0.006)


@pytest.mark.parametrize("metric", ["write", "read", "write_rtt", "retransmit"])
def test_each_figure_of_a_metric(page: Page, site: Site, metric: str) -> None:
    open_line(page, site)
    name = metric.replace("write_rtt", "write RTT")
    if metric != "write":
        page.get_by_role("button", name=name, exact=True).click()
        expect(page).to_have_url(re.compile(f"metric={metric}"))
    for side, key in (("client", "clientSide"), ("server", "serverSide")):
        block = page.get_by_role("region", name=f"{side} side {name}", exact=True)
        expect(block.locator(".figures")).to_be_visible()
        end = time.monotonic() + 20
        while True:
            (told,) = [it for it in answer(page, site)[key]["metrics"] if it["metric"] == metric]
            try:
                compare(block, told)
                break
            except AssertionError:
                # Reports of the last seconds may still come in, and the page asks once a second.
                if time.monotonic() > end:
                    raise
            page.wait_for_timeout(500)


def test_both_sides_stand_where_they_should(page: Page, site: Site) -> None:
    open_line(page, site)
    left = page.get_by_role("region", name="client side write", exact=True).bounding_box()
    right = page.get_by_role("region", name="server side write", exact=True).bounding_box()
    assert left and right and left["x"] + left["width"] <= right["x"] and left["y"] == right["y"]
    panel = page.get_by_role("complementary", name=LINE)
    expect(panel).to_contain_text("buyer pid")
    expect(panel).to_contain_text("shop pid")
    for name in ("write", "read", "write RTT", "close", "retransmit", "drop"):
        for side in ("client", "server"):
            expect(page.get_by_role("region", name=f"{side} side {name}", exact=True)).to_have_count(1)
    expect(page.get_by_role("region", name="client side connect", exact=True)).to_have_count(1)
    expect(page.get_by_role("region", name="server side accept", exact=True)).to_have_count(1)
    told = answer(page, site)["connections"]
    behind = page.get_by_role("region", name="Connections behind this line")
    assert shown(behind)["open at the end"] == str(told["active"]) == "1"


def test_a_heatmap_is_read_by_keys(page: Page, site: Site) -> None:
    open_line(page, site)
    map = page.get_by_role("img", name="client side write histogram over time")
    map.focus()
    page.keyboard.press("ArrowLeft")
    reading = map.locator("xpath=following-sibling::figcaption")
    expect(reading).to_have_text(re.compile(r"^\d\d:\d\d:\d\d, (.* to .*, \d+ of \d+|nothing was timed)$"))
    assert parse_qs(urlsplit(page.url).query).get("w")
