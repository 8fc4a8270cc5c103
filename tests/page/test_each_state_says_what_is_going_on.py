"""Does the page say so when the server is away, when an agent is silent, when nothing is there?"""

from __future__ import annotations

import re
import signal
from datetime import datetime, timedelta

from playwright.sync_api import Browser, Page, expect

from .conftest import QUIET, SHOP, Site


def test_a_silent_agent_is_named(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-1m")
    page.get_by_role("button", name="shop, inside").wait_for()
    site.agent.send_signal(signal.SIGSTOP)
    try:
        stale = page.get_by_role("status").filter(has_text=re.compile(r"^Agent on .* silent for \d+ s\. You see"))
        health = page.get_by_role("contentinfo", name="Health of the measurement")
        expect(health).to_contain_text(re.compile(r"agent on .* silent for \d+ s"), timeout=30_000)
        expect(stale).to_be_visible(timeout=2_000)
    finally:
        site.agent.send_signal(signal.SIGCONT)
    expect(stale).to_have_count(0, timeout=40_000)


def test_an_id_that_is_gone_is_never_another_object(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/i/nobody-knows-this/topology")
    expect(page.get_by_role("heading", name="This instance is not there")).to_be_visible()
    page.goto(f"{site.address}/no/such/view")
    expect(page.get_by_role("heading", name="There is nothing at /no/such/view")).to_be_visible()


def test_a_window_that_nobody_watched_is_not_called_quiet(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/i/{SHOP}/topology?w=2020-01-01T00:00:00Z%2B60s")
    expect(page.get_by_role("heading", name="Nothing was recorded in this window")).to_be_visible()
    page.get_by_role("button", name="Go live").click()
    expect(page.get_by_role("button", name="shop, inside")).to_be_visible()


def test_a_pod_without_traffic_says_who_listens(page: Page, site: Site) -> None:
    page.goto(f"{site.address}/i/{QUIET}/topology?w=live-10s")
    nothing = page.get_by_role("status").filter(has_text="No traffic in this window")
    expect(nothing).to_contain_text("none sent or received a byte over TCP.")
    expect(nothing).to_contain_text(re.compile(r"Listening: quiet on 127\.0\.0\.1:\d+"))
    page.get_by_role("navigation", name="Instance").get_by_role("link", name="Table").click()
    expect(nothing).to_be_visible()


TIMELINE = "query($id: ID!) { timeline(instance: $id, window: {last: 300}) { at rate } }"


def test_a_quiet_window_leads_to_the_last_traffic(page: Page, site: Site) -> None:
    axis = site.ask(TIMELINE, id=SHOP)["timeline"]
    first = next(at for at, rate in zip(axis["at"], axis["rate"], strict=True) if rate)
    start = datetime.fromisoformat(first) - timedelta(seconds=61)
    page.goto(f"{site.address}/i/{SHOP}/topology?w={start:%Y-%m-%dT%H:%M:%SZ}%2B60s")
    page.get_by_role("button", name=re.compile(r"^Last traffic, \d\d:\d\d:\d\d$")).click()
    expect(page.get_by_role("button", name="shop, inside")).to_be_visible()
    expect(page.get_by_role("button", name="Paused")).to_have_attribute("aria-pressed", "true")


def test_a_server_that_is_away_keeps_what_was_on_screen(browser: Browser, site: Site) -> None:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.goto(f"{site.address}/i/{SHOP}/topology?w=live-1m")
    page.get_by_role("button", name="shop, inside").wait_for(timeout=20_000)
    context.set_offline(True)
    away = page.get_by_role("alert").filter(has_text="The server did not answer.")
    expect(away).to_contain_text(
        re.compile(r"Asked for the topology \d+ times in \d+ s: connection refused\."), timeout=20_000
    )
    expect(away).to_contain_text("What is on screen was measured at")
    expect(page.get_by_role("button", name="shop, inside")).to_be_visible()
    context.set_offline(False)
    away.get_by_role("button", name="Try now").click()
    expect(away).to_have_count(0)
    context.close()
