"""Are the picture, the data and the report of a window files that say the same without the server?"""

from __future__ import annotations

import csv
import json
import urllib.parse
import xml.etree.ElementTree as ET
from pathlib import Path

from playwright.sync_api import Page, expect

from .conftest import SCRIPT, SHOP, Site

SVG = "{http://www.w3.org/2000/svg}"


def _open(page: Page, site: Site) -> list[str]:
    """The names of the lines on screen, in a window that stands still."""
    instance = urllib.parse.quote(site.instance(SHOP), safe="")
    window = site.ask(
        "query($id: ID!) { topology(instance: $id, window: {last: 20}) { window { from seconds } } }", id=SHOP
    )
    found = window["topology"]["window"]
    page.goto(f"{site.address}/i/{instance}/topology?w={found['from']}+{found['seconds']}s")
    page.locator(".world .line").first.wait_for()
    return _lines(page)


def _lines(page: Page) -> list[str]:
    return sorted(str(it.get_attribute("aria-label")) for it in page.locator(".world .line").all())


def _save(page: Page, folder: Path, what: str) -> Path:
    page.keyboard.press("x")
    with page.expect_download() as download:
        page.get_by_role("dialog", name="Export").get_by_role("button", name=what).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    expect(page.get_by_role("dialog", name="Export")).to_be_hidden()
    return path


def test_the_picture_and_the_lines(page: Page, site: Site, tmp_path: Path) -> None:
    names = _open(page, site)
    texts = {it.text for it in ET.parse(_save(page, tmp_path, "Picture, SVG")).iter(f"{SVG}text")}
    assert {"shop", SCRIPT, SHOP} <= texts
    assert _save(page, tmp_path, "Picture, PNG").read_bytes().startswith(b"\x89PNG")
    saved = json.loads(_save(page, tmp_path, "Data, JSON").read_text())
    with _save(page, tmp_path, "Lines, CSV").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted({f"{row['client']} to {row['server']}, {row['label']}" for row in rows}) == names
    by_id = {edge["id"]: edge for edge in saved["edges"]}
    assert by_id.keys() == {row["edge"] for row in rows}
    assert all(float(row["rate_per_second"]) == by_id[row["edge"]]["rate"] for row in rows if row["rate_per_second"])


def test_a_report_opens_without_its_server(page: Page, site: Site, tmp_path: Path) -> None:
    names = _open(page, site)
    path = _save(page, tmp_path, "report")
    alone = page.context.browser.new_context(offline=True, reduced_motion="reduce")  # type: ignore[union-attr]
    try:
        report = alone.new_page()
        asked: list[str] = []
        said: list[str] = []
        report.on("request", lambda request: asked.append(request.url))
        report.on("console", lambda message: said.append(message.text))
        report.on("pageerror", lambda error: said.append(str(error)))
        report.goto(path.as_uri())
        report.locator(".world .line").first.wait_for()
        assert _lines(report) == names
        assert report.get_by_role("table").get_by_role("row").count() > len(names)
        report.get_by_role("button", name=f"{SCRIPT}, inside").wait_for()
        report.get_by_role("button", name=names[0], exact=True).first.press("Enter")
        panel = report.get_by_role("complementary")
        expect(panel).to_contain_text(names[0].partition(",")[0])
        expect(panel.get_by_role("region", name="client side write", exact=True)).to_contain_text("/s")
        report.keyboard.press("Escape")
        expect(panel).to_be_hidden()
        assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == [] == said
    finally:
        alone.close()
