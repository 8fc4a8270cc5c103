"""After Start: are the lines of a pod that nobody traced before on screen, and do they stay there?"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.demo.oracle import demo

from .beside_a_mesh import POD, halves, start

LINES = "query($id: ID!) { topology(instance: $id, window: {last: 60}) { edges { id } } }"


@pytest.fixture(scope="module")
def mesh() -> Iterator[None]:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    demo("clean")
    demo("up", "--no-server")
    yield
    demo("clean")


@pytest.mark.usefixtures("mesh")
@pytest.mark.parametrize("mode", ["on-demand", "always"])
def test_from_start_to_stop(context: BrowserContext, tmp_path: Path, mode: str) -> None:
    page = context.new_page()
    with halves(tmp_path, mode) as server:
        before = server.ask(LINES, id=POD)["topology"]["edges"]
        assert mode == "always" or before == []
        start(page, server.http.removesuffix("/graphql"))
        expect(page.get_by_role("group", name="Task")).to_contain_text("started by local")
        # While the task is young the page asks for later seconds than afterwards.
        page.wait_for_timeout(20_000)
        assert page.evaluate("window.lines.gone") == 0
        assert page.locator(".world .line").count() > 0
        page.get_by_role("button", name="Stop", exact=True).click()
        expect(page.get_by_role("link", name="Profile", exact=True)).to_be_visible()
        page.close()
