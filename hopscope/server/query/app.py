"""The HTTP side: `/graphql`, `/metrics`, `/healthz`, `/readyz`, and the page at all other addresses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import orjson
from anyio import CapacityLimiter, fail_after, to_thread
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hopscope.server.access.doors import Doors
from hopscope.server.access.web import Admission
from hopscope.server.query import page
from hopscope.server.query.concern import Concern
from hopscope.server.query.execution import Execution
from hopscope.server.query.exposition import Exposition
from hopscope.server.query.limits import SECONDS
from hopscope.server.query.turns import Turns
from hopscope.server.storage.store import StoreError

BODY = 65536
"""Bytes of a request."""
_JSON = "application/json"


class Web:
    """The ASGI application. `ready` raises StoreError when nothing can be answered or taken."""

    def __init__(
        self, concerns: Sequence[Concern], exposition: Exposition, ready: Callable[[], None], doors: Doors
    ) -> None:
        self._exposition = exposition
        self._execution = Execution(concerns)
        self._ready = ready
        self._turns: Turns | None = None
        self._scrape: CapacityLimiter | None = None
        # All that tells something of the watched hosts.
        locked = [Route("/graphql", self._graphql, methods=["POST"]), Route("/metrics", self._metrics)]
        self.application = Starlette(
            routes=[*locked, Route("/healthz", _healthy), Route("/readyz", self._readiness), *page.routes()],
            middleware=[
                Middleware(Admission, door=doors.http, proxy=doors.proxy, paths=[route.path for route in locked]),
                Middleware(_Bounded),
            ],
        )

    async def _graphql(self, request: Request) -> Response:
        try:
            asked = orjson.loads(await request.body())
        except orjson.JSONDecodeError as error:
            return _refused(f"the request is not JSON: {error}")
        if not isinstance(asked, dict) or not isinstance(asked.get("query"), str):
            return _refused("the request must be an object with a `query`")
        if not isinstance(asked.get("variables") or {}, dict):
            return _refused("`variables` must be an object")
        if not isinstance(asked.get("operationName") or "", str):
            return _refused("`operationName` must be a text")
        if self._turns is None:
            self._turns = Turns()
        try:
            with fail_after(SECONDS):
                # Here nothing may wait or compute for long: agents' health checks and other answers are behind it.
                answer = await self._turns.take(partial(self._execution.answer, asked, request.state.caller))
        except TimeoutError:
            return _refused(f"no answer within {SECONDS:g} seconds; a shorter window", 200)
        return Response(answer.body, 200 if answer.valid else 400, media_type=_JSON)

    async def _metrics(self, request: Request) -> Response:
        # One scrape at a time: those that come meanwhile wait, and nobody loads the store by scraping often.
        if self._scrape is None:
            self._scrape = CapacityLimiter(1)
        try:
            with fail_after(SECONDS):
                text, kind = await to_thread.run_sync(
                    self._exposition.page, request.headers.get("accept", ""), limiter=self._scrape,
                    abandon_on_cancel=True,
                )  # fmt: skip
        except TimeoutError:
            return PlainTextResponse(f"no answer within {SECONDS:g} seconds\n", 503)
        return Response(text, media_type=kind)

    async def _readiness(self, _: Request) -> Response:
        try:
            await to_thread.run_sync(self._ready)
        except StoreError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return PlainTextResponse("ready\n")


def _refused(why: str, code: int = 400) -> Response:
    return Response(orjson.dumps({"errors": [{"message": why}]}), code, media_type=_JSON)


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok\n")


class _Bounded:
    """Refuses bodies beyond the limit, also those that do not say how long they are."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        parts, size, more = [], 0, True
        while more and size <= BODY:
            message = await receive()
            parts.append(message)
            size += len(message.get("body", b""))
            more = message.get("more_body", False)
        if size > BODY:
            return await PlainTextResponse(f"at most {BODY} bytes\n", 413)(scope, receive, send)
        held = iter(parts)

        async def replay() -> Message:
            return next(held, None) or await receive()

        return await self._app(scope, replay, send)
