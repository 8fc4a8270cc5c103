"""How seconds reach a hopscope server: one thread that sends, again and again, until each batch is acknowledged."""

from __future__ import annotations

import logging
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version

import grpc

from hopscope.agent import host
from hopscope.agent.reporters.blocks import Blocks
from hopscope.agent.reporters.channel import channel
from hopscope.agent.reporters.queue import Queue, Sealed
from hopscope.agent.seconds import Second
from hopscope.agent.witnesses import Witness
from hopscope.edges.model import Group, Profile
from hopscope.edges.status import Delivery
from hopscope.settings import AgentSettings
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

log = logging.getLogger(__name__)

METHOD = "/hopscope.v1.Collector/Report"
SENT = "hopscope-sent-ms"
DEADLINE, FIRST_WAIT, LONGEST_WAIT = 30.0, 0.2, 5.0
"""Seconds: for a batch to be stored; before the first and between later attempts."""


class Reporter:
    """Sends each second it is given to `settings.server`; keeps what is not acknowledged within the settings' bounds.

    `report` may be called from any thread and never waits for the server.
    """

    def __init__(self, settings: AgentSettings) -> None:
        if settings.server is None:
            raise ValueError("no server to report to")
        self._server = settings.server
        self._blocks = Blocks(secrets.randbits(64), version("hopscope"), host.attributes())
        self._queue = Queue(settings.queue_seconds, settings.queue_bytes)
        self._changed = threading.Condition()
        self._closing_at: float | None = None
        self._acknowledged = self._refused = 0
        self._trouble: str | None = None
        self._reachable = True
        self._store: int | None = None
        self._channel = channel(settings)
        self._call: Callable[..., bytes] = self._channel.unary_unary(METHOD)
        self._thread = threading.Thread(target=self._run, name="hopscope-report", daemon=True)
        self._thread.start()

    @property
    def channel(self) -> grpc.Channel:
        """The way to the server."""
        return self._channel

    @property
    def boot(self) -> int:
        """What this run of the agent is known by."""
        return self._blocks.boot

    def hear(self, second: Second) -> None:
        """Queues what was seen in one whole second."""
        self.report(second.profile, second.groups, second.witnesses)

    def report(self, profile: Profile, groups: tuple[Group, ...] = (), witnesses: Iterable[Witness] = ()) -> None:
        """Queues the profile of one second, the process groups that there are, and witnesses of connections."""
        with self._changed:
            # Told only while somebody listens: a gap that waits in the queue could be dropped with it, again and again.
            gaps = self._queue.take_gaps() if self._reachable else ()
            for sequence, batch in self._blocks.batches(profile, gaps, groups, witnesses):
                sealed = Sealed(batch.second, sequence, batch.SerializeToString(deterministic=True), gaps)
                gaps = ()
                if self._queue.put(sealed):
                    self._blocks.forget()
            self._changed.notify()

    def delivery(self) -> Delivery:
        """How reporting goes."""
        with self._changed:
            return Delivery(
                self._server, self._acknowledged, len(self._queue), self._queue.size, self._queue.dropped,
                self._refused, self._trouble,
            )  # fmt: skip

    def close(self, seconds: float = 2.0) -> None:
        """Sends for at most `seconds` what still waits, then ends; twice is harmless."""
        with self._changed:
            # A server that was away a moment ago is not worth a long goodbye.
            seconds = seconds if self._reachable else min(seconds, FIRST_WAIT)
            self._closing_at = time.monotonic() + seconds
            self._changed.notify()
        self._thread.join(seconds)
        self._channel.close()
        self._thread.join()

    def _run(self) -> None:
        wait = FIRST_WAIT
        while (batch := self._next()) is not None:
            if self._deliver(batch):
                wait = FIRST_WAIT
                continue
            # Jitter: many agents that lost one server must not come back in step.
            self._pause(wait * random.uniform(0.5, 1.5))
            wait = min(wait * 2, LONGEST_WAIT)

    def _next(self) -> Sealed | None:
        with self._changed:
            while (batch := self._queue.take()) is None and self._closing_at is None:
                self._changed.wait()
            return None if batch is not None and self._left() <= 0 else batch

    def _left(self) -> float:
        return DEADLINE if self._closing_at is None else self._closing_at - time.monotonic()

    def _pause(self, seconds: float) -> None:
        with self._changed:
            if self._closing_at is None:
                self._changed.wait_for(lambda: self._closing_at is not None, seconds)
        if self._closing_at is not None:
            time.sleep(max(0.0, min(FIRST_WAIT, self._left())))

    def _deliver(self, batch: Sealed) -> bool:
        """Whether the batch is settled, and the next one's turn."""
        try:
            answer = self._call(
                batch.data, timeout=min(DEADLINE, max(0.1, self._left())),
                metadata=((SENT, str(time.time_ns() // 1_000_000)),),
            )  # fmt: skip
            store = wire.Ack.FromString(answer).store
        except grpc.RpcError as error:
            return self._failed(batch, error)
        except ValueError as error:
            # The channel is closed under us: the agent ends and the last attempt took too long.
            return self._keep(batch, str(error))
        if not self._reachable:
            log.info("the server takes our reports again")
        with self._changed:
            self._acknowledged += 1
            self._reachable, self._trouble = True, None
            if store != self._store:
                if self._store is not None:
                    self._blocks.forget()
                self._store = store
        return True

    def _failed(self, batch: Sealed, error: grpc.RpcError) -> bool:
        code, details = error.code(), error.details()
        if code is not grpc.StatusCode.INVALID_ARGUMENT:
            return self._keep(batch, f"{code.name}: {details}")
        with self._changed:
            self._refused += 1
            self._trouble = f"{code.name}: {details}"
            self._queue.lose(batch, "the server refused the batch")
            self._blocks.forget()
        log.error("the server refused batch %d for good: %s", batch.sequence, details)
        return True

    def _keep(self, batch: Sealed, trouble: str) -> bool:
        if self._reachable:
            log.warning("the server does not take our reports, they are kept meanwhile: %s", trouble)
        with self._changed:
            self._reachable, self._trouble = False, trouble
            if self._queue.put_back(batch):
                self._blocks.forget()
        return False
