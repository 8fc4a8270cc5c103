"""The server's life: what it opens, in which order, and how it ends."""

from __future__ import annotations

import gc
import logging
import math
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module

import uvicorn

from hopscope import logs
from hopscope.readiness import notify, until
from hopscope.server import ServerError
from hopscope.server.access.doors import Doors
from hopscope.server.access.tls import Certificates
from hopscope.server.disk_limit import DiskLimit
from hopscope.server.folder import owned
from hopscope.server.ingest import Ingest
from hopscope.server.inspections import Inspections
from hopscope.server.keeping import Keeping
from hopscope.server.ledger import Ledger
from hopscope.server.query.app import Web
from hopscope.server.query.concerns import concerns
from hopscope.server.query.exposition import Exposition, Own, Stored
from hopscope.server.query.reader import Reader
from hopscope.server.receivers.collector import Collector
from hopscope.server.spool import Spool
from hopscope.server.storage.engines import opened
from hopscope.server.storage.schema import prepare
from hopscope.server.storage.store import StoreError
from hopscope.server.storage.tables.kept import Retention
from hopscope.server.tasks import Tasks
from hopscope.settings import ServerSettings, address

log = logging.getLogger(__name__)

# What the libraries import when it is first needed. By then we may be a user who is not allowed to read the place they
# are installed in, for example root's home. Another version may not have one of them, and then does not need it.
for _late in (
    "anyio._backends._asyncio",
    "grpc._utilities",
    "numpy.ma",
    "grpc.aio._server",
    "uvicorn.lifespan.off",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.h11_impl",
):
    with suppress(ModuleNotFoundError):
        import_module(_late)

_COLLECT = 100_000, 50, 100
_RETRY_SECONDS, _KEEP_SECONDS, _GRACE_SECONDS, _SLOW_SECONDS, _HEAR_SECONDS = 5.0, 60.0, 3.0, 10.0, 1.0


def serve(settings: ServerSettings) -> None:
    """Runs until SIGTERM or SIGINT. Raises ServerError when it cannot start."""
    logs.start(settings.log, "server")
    # Who talks to whom is nobody else's business.
    os.umask(0o077)
    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: end.set())
    with running(settings) as server:
        where = f"agents on {server.grpc}, API on {server.url}/graphql"
        if settings.log == "json":
            log.info("%s", where, extra={"fields": {"grpc": server.grpc, "http": server.url}})
        else:
            print(f"hopscope server: {where}", flush=True)
        # An answer of a thousand lines makes a hundred thousand objects that go with it. Looking through them for
        # cycles now and then cost half as much as making them.
        gc.freeze()
        gc.set_threshold(*_COLLECT)
        notify("READY=1")
        until(lambda seconds: _came(end, seconds), server.turns)
        notify("STOPPING=1")


def _came(end: threading.Event, seconds: float | None) -> bool:
    """Waits so long for the end, or until it comes."""
    give_up = math.inf if seconds is None else time.monotonic() + seconds
    while not end.is_set() and (left := give_up - time.monotonic()) > 0:
        # A signal that the kernel hands to another thread wakes nobody here, and it is this thread that hears of it.
        end.wait(min(left, _HEAR_SECONDS))
    return end.is_set()


class Running:
    """A server at work. `grpc`, `http`: where it listens; `url`: the same for browsers; `turns`: whether its loops
    go round, and batches are stored or refused, within so many seconds."""

    def __init__(self, grpc: str, http: str, scheme: str, turns: Callable[[float], bool]) -> None:
        self.grpc = grpc
        self.http = http
        self.url = f"{scheme}://{http}"
        self.turns = turns


