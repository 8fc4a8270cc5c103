"""Tells systemd, where it started us, that we are at work, that we live, and that we are about to end: sd_notify(3)."""

from __future__ import annotations

import faulthandler
import os
import signal
import socket
from collections.abc import Callable


def notify(state: str) -> None:
    """Sends a state such as READY=1 to the service manager; does nothing without one, or when it does not listen."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as manager:
        try:
            # An abstract socket is written with @ in front.
            manager.sendto(state.encode(), "\0" + address[1:] if address.startswith("@") else address)
        except OSError:
            # Then its start times out and systemd says so; that is no reason to end by ourselves.
            return


def watchdog_seconds() -> float | None:
    """How long the service manager waits for a sign of life before it ends us; None: for ever."""
    length, whose = os.environ.get("WATCHDOG_USEC", ""), os.environ.get("WATCHDOG_PID", "")
    if not length.isdecimal() or whose not in ("", str(os.getpid())):
        return None
    return int(length) / 1e6


def until(ended: Callable[[float | None], bool], turns: Callable[[float], bool]) -> None:
    """Returns when `ended` says so, which is given how many seconds it may wait, and gives signs of life meanwhile.

    `turns`: whether what has to go round went round within so many seconds. While it does not, nothing is sent.
    """
    longest = watchdog_seconds()
    if longest is not None:
        # The watchdog's SIGABRT leaves in the log where each thread hung, and ends us: the store's engine, which
        # catches it, was still there after 20 s.
        signal.signal(signal.SIGABRT, signal.SIG_DFL)
        faulthandler.enable()
    while not ended(None if longest is None else longest / 4):
        if longest is not None and turns(longest / 2):
            notify("WATCHDOG=1")
