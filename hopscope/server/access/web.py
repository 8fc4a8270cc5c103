"""The HTTP door: who asks, and whether a request can be what a stranger's page had a browser send."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from hopscope.server.access.door import Door
from hopscope.server.access.identity import Caller, NotAllowed, Unknown
from hopscope.server.access.proxy import Proxy

_OURS = frozenset({"localhost", "127.0.0.1", "[::1]"})
_ASKS = 'Bearer realm="hopscope"'
_READS = frozenset({"GET", "HEAD"})
_PORTS = {"http": 80, "https": 443}


class Admission:
    """Gives each request for one of `paths` its `Caller`, or answers it 401 or 403. Other paths are open.

    There are no cookies: nothing that a browser sends by itself lets anybody in, except at a proxy that logs users in
    by cookie, and on this host, where everybody may. For these two a request that changes something must be JSON, which
    no form can send, and come from our own page, if from any.
    """

    def __init__(self, app: ASGIApp, door: Door, proxy: Proxy, paths: Iterable[str]) -> None:
        self._app, self._door, self._proxy, self._paths = app, door, proxy, frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        peer = scope["client"][0] if scope.get("client") else ""
        by_proxy = self._proxy.is_at(peer)
        if not by_proxy:
            scope["headers"] = [header for header in scope["headers"] if header[0] not in self._proxy.headers]
        headers = Headers(scope=scope)
        refusal = self._elsewhere(headers)
        if refusal is None and scope["path"] in self._paths:
            try:
                caller = self._caller(headers, peer, by_proxy)
                refusal = _forged(scope["method"], headers)
                scope.setdefault("state", {})["caller"] = caller
            except Unknown as error:
                refusal = _refusal(401, str(error))
                refusal.headers["www-authenticate"] = _ASKS
            except NotAllowed as error:
                # RFC 6750 section 3.1: another token would be let in.
                refusal = _refusal(403, str(error))
                refusal.headers["www-authenticate"] = f'{_ASKS}, error="insufficient_scope"'
        return await (refusal or self._app)(scope, receive, send)

    def _elsewhere(self, headers: Headers) -> Response | None:
        # A page of elsewhere whose name resolves to this host must not read our answers.
        if self._door.loopback and not self._door.locked and _host(headers.get("host", ""))[0] not in _OURS:
            return PlainTextResponse("Invalid host header: as long as there is no token, localhost or 127.0.0.1\n", 400)
        return None

    def _caller(self, headers: Headers, peer: str, by_proxy: bool) -> Caller:
        if by_proxy and (named := self._proxy.says(headers)) is not None:
            return named
        shown = headers.get("authorization")
        if shown is None:
            return self._door.enter(None, peer)
        scheme, _, token = shown.partition(" ")
        if scheme.lower() != "bearer":
            self._door.refuse("not a bearer token", peer)
            raise Unknown("only tokens are known here: Authorization: Bearer TOKEN")
        return self._door.enter(token.strip(), peer)


def _forged(method: str, headers: Headers) -> Response | None:
    if method in _READS:
        return None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        return _refusal(415, "the body must be JSON: content-type: application/json")
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is not None and not _same(origin, host):
        return _refusal(
            403,
            f"a page of {origin} may not ask {host}; behind a proxy, have it pass the Host that the browser asked for",
        )
    return None


def _same(origin: str, host: str) -> bool:
    try:
        asked = urlsplit(origin)
        port = asked.port or _PORTS.get(asked.scheme)
        name, own = _host(host)
        return (
            asked.hostname is not None and asked.hostname == name.strip("[]") and port == (own or _PORTS[asked.scheme])
        )
    except (ValueError, KeyError):
        return False


def _host(text: str) -> tuple[str, int | None]:
    """Name, with its brackets, and port of a Host header."""
    name, colon, port = text.lower().rpartition(":")
    if not colon or not port.isdecimal():
        return text.lower(), None
    return name, int(port)


def _refusal(status: int, why: str) -> Response:
    return JSONResponse({"errors": [{"message": why}]}, status)
