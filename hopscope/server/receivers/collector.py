"""What agents and Envoys call over gRPC, on a port and on a Unix socket: `hopscope.v1.Collector`, and access logs."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc

from hopscope.server import ServerError
from hopscope.server.access.calls import Admission, only
from hopscope.server.access.doors import Doors
from hopscope.server.ingest import Ingest, Malformed
from hopscope.server.inspections import Inspections
from hopscope.server.receivers import als
from hopscope.server.spool import SpoolFull
from hopscope.server.storage.store import StoreError
from hopscope.server.tasks import Tasks
from hopscope.settings import address
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

log = logging.getLogger(__name__)

LARGEST = 16_000_000
"""Bytes of a batch."""
Answer = TypeVar("Answer")
Context = grpc.aio.ServicerContext[bytes, bytes]
_SENT = "hopscope-sent-ms"
_CALLS = 256
_WAITING_BYTES = 20_000_000
"""Bytes of batches that wait to be stored. What is beyond is not read: its senders wait."""
_READ_BYTES = 4_000_000
"""As what a batch counts until it is read: an agent makes none that are longer."""
_READ_SECONDS = 20.0
"""How long a sender may take for a batch that is read: others wait meanwhile."""
_OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST),
    # Without this a second server would share the port, and agents would reach one or the other.
    ("grpc.so_reuseport", 0),
    # Else each connection gets a window, and keeps buffers, of several of its largest messages, read or not.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.experimental.tcp_max_read_chunk_size", 65536),
)


class Collector:
    """Listens from its creation on. Raises ServerError when it cannot.

    The server is gRPC's asynchronous one, in a loop and a thread of its own: each Envoy keeps a stream open for ever,
    which in the other kind of server takes a thread. What may wait for a disk does so in threads.
    """

    def __init__(
        self, ingest: Ingest, tasks: Tasks, inspections: Inspections, store_id: int, at: str, path: Path | None,
        doors: Doors,
    ) -> None:  # fmt: skip
        self._ingest = ingest
        self._tasks = tasks
        self._inspections = inspections
        self._ack = wire.Ack(store=store_id).SerializeToString()
        self._waiting = 0
        self._turn, self._room = asyncio.Lock(), asyncio.Condition()
        self._loop = asyncio.new_event_loop()
        # A new task reaches its agents within two seconds.
        self._asking = ThreadPoolExecutor(1, "hopscope-asked")
        self._thread = threading.Thread(target=self._loop.run_forever, name="hopscope-grpc")
        self._thread.start()
        try:
            self.port = self._wait(self._start(at, path, doors))
        except BaseException:
            self._end()
            raise

    async def _start(self, at: str, path: Path | None, doors: Doors) -> int:
        self._access_logs = als.AccessLogs(lambda data, received_ms: self._ingest.take(data, received_ms, None))
        self._server = grpc.aio.server(
            interceptors=[Admission(doors.grpc)], options=_OPTIONS, maximum_concurrent_rpcs=_CALLS + als.STREAMS
        )
        # The bytes as they came are what goes to the spool.
        report: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(self._report)
        tasked: grpc.RpcMethodHandler[wire.TasksRequest, wire.TasksReply] = grpc.unary_unary_rpc_method_handler(
            self._asked, wire.TasksRequest.FromString, wire.TasksReply.SerializeToString
        )
        logs: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_unary_rpc_method_handler(self._access_logs.stream)
        services: dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]] = {
            "hopscope.v1.Collector": {"Report": report, "Tasks": tasked},
            als.SERVICE: {als.METHOD: logs},
        }
        self._server.add_generic_rpc_handlers(
            tuple(grpc.method_handlers_generic_handler(name, methods) for name, methods in services.items())
        )
        port = self._listen_on(at, doors.certificates.grpc)
        if path is not None:
            self._listen_at(path)
        await self._server.start()
        return port

    def turns(self, seconds: float) -> bool:
        """Whether its loop goes round within so many seconds."""
        turned = threading.Event()
        self._loop.call_soon_threadsafe(turned.set)
        return turned.wait(seconds)

    def stop(self, seconds: float) -> None:
        """Takes nothing new, and gives what is under way some time."""
        self._wait(self._stop(seconds))
        self._end()

    async def _stop(self, seconds: float) -> None:
        # First nothing new comes in, and then the streams end, which would not end by themselves.
        await asyncio.gather(self._server.stop(seconds), self._access_logs.stop())

    def _wait(self, work: Coroutine[Any, Any, Answer]) -> Answer:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end(self) -> None:
        self._asking.shutdown()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _listen_on(self, text: str, credentials: grpc.ServerCredentials | None) -> int:
        host, port = address("grpc", text)
        try:
            # gRPC does not say why it cannot, and writes lines of its own to stderr.
            socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
            if credentials is None:
                return self._server.add_insecure_port(text)
            return self._server.add_secure_port(text, credentials)
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or "in use"
            raise ServerError(f"cannot listen on {text} for agents: {why}; another --grpc") from error

    def _listen_at(self, path: Path) -> None:
        if _answers(path):
            raise ServerError(f"another server listens on {path}; another --socket, or none")
        path.parent.mkdir(parents=True, exist_ok=True)
        # Only we and root, who passes anyway, may connect.
        mask = os.umask(0o177)
        try:
            self._server.add_insecure_port(f"unix:{path}")
        except (OSError, RuntimeError) as error:
            raise ServerError(f"cannot listen on {path}; another --socket, or none") from error
        finally:
            os.umask(mask)

    async def _report(self, _: AsyncIterator[bytes], context: Context) -> bytes:
        async with self._room_for(_READ_BYTES) as took:
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    data: bytes = await only(context)
            except TimeoutError:
                await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the batch came too slowly; send it again")
                raise  # abort has raised
            await took(len(data))
            sent = dict(context.invocation_metadata() or ()).get(_SENT)
            sent_ms = int(sent) if isinstance(sent, str) and sent.isdecimal() and len(sent) < 16 else None
            refused = await self._refused(data, sent_ms)
            # What abort raises lives on with the frames that it went through.
            del data
        if refused is not None:
            await context.abort(*refused)
        return self._ack

    async def _refused(self, data: bytes, sent_ms: int | None) -> tuple[grpc.StatusCode, str] | None:
        """Stores a batch; gives why not."""
        try:
            await asyncio.wrap_future(self._ingest.give(data, time.time_ns() // 1_000_000, sent_ms))
        except Malformed as error:
            return grpc.StatusCode.INVALID_ARGUMENT, str(error)
        except SpoolFull as error:
            return grpc.StatusCode.RESOURCE_EXHAUSTED, str(error)
        except StoreError as error:
            log.error("a batch waits in the spool: %s", error)
            return grpc.StatusCode.UNAVAILABLE, "the store failed; the batch waits in the spool"
        return None

    @asynccontextmanager
    async def _room_for(self, size: int) -> AsyncIterator[Callable[[int], Awaitable[None]]]:
        """Waits until so many bytes have room; gives what tells how many they are in the end."""

        async def takes(now: int) -> None:
            nonlocal size
            async with self._room:
                self._waiting += now - size
                size = now
                self._room.notify_all()

        # The lock keeps the order: who has waited for long is not passed by others.
        async with self._turn, self._room:
            await self._room.wait_for(lambda: self._waiting + size <= _WAITING_BYTES)
            self._waiting += size
        try:
            yield takes
        finally:
            await takes(0)

    async def _asked(self, request: wire.TasksRequest, context: Context) -> wire.TasksReply:
        try:
            return await self._loop.run_in_executor(self._asking, self._reply, request)
        except StoreError as error:
            log.error("an agent asked for tasks: %s", error)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the store does not answer")
            raise  # abort has raised

    def _reply(self, request: wire.TasksRequest) -> wire.TasksReply:
        reply = self._tasks.reply(request)
        self._inspections.reply(request, reply)
        return reply


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
