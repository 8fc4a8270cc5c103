"""What agents and Envoys call over gRPC, on a port and on a Unix socket: `hopscope.v1.Collector`, and access logs."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import grpc

from hopscope.server import ServerError
from hopscope.server.access.calls import Admission
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
# Each thread waits for the disk with one batch: so many batches are stored together.
_THREADS, _CALLS = 256, 256
_WAITING_BYTES = 100_000_000
"""Bytes of batches that may wait, for a thread or in one."""
_UNPACKED_BYTES = 8_000_000
"""Bytes of batches that are in a thread, unless one batch has more: there each takes 20 times as much."""
_OPTIONS = (
    ("grpc.max_receive_message_length", LARGEST),
    # Without this a second server would share the port, and agents would reach one or the other.
    ("grpc.so_reuseport", 0),
)


class Collector:
    """Listens from its creation on. Raises ServerError when it cannot.

    The server is gRPC's asynchronous one, in a loop and a thread of its own: each Envoy keeps a stream open for ever,
    which in the other kind of server takes a thread. What may wait for a disk does so in one of a few threads.
    """

    def __init__(
        self, ingest: Ingest, tasks: Tasks, inspections: Inspections, store_id: int, at: str, path: Path | None,
        doors: Doors,
    ) -> None:  # fmt: skip
        self._ingest = ingest
        self._tasks = tasks
        self._inspections = inspections
        self._ack = wire.Ack(store=store_id).SerializeToString()
        self._waiting = self._unpacked = 0
        self._turn, self._room = asyncio.Lock(), asyncio.Condition()
        self._loop = asyncio.new_event_loop()
        self._threads = ThreadPoolExecutor(_THREADS, "hopscope-receive")
        # Apart from those that wait for the disk: a new task reaches its agents within two seconds.
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
        report: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(self._report)
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
        self._threads.shutdown()
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

    async def _report(self, data: bytes, context: Context) -> bytes:
        received_ms = time.time_ns() // 1_000_000
        sent = dict(context.invocation_metadata() or ()).get(_SENT)
        sent_ms = int(sent) if isinstance(sent, str) and sent.isdecimal() and len(sent) < 16 else None
        if self._waiting + len(data) > _WAITING_BYTES:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "more is sent than can be stored; send it again")
        self._waiting += len(data)
        try:
            async with self._unpacking(len(data)):
                await self._loop.run_in_executor(self._threads, self._ingest.take, data, received_ms, sent_ms)
        except Malformed as error:
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))
        except SpoolFull as error:
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, str(error))
        except StoreError as error:
            log.error("a batch waits in the spool: %s", error)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the store failed; the batch waits in the spool")
        finally:
            self._waiting -= len(data)
        return self._ack

    @asynccontextmanager
    async def _unpacking(self, size: int) -> AsyncIterator[None]:
        # The lock keeps the order: a large batch is not passed by small ones for ever.
        async with self._turn, self._room:
            await self._room.wait_for(lambda: not self._unpacked or self._unpacked + size <= _UNPACKED_BYTES)
            self._unpacked += size
        try:
            yield
        finally:
            async with self._room:
                self._unpacked -= size
                self._room.notify_all()

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
