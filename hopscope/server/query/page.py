"""The page as it was built: its files for ever, the template of reports, its HTML for every other address."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
    "worker-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "vary": "accept-encoding",
}
_NOT_BUILT = (
    "This server has no page: it runs from a checkout in which the page was not built. "
    "`make page` builds it; then start the server again. The API is at /graphql.\n"
)


@dataclass(frozen=True, slots=True)
class _File:
    plain: bytes
    packed: bytes
    kind: str

    def answer(self, request: Request, lasting: str) -> Response:
        packed = "gzip" in request.headers.get("accept-encoding", "")
        headers = {**_HEADERS, "cache-control": lasting, **({"content-encoding": "gzip"} if packed else {})}
        return Response(self.packed if packed else self.plain, headers=headers, media_type=self.kind)


@dataclass(frozen=True, slots=True)
class Built:
    """The files of a built page; empty where none was built."""

    index: _File | None
    report: _File | None
    assets: Mapping[str, _File]


def read(folder: Path) -> Built:
    """The page that was built into a folder."""
    files = _files(folder)
    return Built(files.get("index.html"), files.get("report.html"), _files(folder / "assets"))


def _files(folder: Path) -> Mapping[str, _File]:
    if not folder.is_dir():
        return {}
    files = {path.name: path for path in folder.iterdir() if path.suffix in _TYPES}
    held = {name: path.read_bytes() for name, path in files.items()}
    return {
        name: _File(plain, gzip.compress(plain, 6, mtime=0), _TYPES[files[name].suffix]) for name, plain in held.items()
    }


# Read with the program: later we may be a user who is not allowed to read the place it is installed in.
_BUILT = read(Path(__file__).parents[1] / "page")


def routes(built: Built = _BUILT) -> list[BaseRoute]:
    """Where the page is; the last of all routes."""

    def asset(request: Request) -> Response:
        found = built.assets.get(request.path_params["name"])
        # The build puts a hash of what is in it into each name.
        return found.answer(request, "public, max-age=31536000, immutable") if found else _nothing()

    def page(request: Request) -> Response:
        if built.index is None:
            return PlainTextResponse(_NOT_BUILT, 503, _HEADERS)
        return built.index.answer(request, "no-cache")

    def report(request: Request) -> Response:
        return built.report.answer(request, "no-cache") if built.report else _nothing()

    return [Route("/assets/{name}", asset), Route("/report.html", report), Route("/{path:path}", page)]


def _nothing() -> Response:
    return PlainTextResponse("there is no such file\n", 404, _HEADERS)
