"""Is each view free of what an accessibility checker finds, in both themes, and reached by keys alone?"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import BUYER, SCRIPT, SHOP, Site

AXE = Path(__file__).parents[2] / "ui/node_modules/axe-core/axe.min.js"
LINE = re.compile(f"^{BUYER} to shop, HTTP")
VIEWS = {
    "find": "/find",
    "profiling": f"/i/{SHOP}/profiling",
    "topology": f"/i/{SHOP}/topology?w=live-1m",
    "table": f"/i/{SHOP}/table?w=live-1m",
    "processes": f"/i/{SHOP}/processes",
    "compare": f"/i/{SHOP}/compare",
    "mesh": "/mesh",
    "tasks": "/tasks",
}


def faults(page: Page) -> list[str]:
    """What axe finds of WCAG 2.2 AA."""
    page.evaluate(AXE.read_text())
    tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
    found = page.evaluate(f"axe.run({{runOnly: {json.dumps(tags)}}})")
    return [
        f"{it['id']}: {node['html'][:160]}"
        for it in found["violations"]
        for node in it["nodes"]
        # A process is called by its name and whether it is inside; pids and addresses below it are not of its name.
        if not (it["id"] == "label-content-name-mismatch" and "data-node" in node["html"])
    ]


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_no_view_has_a_fault(page: Page, site: Site, theme: str) -> None:
    page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    found = {}
    for name, path in VIEWS.items():
        page.goto(site.address + path)
        page.wait_for_selector("main:not([aria-busy=true])")
        page.wait_for_timeout(1500)
        assert page.evaluate("document.documentElement.dataset.theme") == theme
        found[name] = faults(page)
    page.goto(site.address + VIEWS["topology"])
    page.get_by_role("button", name=LINE).dispatch_event("click")
    page.get_by_role("region", name="client side write", exact=True).wait_for()
    found["line"] = faults(page)
    assert not any(found.values()), json.dumps(found, indent=1)


def test_a_task_is_started_and_stopped_by_keys_alone(page: Page, site: Site) -> None:
    page.goto(site.address)
    page.get_by_role("region", name="Service Mesh").get_by_role("link", name="shop", exact=True).wait_for()
    page.keyboard.press("/")
    page.keyboard.type("shop")
    page.get_by_role("region", name="Found").get_by_role("link", name=SHOP, exact=True).wait_for()
    page.keyboard.press("Enter")
    for _ in range(12):
        if page.evaluate("document.activeElement.textContent") == SHOP:
            break
        page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/topology"))
    page.get_by_role("link", name="Profile", exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_role("radiogroup", name="For how long").wait_for()
    page.keyboard.press("s")
    expect(page).to_have_url(re.compile("/topology\\?w=live-1m"))
    status = page.get_by_role("group", name="Task")
    expect(status).to_contain_text("started by local")
    tasks = "query($id: ID!) { tasks(instance: $id) { state owner } }"
    assert site.ask(tasks, id=SHOP)["tasks"][0]["state"] in ("WAITING", "RUNNING")
    page.get_by_role("link", name="Network profiling").focus()
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Running").wait_for()
    page.keyboard.press("Shift+S")
    row = page.get_by_role("region", name="Past").get_by_role("row", name=re.compile("^stopped, "))
    expect(row).to_be_visible()
    assert site.ask(tasks, id=SHOP)["tasks"][0]["state"] == "STOPPED"


def test_keys_say_what_they_do_and_can_be_switched_off(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-1m")
    page.get_by_role("button", name=f"{SCRIPT}, inside").wait_for()
    before = page.evaluate("document.documentElement.dataset.theme")
    page.keyboard.press("d")
    assert page.evaluate("document.documentElement.dataset.theme") != before
    page.keyboard.press("?")
    keys = page.get_by_role("dialog", name="Keys")
    for does in ("search", "live or paused", "window back", "topology or table", "copy link", "this window is A"):
        expect(keys.get_by_text(does, exact=True)).to_be_visible()
    keys.get_by_label("Switch single keys off").check()
    page.keyboard.press("Escape")
    expect(keys).to_have_count(0)
    now = page.evaluate("document.documentElement.dataset.theme")
    page.keyboard.press("d")
    assert page.evaluate("document.documentElement.dataset.theme") == now


def test_a_link_shows_the_same_seconds_to_whoever_opens_it(page: Page, site: Site) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-1m")
    page.get_by_role("button", name=LINE).dispatch_event("click")
    page.get_by_role("region", name="client side write", exact=True).wait_for()
    page.keyboard.press("c")
    expect(page.get_by_role("status").filter(has_text="Link copied.")).to_be_visible()
    link = page.evaluate("navigator.clipboard.readText()")
    assert re.search(r"w=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\+60s", link) and "line=" in link
    page.goto(link)
    page.get_by_role("region", name="client side write", exact=True).wait_for()
    slider = page.get_by_role("slider", name="Window")
    shown = slider.get_attribute("aria-valuetext")
    page.wait_for_timeout(2500)
    assert slider.get_attribute("aria-valuetext") == shown
    expect(page.get_by_role("button", name="Paused")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("[")
    expect(slider).not_to_have_attribute("aria-valuetext", shown or "")
    page.go_back()
    expect(slider).to_have_attribute("aria-valuetext", shown or "")
