"""From the address of the page to the line that matters: does each step work, and is each thing called as it reads?"""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import BUYER, SCRIPT, SHOP, Site


def test_services_are_found_by_layer(page: Page, site: Site) -> None:
    page.goto(site.address)
    mesh, kubernetes = (page.get_by_role("region", name=name) for name in ("Service Mesh", "Kubernetes"))
    mesh.get_by_role("tab", name="Data Plane").click()
    expect(mesh.get_by_role("link", name="shop", exact=True)).to_be_visible()
    expect(kubernetes.get_by_role("link", name="buyer", exact=True)).to_be_visible()
    expect(mesh.get_by_role("link", name="buyer", exact=True)).to_have_count(0)
    mesh.get_by_role("tab", name="Services").click()
    expect(mesh.get_by_role("link", name="shop", exact=True)).to_have_count(0)


def test_a_service_opens_on_its_pods(page: Page, site: Site) -> None:
    page.goto(site.address)
    mesh = page.get_by_role("region", name="Service Mesh")
    mesh.get_by_role("link", name="shop", exact=True).click()
    expect(mesh.get_by_role("link", name=SHOP, exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("/s/mesh-dp/"))
    page.reload()
    mesh.get_by_role("link", name=SHOP, exact=True).click()
    expect(page).to_have_url(re.compile(r"/i/[^/]+/topology$"))
    expect(page.get_by_role("navigation", name="Where")).to_contain_text(SHOP)


def test_what_fails_needs_a_look(page: Page, site: Site) -> None:
    page.goto(site.address)
    needs = page.get_by_role("region", name="Needs a look")
    # Other programs of this machine may have lines that fail, too.
    row = needs.get_by_role("row").filter(has_text=BUYER)
    expect(row.get_by_role("img", name="failing")).to_be_visible(timeout=40_000)
    expect(row).to_contain_text("refused")
    row.get_by_role("link", name=re.compile("^buyer to 127.0.0.1")).click()
    expect(page).to_have_url(re.compile(r"/topology\?line=[0-9a-f]{16}"))
    expect(page.get_by_role("complementary", name=re.compile("^buyer to 127.0.0.1.*, TCP"))).to_contain_text("refused")


def test_the_topology_has_the_known_processes_and_lines(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-1m")
    whole = page.get_by_role("group", name=re.compile(f"^Process topology of {SHOP}, 2 inside"))
    for name in ("shop, inside", f"{SCRIPT}, inside"):
        expect(whole.get_by_role("button", name=name, exact=True)).to_be_visible()
    for name in (f"{SCRIPT} to shop, HTTP", f"{BUYER} to shop, HTTP"):
        expect(whole.get_by_role("button", name=name, exact=True)).to_have_count(1)
    assert page.evaluate("document.scripts.length") == 1


def test_search_finds_pods_processes_and_addresses(page: Page, site: Site) -> None:
    page.goto(site.address)
    # Keys are heard from the first answer on.
    expect(page.get_by_role("region", name="Needs a look").get_by_role("link").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("buy")
    found = page.get_by_role("region", name="Found")
    expect(found.get_by_role("link", name=BUYER, exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=buy$"))
    page.get_by_role("searchbox").fill("no such thing <b>")
    expect(page.get_by_role("status").filter(has_text="Nothing is called “no such thing <b>”.")).to_be_visible()
    page.get_by_role("searchbox").fill(SCRIPT)
    found.get_by_role("link", name=SCRIPT, exact=True).first.click()
    expect(page.get_by_role("complementary", name=f"process {SCRIPT}")).to_be_visible()


DIALED = "query($id: ID!) { topology(instance: $id, window: {last: 30}) { edges { address label } } }"


def test_an_address_leads_to_who_is_there(page: Page, site: Site) -> None:
    lines = site.ask(DIALED, id=BUYER)["topology"]["edges"]
    (address,) = {line["address"] for line in lines if line["label"] == "HTTP"}
    page.goto(f"{site.address}/find?q={address}")
    page.get_by_role("region", name="Found").get_by_role("link", name=address, exact=True).click()
    expect(page.get_by_role("complementary", name=re.compile("^(process shop|peer shop)"))).to_contain_text(address)
    expect(page).not_to_have_url(re.compile("node="))


@pytest.mark.parametrize("view", ["/find", f"/i/{SHOP}/topology?w=live-1m", f"/i/{SHOP}/processes", "/mesh", "/tasks"])
def test_a_view_asks_one_request_a_second(page: Page, site: Site, view: str) -> None:
    page.goto(site.address + view)
    page.locator("main:not([aria-busy=true])").wait_for()
    page.wait_for_timeout(1000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(5500)
    assert set(asked) == {f"{site.address}/graphql"}
    assert 3 <= len(asked) <= 6, asked
