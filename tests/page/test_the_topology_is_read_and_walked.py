"""Is all of the topology reached by role, name and key, does it stay in its place, and can it be taken away?

The page's own topology in a real browser, under the server's own policy, with answers larger than a test can make real.
"""

from __future__ import annotations

import subprocess
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Page, expect
from starlette.applications import Starlette

from hopscope.server.query.page import read, routes

ROOT = Path(__file__).parents[2]
SVG = "{http://www.w3.org/2000/svg}"
SMALL = "inside=3&groups=4&members=1&lines=12"
MIDDLE = "inside=3&groups=4&members=5&lines=60"


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    built = tmp_path_factory.mktemp("topology")
    config = ["--config", "../bench/page/vite.config.ts", "--outDir", str(built)]
    subprocess.run(["npx", "vite", "build", "--logLevel", "warn", *config], cwd=ROOT / "ui", check=True)
    server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes(read(built))), port=0, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        thread.join(0.05)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(5)


def _open(page: Page, origin: str, query: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{origin}/?{query}")
    page.get_by_role("button", name="envoy, inside", exact=True).wait_for()


def test_everything_is_called_as_it_reads(page: Page, origin: str) -> None:
    _open(page, origin, SMALL)
    whole = page.get_by_role("group", name="Process topology of shop-07, 3 inside, 4 outside, ")
    buttons = [it.get_attribute("aria-label") or "" for it in whole.get_by_role("button").all()]
    assert buttons[:3] == ["envoy, inside", "<script>, inside", "job-2, inside"]
    assert sorted(buttons[3:7]) == [f"10.0.{group}.0:9080, outside" for group in range(4)]
    lines = buttons[7:]
    assert len(lines) == len(set(lines)) > 5
    assert all(" to " in name and name.endswith(", mTLS") for name in lines)


def test_a_name_is_text_whatever_it_is(page: Page, origin: str) -> None:
    _open(page, origin, SMALL)
    scripts = page.evaluate("document.scripts.length")
    page.get_by_role("button", name="<script>, inside", exact=True).click()
    assert page.evaluate("window.chosen") == {"kind": "process", "id": "p1"}
    assert page.evaluate("document.scripts.length") == scripts == 1
    expect(page.locator(".chipname", has_text="<script>")).to_be_visible()


def test_bad_lines_come_first_and_say_why(page: Page, origin: str) -> None:
    _open(page, origin, "inside=40&groups=28&members=5&lines=400")
    lines = page.locator(".line[role=button]").all()
    said = [it.get_attribute("aria-description") or "" for it in lines]
    bad = [text.split(":")[0] for text in said if text.startswith(("failing", "slow"))]
    assert bad == sorted(bad) and len(bad) > 3
    assert all(not text.startswith(("failing", "slow")) for text in said[len(bad) :])
    problems = page.get_by_role("navigation", name="Problems")
    problems.get_by_role("button").first.click()
    assert page.locator('.line[aria-pressed="true"]').count() == 1
    page.get_by_role("button", name=f"Problems {len(bad)}").click()
    assert problems.get_by_role("button").count() >= len(bad)
    assert page.locator(".layer.healthy .line").first.is_hidden()


def test_keys_alone_walk_it(page: Page, origin: str) -> None:
    _open(page, origin, SMALL)
    focused = "document.activeElement.getAttribute('aria-label')"
    fit = page.get_by_role("button", name="Fit to view")
    fit.focus()
    page.keyboard.press("Tab")
    assert page.evaluate(focused) == "envoy, inside"
    page.keyboard.press("ArrowUp")
    assert page.evaluate(focused) == "<script>, inside"
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused).endswith(", outside")
    page.keyboard.press("Alt+ArrowLeft")
    line = page.evaluate(focused)
    assert " to " in line
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name=line, exact=True)).to_have_attribute("aria-pressed", "true")
    page.wait_for_function("window.chosen?.kind === 'line'")
    page.keyboard.press("Tab")
    assert page.evaluate(focused) != line and not (page.evaluate(focused) or "").endswith("inside")


