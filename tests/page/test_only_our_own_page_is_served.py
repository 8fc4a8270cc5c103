"""Is the page what the server says it is: one HTML file for each address, hashed files for ever, a strict policy?"""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

import pytest
from starlette.requests import Request

from hopscope.server.query import page
from tests.server.conftest import Server, servers


@pytest.fixture(scope="module")
def at() -> Iterator[str]:
    with servers() as make:
        server: Server = make().start()
        yield server.http.removesuffix("/graphql")


def get(address: str, **headers: str) -> tuple[int, Message, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(address, headers=headers), timeout=10) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


@pytest.mark.parametrize("path", ["/", "/find?layer=mesh-dp", "/i/cmV2aWV3cw%3D%3D.1_cG9k%2FL/topology", "/no/such"])
def test_each_address_is_the_page(at: str, path: str) -> None:
    code, headers, body = get(at + path)
    assert (code, headers["cache-control"]) == (200, "no-cache")
    assert b'<div id="page">' in body
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == policy["worker-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.mark.skipif(not Path("/proc/net/if_inet6").exists(), reason="this kernel has no IPv6")
def test_localhost_is_answered_whichever_way_a_browser_takes(at: str) -> None:
    other = at.replace("127.0.0.1", "[::1]")
    assert other != at and get(other + "/find")[0] == 200


def test_nothing_in_it_is_inline_or_from_elsewhere(at: str) -> None:
    body = get(at + "/")[2].decode()
    assert not re.search(r"<script(?![^>]*src=)|<style| style=| on\w+=|https?://", body), body


def test_files_are_kept_for_ever_and_packed(at: str) -> None:
    names = re.findall(r'"/assets/([^"]+)"', get(at + "/")[2].decode())
    assert {Path(name).suffix for name in names} == {".js", ".css", ".svg"}
    for name in names:
        code, headers, plain = get(f"{at}/assets/{name}")
        assert (code, headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
        packed = get(f"{at}/assets/{name}", **{"accept-encoding": "gzip"})
        assert packed[1]["content-encoding"] == "gzip" and len(packed[2]) <= len(plain) + 32
    for name in ("no.js", "..%2f..%2f..%2fetc%2fpasswd", "%2e%2e%2findex.html"):
        assert b"root:" not in (answer := get(f"{at}/assets/{name}"))[2] and (answer[0] == 404 or b"page" in answer[2])


def test_a_server_without_a_page_says_how_to_build_it(tmp_path: Path) -> None:
    answer = page.routes(page.read(tmp_path))[-1].endpoint(Request({"type": "http", "headers": []}))
    assert answer.status_code == 503 and b"make page" in answer.body
