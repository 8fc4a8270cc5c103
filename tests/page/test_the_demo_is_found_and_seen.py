"""The demo in the page: are its known processes and lines there, and are the numbers those of `hopscope edges`?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

import pytest
from playwright.sync_api import Page, expect

from tests.demo.oracle import demo, graph

POD = "productpage-v1"
ADDRESS = "http://localhost:8080"


@pytest.fixture(scope="module")
def mesh() -> Iterator[None]:
    """A demo with its agent and its server."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    demo("clean")
    demo("up")
    time.sleep(20)
    yield
    demo("clean")


@pytest.mark.usefixtures("mesh")
def test_from_find_to_the_numbers_of_a_line(page: Page) -> None:
    page.goto(ADDRESS)
    panel = page.get_by_role("region", name="Service Mesh")
    panel.get_by_role("link", name="productpage.default", exact=True).click()
    panel.get_by_role("link", name=POD, exact=True).click()
    known = [edge for edge in graph()["edges"] if POD in (edge["client"]["instance"], edge["server"]["instance"])]
    whole = page.get_by_role("group", name=re.compile(f"^Process topology of {POD}, 2 inside"))
    for edge in known:
        ends = [
            end["process"] if end["instance"] == POD else end["instance"] for end in (edge["client"], edge["server"])
        ]
        for end, name in zip((edge["client"], edge["server"]), ends, strict=True):
            where = "inside" if end["instance"] == POD else "outside"
            expect(whole.get_by_role("button", name=f"{name}, {where}", exact=True)).to_have_count(1, timeout=30_000)
        expect(whole.get_by_role("button", name=re.compile(f"^{ends[0]} to {ends[1]}, ")).first).to_be_attached()
    page.get_by_role("button", name=re.compile("^envoy to productpage, HTTP")).dispatch_event("click")
    page.keyboard.press("Space")
    expect(page).to_have_url(re.compile(r"w=\d{4}-"))
    _numbers_are_those_of_the_command(page)


def _numbers_are_those_of_the_command(page: Page) -> None:
    """The calls that were written, at both sides, in the same whole seconds."""
    asked = dict(part.split("=", 1) for part in page.url.partition("?")[2].split("&"))
    text, seconds = re.fullmatch(r"(.*)\+(\d+)s", unquote(asked["w"])).groups()  # type: ignore[union-attr]
    start = datetime.fromisoformat(text).astimezone(UTC)
    end = start + timedelta(seconds=int(seconds))
    command = [sys.executable, "-m", "hopscope.cli", "edges", POD, "--json"]
    command += ["--from", f"{start:%Y-%m-%dT%H:%M:%SZ}", "--to", f"{end:%Y-%m-%dT%H:%M:%SZ}"]
    until = time.monotonic() + 30
    while True:
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        (edge,) = [it for it in told["edges"] if it["id"] == asked["line"]]
        shown = {}
        for side in ("client", "server"):
            block = page.get_by_role("region", name=f"{side} side write", exact=True)
            rows = dict(zip(block.locator("dt").all_inner_texts(), block.locator("dd").all_inner_texts(), strict=True))
            shown[side] = rows.get("calls", "").replace("\u2009", "")
        wanted = {side: str(edge[f"{side}_side"]["write"]["count"]) for side in ("client", "server")}
        if shown == wanted:
            return
        assert time.monotonic() < until, (shown, wanted)
        page.wait_for_timeout(1000)


@pytest.mark.usefixtures("mesh")
def test_the_mesh_has_the_known_services(page: Page) -> None:
    page.goto(f"{ADDRESS}/mesh?w=live-1m")
    whole = page.get_by_role("group", name=re.compile(r"^Mesh, \d+ services"))
    for name in ("productpage", "details", "reviews", "ratings"):
        expect(whole.get_by_role("button", name=re.compile(rf"^{name}\.default, "))).to_be_visible(timeout=30_000)
    line = whole.get_by_role("button", name=re.compile(r"^productpage\.default to details\.default, "))
    line.click()
    panel = page.get_by_role("complementary", name=re.compile(r"^productpage\.default to details\.default, "))
    expect(panel.get_by_role("region", name="Where the time goes")).to_be_visible()
    expect(panel.get_by_role("region", name="Pods behind this line")).to_contain_text("details-v1")
