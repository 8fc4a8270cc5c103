"""The gRPC door: nothing of a call is read before its caller is known."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc

from hopscope.server.access.door import Door
from hopscope.server.access.identity import NotAllowed, Unknown

_KEY = "authorization"


class Admission(grpc.aio.ServerInterceptor):
    """Lets in by `door` whoever calls any of the server's methods. By the Unix socket comes only whom the socket's mode
    lets in, so that needs no token."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The method's handler behind the door."""
        handler = await continuation(handler_call_details)
        return None if handler is None else self._behind(handler)

    def _behind(self, handler: Any) -> Any:
        # All as streams of requests, which look the same on the wire: of a single request gRPC would read the whole
        # message first, 16 MB from anybody.
        if handler.response_streaming:
            answers = handler.stream_stream or _each(handler.unary_stream)

            async def streaming(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
                await self._admit(context)
                async for answer in answers(requests, context):
                    yield answer

            return grpc.stream_stream_rpc_method_handler(
                streaming, handler.request_deserializer, handler.response_serializer
            )
        answer = handler.stream_unary or _single(handler.unary_unary)

        async def admitted(requests: AsyncIterator[Any], context: Any) -> Any:
            await self._admit(context)
            return await answer(requests, context)

        return grpc.stream_unary_rpc_method_handler(admitted, handler.request_deserializer, handler.response_serializer)

    async def _admit(self, context: Any) -> None:
        peer = context.peer()
        if peer.startswith("unix:"):
            return
        shown = dict(context.invocation_metadata() or ()).get(_KEY)
        if shown is None and context.peer_identities():
            # gRPC has asked for a certificate of `client_ca` and checked it.
            return
        try:
            self._door.enter(None if shown is None else self._bearer(shown, peer), peer)
        except Unknown as error:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, str(error))
        except NotAllowed as error:
            await context.abort(grpc.StatusCode.PERMISSION_DENIED, str(error))

    def _bearer(self, shown: str | bytes, peer: str) -> str:
        scheme, _, token = shown.partition(" ") if isinstance(shown, str) else ("", "", "")
        if scheme.lower() != "bearer":
            self._door.refuse("not a bearer token", peer)
            raise Unknown("only tokens are known here: authorization: Bearer TOKEN")
        return token.strip()


async def following(context: Any) -> Any:
    """The next request of a stream; None: there is none."""
    # Not by gRPC's iterator of requests: it keeps the last one and is itself part of a cycle, so that each batch stayed
    # in memory for minutes.
    request = await context.read()
    return None if request is grpc.aio.EOF else request


async def only(context: Any) -> Any:
    """The request of a call that has one."""
    request = await following(context)
    if request is None:
        await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "a call without a request")
    return request


def _single(answer: Callable[[Any, Any], Awaitable[Any]]) -> Callable[[AsyncIterator[Any], Any], Awaitable[Any]]:
    async def behaviour(requests: AsyncIterator[Any], context: Any) -> Any:
        return await answer(await only(context), context)

    return behaviour


def _each(answers: Callable[[Any, Any], AsyncIterator[Any]]) -> Callable[[AsyncIterator[Any], Any], AsyncIterator[Any]]:
    async def behaviour(requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for answer in answers(await only(context), context):
            yield answer

    return behaviour