def test_one_card_of_many_peers_says_whom_it_holds(page: Page, origin: str) -> None:
    _open(page, origin, MIDDLE)
    card = page.get_by_role("button", name="users-1, outside, 5 peers")
    card.focus()
    page.keyboard.press("Enter")
    chooser = page.get_by_role("dialog", name="users-1")
    peers = chooser.get_by_role("list", name="Peers").get_by_role("button")
    assert [it.get_attribute("aria-label") for it in peers.all()] == [f"10.0.1.{i}:9080, outside" for i in range(5)]
    page.keyboard.press("Escape")
    expect(chooser).to_be_hidden()
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "users-1, outside, 5 peers"


def test_at_1280_it_is_moved_not_shrunk(page: Page, origin: str) -> None:
    _open(page, origin, "")
    page.set_viewport_size({"width": 760, "height": 620})
    page.wait_for_timeout(300)
    at = "document.querySelector('.world').style.transform"
    assert page.evaluate(at).endswith("scale(1)")
    place = page.locator("[data-node=p0]").bounding_box()
    page.mouse.move(380, 300)
    page.mouse.down()
    page.mouse.move(330, 330, steps=4)
    page.mouse.up()
    moved = page.locator("[data-node=p0]").bounding_box()
    assert place and moved
    assert (round(moved["x"] - place["x"]), round(moved["y"] - place["y"])) == (-50, 30)
    page.keyboard.press("0")
    assert 0.5 <= float(page.evaluate(at).split("scale(")[1].rstrip(")")) < 1


def test_looking_at_one_thing_fades_the_rest(page: Page, origin: str) -> None:
    _open(page, origin, SMALL)
    page.get_by_role("button", name="job-2, inside").hover()
    other = page.locator(".line:not([data-hot])").first
    expect(other).to_have_css("opacity", "0.35")
    expect(page.locator("[data-node=p2]")).to_have_css("opacity", "1")
    page.mouse.move(5, 5)
    expect(other).to_have_css("opacity", "1")


def test_the_picture_stands_alone_as_a_file(page: Page, origin: str) -> None:
    _open(page, origin, SMALL)
    text = page.evaluate("window.files().find((it) => it.name.endsWith('.svg')).make()")
    root = ET.fromstring(text.split("\n", 1)[1])
    assert "<script>" in {it.text for it in root.iter(f"{SVG}text")}
    used = {name for it in root.iter() for name in it.attrib}
    assert not used & {"class", "style", "href", "tabindex"} and "url(" not in text and "var(" not in text
    tags = {it.tag.removeprefix(SVG) for it in root.iter()}
    assert tags <= {"svg", "title", "rect", "g", "path", "text", "tspan", "circle"}
    assert len(list(root.iter(f"{SVG}path"))) >= 1 + page.locator(".line").count()
    size = page.evaluate(
        "(async () => { const blob = await window.files().find((it) => it.name.endsWith('.png')).make();"
        " const image = await createImageBitmap(blob); return [blob.size, image.width, image.height] })()"
    )
    assert size[0] > 10_000 and size[1] == 2 * int(root.attrib["width"])


def test_the_table_says_the_same_and_sorts_on_request(page: Page, origin: str) -> None:
    page.goto(f"{origin}/?{SMALL}&view=table")
    table = page.get_by_role("table", name="Lines of shop-07")
    rows = table.get_by_role("row")
    assert rows.count() == 1 + 12
    rate = table.get_by_role("columnheader", name="rate")
    assert rate.get_attribute("aria-sort") == "none"
    rate.get_by_role("button").click()
    assert rate.get_attribute("aria-sort") == "descending"
    first = rows.nth(1).get_by_role("cell").all_inner_texts()
    assert "1.9 k/s" in first
    rows.nth(1).get_by_role("button").click()
    expect(rows.nth(1)).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("view", [SMALL, "inside=40&groups=28&members=5&lines=200", f"{SMALL}&view=table"])
def test_axe_finds_nothing(page: Page, origin: str, theme: str, view: str) -> None:
    page.goto(f"{origin}/?{view}&theme={theme}")
    page.locator(".world .chipname, .lines-table").first.wait_for()
    page.evaluate((ROOT / "ui/node_modules/axe-core/axe.min.js").read_text())
    # The frame is not here; and a button is called by its first line alone, not by its pid, rate or number of peers.
    off = ("page-has-heading-one", "landmark-one-main", "region", "label-content-name-mismatch")
    rules = {"rules": {name: {"enabled": False} for name in off}}
    found = page.evaluate("(rules) => axe.run(document.getElementById('page'), rules)", rules)
    assert [(it["id"], it["nodes"][0]["html"][:200]) for it in found["violations"]] == []
