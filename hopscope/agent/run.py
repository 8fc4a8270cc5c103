"""The agent as a process: watch, local socket and reports, from start to signal."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hopscope.agent.local import LocalSocket, listening
from hopscope.agent.watch import Watch
from hopscope.settings import AgentSettings

log = logging.getLogger(__name__)
_ENDS = (signal.SIGINT, signal.SIGTERM)


def run(settings: AgentSettings) -> None:
    """Watches this host until SIGINT or SIGTERM. Raises AgentError when it cannot."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # Blocked before there are threads, so that each inherits it and the signal waits for us.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    for number in _ENDS:
        # numpy's threads are older and inherit nothing: a second signal would reach one and end us in mid-ending.
        signal.signal(number, _already_ending)
    threading.excepthook = _end_with_thread
    with listening(settings.socket) as listener, Watch(settings) as watch:
        local = LocalSocket(watch, listener)
        log.info("watching; top and profile ask at %s; reports go to %s", settings.socket, settings.server or "nobody")
        try:
            with reporting(watch, settings):
                ended = signal.sigwait(_ENDS)
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
    from hopscope.agent.reporters.hopscope import Reporter

    reporter = Reporter(settings)
    unsubscribe = watch.subscribe(reporter.report)
    try:
        yield
    finally:
        unsubscribe()
        reporter.close()


def _already_ending(*_: object) -> None:
    """One signal ends the agent; what comes after it changes nothing."""


def _end_with_thread(failure: threading.ExceptHookArgs) -> None:
    """Half an agent would look healthy and see nothing; with exit code 70 the one who started it hears of it."""
    name = failure.thread.name if failure.thread else "a thread"
    log.critical("%s failed", name, exc_info=failure.exc_value)
    logging.shutdown()
    os._exit(70)
