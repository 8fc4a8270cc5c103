"""The HTTP side: `/graphql`, `/healthz`, `/readyz`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from anyio import CapacityLimiter, fail_after, to_thread
from ariadne import EnumType, ObjectType, QueryType, ScalarType, load_schema_from_path, make_executable_schema
from ariadne.asgi import GraphQL
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hopscope.edges.histogram import percentile
from hopscope.metrics import METRICS
from hopscope.server.ingest import Ingest
from hopscope.server.query import limits
from hopscope.server.query.answers import Answers
from hopscope.server.spool import Spool
from hopscope.server.storage.store import StoreError

log = logging.getLogger(__name__)

AT_ONCE, SECONDS, BODY = 4, 20.0, 65536
"""Questions answered at the same time, how long each may take, bytes of a request."""
# Read with the program: later we may be a user who is not allowed to read the place it is installed in.
_SCHEMA = load_schema_from_path(str(Path(__file__).with_name("schema.graphql")))
_VERSION = version("hopscope")
_STEPS = {"SECOND": "1s", "MINUTE": "1m", "HOUR": "1h"}


class Web:
    """The ASGI application. `loopback`: only requests that name this host are answered."""

    def __init__(self, answers: Answers, spool: Spool, ingest: Ingest, loopback: bool) -> None:
        self._answers = answers
        self._spool = spool
        self._ingest = ingest
        self._at_once: CapacityLimiter | None = None
        schema = make_executable_schema(
            _SCHEMA,
            [*self._queries(), *_types()],
            convert_names_case=True,
        )
        graphql = GraphQL(
            schema, query_parser=limits.read, validation_rules=[limits.Bounded], error_formatter=_formatted,
            execute_get_queries=False, explorer=None, logger=log.name,
        )  # fmt: skip
        middleware = [Middleware(_Bounded)]
        if loopback:
            # A page of elsewhere whose name resolves to this host must not read our answers.
            names = ["localhost", "127.0.0.1", "[::1]"]
            middleware.append(Middleware(TrustedHostMiddleware, allowed_hosts=names))
        self.application = Starlette(
            routes=[
                Route("/graphql", graphql.handle_request, methods=["GET", "POST"]),
                Route("/healthz", _healthy),
                Route("/readyz", self._ready),
            ],
            middleware=middleware,
        )

    def _queries(self) -> list[Any]:
        query = QueryType()
        for name in ("edges", "series", "listeners", "agents"):
            query.set_field(name, self._threaded(getattr(self._answers, name)))
        query.set_field("metrics", lambda *_: METRICS)
        query.set_field("server", self._threaded(self._state))
        return [query]

    def _threaded(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        async def resolve(_: Any, __: Any, **arguments: Any) -> Any:
            if self._at_once is None:
                self._at_once = CapacityLimiter(AT_ONCE)
            try:
                with fail_after(SECONDS):
                    return await to_thread.run_sync(
                        partial(answer, **arguments), limiter=self._at_once, abandon_on_cancel=True
                    )
            except (StoreError, ValueError) as error:
                raise GraphQLError(str(error)) from error
            except TimeoutError as error:
                raise GraphQLError(f"no answer within {SECONDS:g} seconds; a shorter window") from error

        return resolve

    def _state(self) -> dict[str, Any]:
        batches, size = self._spool.waiting
        return {
            "version": _VERSION,
            "spooled": batches,
            "spooled_bytes": size,
            "set_aside": self._spool.aside,
            "trouble": self._ingest.trouble,
        }

    async def _ready(self, _: Request) -> Response:
        try:
            await to_thread.run_sync(self._answers.agents)
        except StoreError as error:
            return PlainTextResponse(f"the store does not answer: {error}\n", 503)
        if self._ingest.trouble:
            return PlainTextResponse(f"the store refuses: {self._ingest.trouble}\n", 503)
        return PlainTextResponse("ready\n")


async def _healthy(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def _types() -> list[Any]:
    side, value = ObjectType("Side"), ObjectType("Value")
    side.set_field("metrics", _chosen)
    value.set_field("percentiles", _percentiles)
    moment = ScalarType("DateTime", value_parser=_moment)
    steps, sides = EnumType("Step", _STEPS), EnumType("SideName", {"CLIENT": "client", "SERVER": "server"})
    return [side, value, moment, ScalarType("Long"), ScalarType("JSON"), steps, sides]


def _chosen(side: dict[str, Any], _: Any, names: list[str] | None = None) -> list[dict[str, Any]]:
    return [value for value in side["values"] if names is None or value["metric"] in names]


def _percentiles(value: dict[str, Any], _: Any, shares: list[float]) -> list[float]:
    if len(shares) > 20 or not all(0 <= share <= 1 for share in shares):
        raise GraphQLError("shares: at most 20, each from 0 to 1")
    found = [percentile(value["histogram"], share) for share in shares] if value["histogram"] else []
    return [ns for ns in found if ns is not None]


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise GraphQLError(f"{text!r} is not a moment like 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _formatted(error: GraphQLError, _: bool) -> dict[str, Any]:
    told = error.formatted
    if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
        return {**told, "message": "internal error; the server's log has it"}
    return dict(told)


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
