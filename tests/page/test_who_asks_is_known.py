"""Does the page ask for a token where one is needed, and offer only what its holder may do?"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from hopscope.server.access import tokens
from hopscope.server.access.identity import Role

from .conftest import BUYER, SHOP, Site, await_
from .test_everybody_can_use_it import faults

START = "mutation($of: ID!) { createTask(instance: $of, durationSeconds: 300) { id } }"
STOP = "mutation($of: ID!) { stopTask(id: $of) { id } }"
STATE = "query($of: ID!) { task(id: $of) { state } }"


class Keys:
    """The tokens of a server; with the first one its door is locked, without the last one open again."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._file = site.server.folder / "data" / "tokens.json"

    def create(self, name: str, role: Role = "read", seconds: int | None = None) -> str:
        return tokens.create(self._file, name, role, time.time(), seconds)[0]

    def revoke(self, *names: str) -> None:
        for name in names or tuple(tokens.read(self._file)):
            tokens.revoke(self._file, name)

    def ask(self, page: Page, token: str, query: str, of: str) -> dict[str, object]:
        """What the server itself says to who holds a token, without the page's buttons between."""
        sent = {"query": query, "variables": {"of": of}}
        headers = {"authorization": f"Bearer {token}"}
        answer: dict[str, object] = page.request.post(self._site.server.http, data=sent, headers=headers).json()
        return answer


@pytest.fixture
def keys(site: Site) -> Iterator[Keys]:
    made = Keys(site)
    yield made
    made.revoke()


@pytest.fixture
def stranger(context: BrowserContext) -> Page:
    """A page that may be told 401, which a browser writes to its console."""
    return context.new_page()


def sign_in(page: Page, token: str) -> None:
    form = page.get_by_role("region", name="Sign in")
    form.get_by_label("Token").fill(token)
    form.get_by_role("button", name="Go on").click()


def test_a_token_opens_the_page_and_no_other_does(stranger: Page, site: Site, keys: Keys) -> None:
    alice, agent = keys.create("alice"), keys.create("node-1", "agent")
    stranger.goto(f"{site.address}/find?q=shop")
    form = stranger.get_by_role("region", name="Sign in")
    expect(form.get_by_role("alert")).to_contain_text("a token is needed")
    expect(form.get_by_label("Token")).to_be_focused()
    assert faults(stranger) == []
    sign_in(stranger, "hop_guessed")
    expect(form.get_by_role("alert")).to_contain_text("nobody knows this token")
    sign_in(stranger, agent)
    expect(form.get_by_role("alert")).to_contain_text("the token node-1 is of role agent; here it takes admin or read")
    form.get_by_label("Token").fill(alice)
    stranger.keyboard.press("Enter")
    # Where one wanted to go.
    expect(stranger.get_by_role("region", name="Found").get_by_role("link", name=SHOP, exact=True)).to_be_visible()
    expect(stranger.get_by_role("banner")).to_contain_text("read only · alice")
    stranger.reload()
    expect(stranger.get_by_role("region", name="Found")).to_be_visible()
    # The token is this tab's alone.
    other = stranger.context.new_page()
    other.goto(site.address)
    expect(other.get_by_role("region", name="Sign in")).to_be_visible()


def test_who_leaves_is_forgotten(stranger: Page, site: Site, keys: Keys) -> None:
    stranger.goto(site.address)
    expect(stranger.get_by_role("banner")).to_contain_text("read and write · local")
    expect(stranger.get_by_role("button", name="Sign out")).to_have_count(0)
    alice = keys.create("alice")
    sign_in(stranger, alice)
    stranger.get_by_role("region", name="Service Mesh").wait_for()
    stranger.get_by_role("button", name="Sign out").click()
    expect(stranger.get_by_role("region", name="Sign in").get_by_role("alert")).to_contain_text("signed out")
    expect(stranger.get_by_role("banner")).not_to_contain_text("alice")
    stranger.reload()
    expect(stranger.get_by_role("region", name="Sign in").get_by_role("alert")).to_contain_text("a token is needed")


