"""Network namespaces without a name, held by a descriptor only: they end with whoever holds them."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from threading import Thread

from hopscope.demo import DemoError

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def create() -> int:
    """A new network namespace, as a descriptor. Raises DemoError."""
    made: list[int] = []
    refused: list[int] = []

    # In a thread, because unshare moves only the thread that calls it, and this one ends at once.
    def unshare() -> None:
        if _libc.unshare(CLONE_NEWNET):
            refused.append(ctypes.get_errno())
        else:
            made.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC))

    thread = Thread(target=unshare)
    thread.start()
    thread.join()
    if refused:
        raise DemoError(f"the kernel refused a network namespace: {os.strerror(refused[0])}; the demo needs full root")
    return made[0]


def enter(descriptor: int) -> None:
    """Moves the calling thread into a network namespace. Raises OSError."""
    if _libc.setns(descriptor, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def birth(descriptor: int | None, cgroups: tuple[str, ...] = (), uid: int | None = None) -> Callable[[], None]:
    """What a child does between fork and exec: its cgroups, its namespace, its user; and it ends with its parent.

    `cgroups`: the `cgroup.procs` files to enter.
    """
    parent = os.getpid()

    def become() -> None:
        for file in cgroups:
            held = os.open(file, os.O_WRONLY)
            os.write(held, b"0")
            os.close(held)
        if descriptor is not None:
            enter(descriptor)
        if uid is not None:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
        # After setuid, which clears it.
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)

    return become
