"""Is `--html` one file that opens without a server, says what the profile says, and lets no name out of its quotes?"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from hopscope.cli import main, report
from hopscope.client import HopscopeError
from hopscope.edges.model import Profile
from tests.server.profiles import profile


def bad_names(made: Profile) -> Profile:
    """The same with a client that is called what would end the element that holds the data."""
    first, *others = made.edges
    client = dataclasses.replace(first.client, process="</script><script>alert(1)</script>")
    return dataclasses.replace(made, edges=(dataclasses.replace(first, client=client), *others))


def test_a_saved_profile_is_read_in_a_browser(browser: Browser, tmp_path: Path) -> None:
    made = bad_names(profile(1_790_000_000))
    saved, html = tmp_path / "saved.json", tmp_path / "now.html"
    saved.write_text(made.to_json())
    assert main(["show", str(saved), "--html", str(html)]) == 0
    context = browser.new_context(viewport={"width": 1440, "height": 900}, offline=True, reduced_motion="reduce")
    page = context.new_page()
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(html.as_uri())
    line = page.get_by_role("button", name="</script><script>alert(1)</script> to ")
    line.first.dispatch_event("click")
    edge = made.edges[0]
    assert edge.client_side is not None
    panel = page.get_by_role("complementary")
    panel.get_by_role("button", name="write", exact=True, expanded=False).or_(
        panel.locator(".opened").first
    ).first.wait_for()
    if panel.get_by_role("button", name="write", exact=True, expanded=False).count():
        panel.get_by_role("button", name="write", exact=True).click()
    block = page.get_by_role("region", name="client side write", exact=True)
    figures = dict(zip(block.locator("dt").all_inner_texts(), block.locator("dd").all_inner_texts(), strict=True))
    assert figures["calls"].replace("\u2009", "") == str(edge.client_side.metrics["write"].count)
    expect(page.get_by_role("table").first).to_contain_text("</script>")
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
    context.close()


def test_a_checkout_without_a_page_says_so_before_it_measures(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "files", lambda _: tmp_path)
    with pytest.raises(HopscopeError, match="make page"):
        report.template()
    assert main(["profile", "--duration", "60", "--html", str(tmp_path / "x.html")]) == 1
    assert "make page" in capsys.readouterr().err