@pytest.mark.parametrize("how", ["expired", "revoked"])
def test_a_token_that_ends_while_the_page_is_open(stranger: Page, site: Site, keys: Keys, how: str) -> None:
    alice = keys.create("alice", seconds=8 if how == "expired" else None)
    stranger.goto(f"{site.address}/i/{SHOP}/topology?w=live-1m")
    sign_in(stranger, alice)
    inside = stranger.get_by_role("button", name="shop, inside")
    inside.wait_for()
    if how == "revoked":
        keys.create("carol")
        keys.revoke("alice")
    form = stranger.get_by_role("region", name="Sign in")
    why = "nobody knows this token" if how == "revoked" else re.compile("the token alice ended at .*; create another")
    expect(form.get_by_role("alert")).to_contain_text(why)
    # Nothing of what only she might see stays.
    expect(inside).to_have_count(0)
    expect(stranger.get_by_role("banner")).not_to_contain_text("alice")
    sign_in(stranger, keys.create("bob"))
    expect(inside).to_be_visible()
    expect(stranger).to_have_url(re.compile(f"/i/{SHOP}/topology"))


def test_who_may_only_read_is_offered_nothing_else(stranger: Page, site: Site, keys: Keys) -> None:
    eve, bob = keys.create("eve"), keys.create("bob", "admin")
    shop, buyer = (site_id(keys, stranger, bob, name) for name in (SHOP, BUYER))
    made = keys.ask(stranger, bob, START, shop)["data"]
    assert isinstance(made, dict)
    task = made["createTask"]["id"]
    state = "RUNNING"
    await_(lambda: keys.ask(stranger, eve, STATE, task) == {"data": {"task": {"state": state}}}, 20)
    stranger.goto(f"{site.address}/s/mesh-dp/c2hvcA==.1")
    sign_in(stranger, eve)
    mesh = stranger.get_by_role("region", name="Service Mesh")
    expect(mesh.get_by_role("link", name=f"Open {SHOP}")).to_be_visible()
    stranger.goto(f"{site.address}/s/k8s-service/YnV5ZXI=.1")
    kubernetes = stranger.get_by_role("region", name="Kubernetes")
    expect(kubernetes.get_by_role("link", name=BUYER, exact=True)).to_be_visible()
    expect(stranger.get_by_role("link", name=re.compile("^Profile"))).to_have_count(0)
    stranger.goto(f"{site.address}/i/{buyer}/profiling/new")
    new = stranger.get_by_role("region", name="New task")
    expect(new).to_contain_text("You may look. Ask somebody with the role admin to start a task.")
    expect(new.get_by_role("button")).to_have_count(0)
    expect(stranger.get_by_role("link", name="Profile", exact=True)).to_have_count(0)
    stranger.keyboard.press("s")
    stranger.goto(f"{site.address}/i/{shop}/profiling")
    running = stranger.get_by_role("region", name="Running")
    expect(running).to_contain_text("bob")
    expect(stranger.get_by_role("button", name=re.compile("Stop|Extend|Start"))).to_have_count(0)
    stranger.keyboard.press("Shift+S")
    stranger.goto(f"{site.address}/i/{shop}/topology")
    expect(stranger.get_by_role("group", name="Task")).to_contain_text("started by bob")
    expect(stranger.get_by_role("button", name=re.compile("Stop|Extend"))).to_have_count(0)
    for mutation, of in ((START, buyer), (STOP, task)):
        assert "eve may only read" in str(keys.ask(stranger, eve, mutation, of)["errors"])
    assert keys.ask(stranger, eve, STATE, task) == {"data": {"task": {"state": state}}}
    # With the right to change, the same page has the buttons.
    stranger.get_by_role("button", name="Sign out").click()
    sign_in(stranger, bob)
    expect(stranger.get_by_role("banner")).to_contain_text("read and write · bob")
    stranger.get_by_role("button", name="Stop").click()
    await_(lambda: keys.ask(stranger, bob, STATE, task) == {"data": {"task": {"state": "STOPPED"}}}, 20)


def site_id(keys: Keys, page: Page, token: str, name: str) -> str:
    """The id of an instance."""
    answer = keys.ask(page, token, "query($of: ID!) { instance(id: $of) { id } }", name)["data"]
    assert isinstance(answer, dict)
    found: str = answer["instance"]["id"]
    return found
