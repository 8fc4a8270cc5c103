"""Tells systemd, where it started us, that we are at work or about to end: sd_notify(3)."""

from __future__ import annotations

import os
import socket


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
