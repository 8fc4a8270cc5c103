"""Are the single connections behind a line on screen, and are they those that `hopscope connections` tells of?"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from .conftest import BUYER, SHOP, Site
from .test_everybody_can_use_it import faults

LINE = re.compile(f"^{BUYER} to shop, HTTP")
SIDES = ("client", "server")
RECORD = """name => {
  window.seen = {};
  window.recording = setInterval(() => {
    const part = document.querySelector(`section[aria-label="${name}"]`);
    if (part) seen[part.querySelector("time").dateTime] = part.innerText;
  }, 50);
}"""
"""What the page shows, by the moment at which it was read."""


def open_line(page: Page, site: Site) -> Locator:
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-30s")
    page.get_by_role("button", name=LINE).dispatch_event("click")
    region = page.get_by_role("region", name="Connections behind this line")
    expect(region).to_be_visible(timeout=20_000)
    return region


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def told(page: Page, site: Site) -> dict[str, Any]:
    """What the command line says of the line that is open, by side."""
    (line,) = parse_qs(urlsplit(page.url).query)["line"]
    command = [sys.executable, "-m", "hopscope.cli", "connections", "--edge", line, "--server", site.address, "--json"]
    answer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {side["side"]: side for side in answer["sides"]}


def row(region: Locator, side: str) -> Locator:
    return region.get_by_role("table", name=f"Connections, {side} side").locator("tbody tr").first


def test_each_row_is_what_the_command_line_says(page: Page, site: Site) -> None:
    region = open_line(page, site)
    for side in SIDES:
        expect(row(region, side)).to_be_visible(timeout=10_000)
        one = told(page, site)[side]
        (connection,) = one["connections"]
        button = region.get_by_role("button", name=f"{connection['local']} to {connection['remote']}")
        expect(row(region, side)).to_contain_text(f"{connection['state']} · {connection['label']}")
        expect(row(region, side)).to_contain_text(f"pid {connection['pid']}")
        head = region.get_by_role("region", name=f"Connections, {side} side")
        expect(head).to_contain_text("1 open (1 ESTABLISHED)")
        button.click()
        expect(button).to_have_attribute("aria-expanded", "true")
        page.evaluate(RECORD, f"Connections, {side} side")
        answers: dict[float, str] = {}
        end = time.monotonic() + 40
        while not (both := {moment(at) for at in page.evaluate("Object.keys(seen)")} & answers.keys()):
            assert time.monotonic() < end
            one = told(page, site)[side]
            (connection,) = one["connections"]
            answers[moment(one["at"])] = f"{connection['write_calls']} {connection['read_calls']}"
        shown = {moment(at): text for at, text in page.evaluate("seen").items()}
        for at in both:
            calls = re.search(r"calls sent\s+(\d+)\s+calls received\s+(\d+)", shown[at].replace("\u2009", ""))
            assert calls and f"{calls[1]} {calls[2]}" == answers[at]
        page.evaluate("clearInterval(recording)")
        button.click()


def test_a_window_that_is_over_has_none(page: Page, site: Site) -> None:
    region = open_line(page, site)
    expect(row(region, "client")).to_be_visible(timeout=10_000)
    page.keyboard.press("Space")
    expect(region).to_contain_text("Single connections are those of now: go live to see them.")
    expect(region.get_by_role("table")).to_have_count(0)


def test_a_process_has_them_by_state(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/i/{SHOP}/processes?w=live-1m")
    page.get_by_role("region", name="Processes").get_by_role("link", name="shop", exact=True).click()
    region = page.get_by_role("region", name="Connections by state")
    expect(region).to_contain_text(re.compile(r"Process on .* at .*: 2 open \(2 ESTABLISHED\)"), timeout=10_000)
    expect(region.get_by_role("table", name="Connections, process").locator("tbody tr")).to_have_count(2)


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_they_have_no_fault(page: Page, site: Site, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    region = open_line(page, site)
    expect(row(region, "server")).to_be_visible(timeout=10_000)
    region.get_by_role("button", name=re.compile(" to 127.0.0.1")).first.click()
    assert not faults(page)


def test_a_phone_shows_them(page: Page, site: Site) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{site.address}/i/{SHOP}/table?w=live-1m")
    page.get_by_role("button", name=re.compile(f"{BUYER}.*shop")).first.click()
    region = page.get_by_role("region", name="Connections behind this line")
    expect(row(region, "server")).to_be_visible(timeout=10_000)
    for table in region.get_by_role("table").all():
        box = table.bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 390
