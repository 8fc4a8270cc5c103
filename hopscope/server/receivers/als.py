"""What Envoys call: `envoy.service.accesslog.v3.AccessLogService`, an endless stream of entries from each.

Nobody is answered, so what has come and is not yet in the spool is lost when the server is killed: what came in about
the last second. When the store does not keep up, no more is read, and Envoy drops and counts what it cannot send.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import grpc
from google.protobuf.message import DecodeError

from hopscope.server.access.calls import following
from hopscope.server.analysis.mesh_books import MOST_HELD, Books, TooMany
from hopscope.server.analysis.mesh_proxies import Proxy, proxy
from hopscope.server.analysis.mesh_rows import message
from hopscope.server.ingest import Malformed
from hopscope.server.refusals import bare
from hopscope.server.spool import SpoolFull
from hopscope.server.storage.store import StoreError
from hopscope.wire.envoy.v3 import accesslog_pb2 as envoy
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

log = logging.getLogger(__name__)

SERVICE, METHOD = "envoy.service.accesslog.v3.AccessLogService", "StreamAccessLogs"
STREAMS = 4096
_FLUSH_SECONDS, _IDLE_SECONDS = 1.0, 10.0
Take = Callable[[bytes, int], None]
_Message = tuple[bytes, Proxy | None, "asyncio.Future[Proxy | Exception]"]


class AccessLogs:
    """Counts what comes on any number of streams. Lives in the event loop of its server.

    `take` stores a batch received at a time (Unix ms); it may raise SpoolFull and StoreError.
    """

    def __init__(self, take: Take) -> None:
        self._take = take
        self._boot, self._sequence = secrets.randbits(64), 0
        self._books = Books()
        # One thread counts, so the books need no lock; another one waits for the disk meanwhile. What came while it
        # counted is counted in one go: to hand over a message of 33 entries takes longer than to count it.
        self._counting = ThreadPoolExecutor(1, "hopscope-access-log")
        self._storing = ThreadPoolExecutor(1, "hopscope-access-log-store")
        self._room, self._full = asyncio.Event(), asyncio.Event()
        self._room.set()
        self._arrived: list[_Message] = []
        self._under_way: asyncio.Task[None] | None = None
        self._streams: set[asyncio.Task[None]] = set()
        self._listened = time.monotonic()
        self._flushing: asyncio.Task[None] | None = None
        self._waiting: bytes | None = None
        self._ending = False

    async def stream(self, _: AsyncIterator[bytes], context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        """One Envoy's stream. Ends only with the server, or when the Envoy says what cannot be."""
        if len(self._streams) >= STREAMS:
            self._books.amounts["refused_streams"] += 1
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, f"more than {STREAMS} streams of access logs")
        if self._ending:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "this server ends")
        task = asyncio.current_task()
        assert task is not None
        self._streams.add(task)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush_for_ever())
        try:
            if (refused := await self._read(context)) is not None:
                if not isinstance(refused, TooMany):
                    self._books.amounts["malformed_streams"] += 1
                await context.abort(grpc.StatusCode.INVALID_ARGUMENT, f"not an access log: {refused}"[:200])
        except asyncio.CancelledError:
            if not self._ending:
                raise
        finally:
            self._streams.discard(task)
        return b""

    async def _read(self, context: grpc.aio.ServicerContext[bytes, bytes]) -> Exception | None:
        """Reads a stream to its end; gives why not. Not raised: its frames hold what was read."""
        loop, who = asyncio.get_running_loop(), None
        while (data := await following(context)) is not None:
            await self._room.wait()
            arrived: _Message = data, who, loop.create_future()
            self._arrived.append(arrived)
            if not self._under_way:
                self._under_way = loop.create_task(self._count_all())
            counted = await arrived[2]
            if isinstance(counted, Exception):
                return counted
            who = counted
            if self._books.held >= MOST_HELD:
                self._room.clear()
                self._full.set()
        return None

    async def _count_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._arrived:
            arrived, self._arrived = self._arrived, []
            counted = await loop.run_in_executor(self._counting, self._count, arrived)
            for (_, _, done), what in zip(arrived, counted, strict=True):
                # Its stream may have ended meanwhile.
                if done.done():
                    continue
                if isinstance(what, Exception) and not isinstance(what, (DecodeError, ValueError)):
                    done.set_exception(what)
                else:
                    done.set_result(what)
        self._under_way = None

    def _count(self, arrived: Sequence[_Message]) -> list[Proxy | Exception]:
        counted: list[Proxy | Exception] = []
        for data, who, _ in arrived:
            try:
                counted.append(self._counted(data, who))
            except Exception as error:
                # Known where its stream waits for it.
                counted.append(bare(error))
        return counted

    def _counted(self, data: bytes, who: Proxy | None) -> Proxy:
        said = envoy.StreamAccessLogsMessage.FromString(data)
        if said.HasField("identifier"):
            who = proxy(said.identifier.node)
        if who is None:
            raise ValueError("the stream's first message names no node")
        self._books.add(who, said, int(time.time()))
        return who

    async def _flush_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), _FLUSH_SECONDS)
            self._full.clear()
            await self._flush()

    async def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        if self._waiting is None:
            self._waiting = await loop.run_in_executor(self._counting, self._batch)
            self._room.set()
        if self._waiting is None:
            return
        try:
            await loop.run_in_executor(self._storing, self._take, self._waiting, time.time_ns() // 1_000_000)
        except SpoolFull as error:
            # It is kept here, and as soon as the books are full, too, nothing more is read.
            log.error("access logs wait: %s", error)
            return
        except StoreError as error:
            log.error("access logs wait in the spool: %s", error)
        except Malformed as error:
            log.error("access logs of a second are lost: %s", error)
            self._books.amounts["lost_batches"] += 1
        self._waiting = None

    def _batch(self) -> bytes | None:
        now, moment = time.monotonic(), int(time.time())
        idle = not (self._streams or self._books.held or self._books.amounts)
        if idle and now - self._listened < _IDLE_SECONDS:
            return None
        seconds, self._listened = now - self._listened, now
        self._sequence += 1
        mesh = message(self._books.take(moment), seconds)
        batch = wire.Batch(boot=self._boot, sequence=self._sequence, host=self._boot, second=moment, mesh=mesh)
        return batch.SerializeToString(deterministic=True)

    async def stop(self) -> None:
        """Ends the streams and stores what came."""
        self._ending = True
        streams = list(self._streams)
        for task in streams:
            task.cancel()
        await asyncio.gather(*streams, return_exceptions=True)
        if self._under_way is not None:
            await self._under_way
        if self._flushing is not None:
            self._flushing.cancel()
            await asyncio.gather(self._flushing, return_exceptions=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._flush(), 2 * _FLUSH_SECONDS)
        self._counting.shutdown()
        self._storing.shutdown()
