"""The agent as a process: watch, local socket and reports, from start to signal."""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hopscope import logs
from hopscope.agent.local import LocalSocket, listening
from hopscope.agent.watch import Watch
from hopscope.readiness import notify, until
from hopscope.settings import AgentSettings

log = logging.getLogger(__name__)
_ENDS = (signal.SIGINT, signal.SIGTERM)


def run(settings: AgentSettings) -> None:
    """Watches this host until SIGINT or SIGTERM. Raises AgentError when it cannot."""
    logs.start(settings.log, "agent")
    signals = _signals()
    threading.excepthook = _end_with_thread
    with listening(settings.socket) as listener, Watch(settings) as watch:
        local = LocalSocket(watch, listener)
        log.info(
            "watching; top and profile ask at %s; reports go to %s", settings.socket, settings.server or "nobody",
            extra={"fields": {"socket": settings.socket, "server": settings.server, "mode": settings.mode}},
        )  # fmt: skip
        try:
            with reporting(watch, settings):
                notify("READY=1")
                until(lambda seconds: bool(select.select([signals], (), (), seconds)[0]), watch.turns)
                ended = os.read(signals, 1)[0]
                notify("STOPPING=1")
        finally:
            local.close()
    log.info("ended by %s", signal.Signals(ended).name)


@contextmanager
def reporting(watch: Watch, settings: AgentSettings) -> Iterator[None]:
    """Has each second reported for as long as the block runs, if there is a server to report to."""
    if settings.server is None:
        yield
        return
    # gRPC costs 15 MB and a quarter of a second, which an agent that reports to nobody need not pay.
    from hopscope.agent.reporters.asking import Asker
    from hopscope.agent.reporters.hopscope import Reporter

    reporter = Reporter(settings)
    unsubscribe = watch.subscribe(reporter.hear)
    asker = Asker(reporter.channel, watch, reporter.boot)
    watch.delivery = reporter.delivery
    try:
        yield
    finally:
        watch.delivery = None
        asker.close()
        unsubscribe()
        reporter.close()


def _signals() -> int:
    """A descriptor from which each signal that came is read, a byte each.

    Whichever thread the kernel gives it to, numpy's included, and also one that comes before we are ready for it; what
    comes after the first changes nothing.
    """
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    for number in _ENDS:
        signal.signal(number, lambda *_: None)
    return reading


def _end_with_thread(failure: threading.ExceptHookArgs) -> None:
    """Half an agent would look healthy and see nothing; with exit code 70 the one who started it hears of it."""
    name = failure.thread.name if failure.thread else "a thread"
    log.critical("%s failed", name, exc_info=failure.exc_value)
    logging.shutdown()
    os._exit(70)