@contextmanager
def running(settings: ServerSettings) -> Iterator[Running]:
    """A server for as long as the block runs. Raises ServerError when it cannot start."""
    hosts = {name: address(name, getattr(settings, name)) for name in ("grpc", "http")}
    retention = Retention.of(settings)
    with ExitStack() as stack:
        doors = Doors(settings)
        listening = stack.enter_context(_bind(*hosts["http"]))
        stack.enter_context(owned(settings.data_dir))
        try:
            store = opened(settings)
            stack.callback(store.close)
            store_id = prepare(store, retention)
            tasks, inspections = Tasks(store, store_id), Inspections(store)
            spool = Spool(settings.data_dir / "spool")
            ledger = Ledger(settings.data_dir / "stored")
            stack.callback(ledger.close)
            ingest = Ingest(store, spool, ledger, alone=settings.store is None)
            stack.callback(ingest.close)
            if stored := ingest.replay():
                log.info("%d batches were left in the spool; they are stored now", stored)
        except StoreError as error:
            raise ServerError(str(error)) from error
        except OSError as error:
            raise ServerError(
                f"cannot write to {settings.data_dir}: {error.strerror}; make room there, or another --data-dir"
            ) from error
        collector = Collector(ingest, tasks, inspections, store_id, settings.grpc, settings.socket, doors)
        stack.callback(collector.stop, _GRACE_SECONDS)
        stack.enter_context(_now_and_then("retry", _RETRY_SECONDS, ingest.replay, "the spool waits"))
        limit = DiskLimit(store, settings.disk_limit_bytes)
        stack.enter_context(
            _now_and_then("limit", _KEEP_SECONDS, limit.look, "the limit of the data was not looked at")
        )
        reader = Reader(store, retention)
        keeping = Keeping(store, reader, tasks)
        stack.enter_context(
            _now_and_then("keep", _KEEP_SECONDS, lambda: keeping.keep(time.time()), "seconds of tasks wait to be kept")
        )
        parts = Own(spool, ingest, doors), Stored(reader, tasks, settings.metrics_edges)
        web = Web(
            concerns(reader, spool, ingest, tasks, inspections, limit),
            Exposition(parts, ingest),
            lambda: _ready(reader, ingest),
            doors,
        )
        answering = stack.enter_context(_answering(web, listening, doors.certificates))
        where = "{}:{}".format(*listening[0].getsockname()[:2])
        yield Running(
            f"{hosts['grpc'][0]}:{collector.port}",
            where,
            "https" if doors.certificates.http else "http",
            lambda seconds: (
                collector.turns(seconds / 2) and answering(seconds / 2) and _takes(ingest, settings, seconds)
            ),
        )


def _takes(ingest: Ingest, settings: ServerSettings, seconds: float) -> bool:
    # A cluster that hangs is not mended by ending this server, which keeps batches meanwhile; its requests end in time.
    return settings.store is not None or ingest.waiting_seconds <= seconds


def _ready(reader: Reader, ingest: Ingest) -> None:
    """Raises StoreError when the store does not answer or does not take."""
    if (waited := ingest.waiting_seconds) > _SLOW_SECONDS:
        raise StoreError(f"the store does not take: a batch has waited for {waited:.0f} s")
    try:
        reader.agents()
    except StoreError as error:
        raise StoreError(f"the store does not answer: {error}") from error
    if ingest.trouble:
        raise StoreError(f"the store refuses: {ingest.trouble}")


@contextmanager
def _bind(host: str, port: int) -> Iterator[list[socket.socket]]:
    with ExitStack() as stack:
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            listening = [stack.enter_context(socket.create_server((host, port), family=family))]
        except OSError as error:
            raise ServerError(
                f"cannot listen on {host}:{port} for the API: {error.strerror}; another --http"
            ) from error
        if host == "127.0.0.1":
            # A browser asks for localhost at ::1 first: refused there, it would be the first failing line on the page.
            with suppress(OSError):
                other = socket.create_server(("::1", listening[0].getsockname()[1]), family=socket.AF_INET6)
                listening.append(stack.enter_context(other))
        yield listening


@contextmanager
def _now_and_then(name: str, seconds: float, work: Callable[[], object], waits: str) -> Iterator[None]:
    """Does some work now and then; `waits`: what it means when the store refuses."""
    end = threading.Event()

    def repeat() -> None:
        while not end.wait(seconds):
            try:
                work()
            except StoreError as error:
                log.error("%s: %s", waits, error)

    thread = threading.Thread(target=repeat, name=f"hopscope-{name}")
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()


@contextmanager
def _answering(
    web: Web, listening: list[socket.socket], certificates: Certificates
) -> Iterator[Callable[[float], bool]]:
    """The API in a thread of its own, where uvicorn leaves the signals alone; gives whether its loop goes round within
    so many seconds."""
    turned = threading.Event()

    async def turn() -> None:
        turned.set()

    def turns(seconds: float) -> bool:
        turned.clear()
        return turned.wait(seconds)

    config = uvicorn.Config(
        web.application,
        loop="asyncio",
        http="h11",
        ws="none",
        lifespan="off",
        # Whom a request comes from is the address of who connected, whatever a header says.
        proxy_headers=False,
        log_config=None,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=2,
        # Each second.
        callback_notify=turn,
        timeout_notify=0,
    )
    config.load()
    config.ssl = certificates.http
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": listening}, name="hopscope-api")
    thread.start()
    try:
        yield turns
    finally:
        server.should_exit = True
        thread.join()
