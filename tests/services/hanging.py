"""A process whose threads hang, all but the first, or those of a name."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 17, 0x4206, 0x4207, 0x40000000
LIBC = ctypes.CDLL(None, use_errno=True)


def ptrace(what: int, thread: int) -> None:
    if LIBC.ptrace(what, thread, None, None):
        raise OSError(ctypes.get_errno(), f"ptrace {what}: {os.strerror(ctypes.get_errno())}")


def signal_thread(process: int, thread: int, number: int) -> None:
    """A signal for one thread: of those for a process the kernel chooses it."""
    if LIBC.tgkill(process, thread, number):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def hung(process: int, name: str | None = None) -> Iterator[None]:
    """All threads but the first stand still, or all that the kernel knows by a name."""
    tasks = [task for task in Path(f"/proc/{process}/task").iterdir() if int(task.name) != process]
    threads = [int(task.name) for task in tasks if name in (None, (task / "comm").read_text().strip())]
    assert threads
    for thread in threads:
        ptrace(PTRACE_SEIZE, thread)
        ptrace(PTRACE_INTERRUPT, thread)
        os.waitpid(thread, WALL)
    try:
        yield
    finally:
        for thread in threads:
            try:
                ptrace(PTRACE_DETACH, thread)
            except ProcessLookupError:
                # It was ended meanwhile, and its process is there until we have heard so.
                with suppress(ChildProcessError):
                    os.waitpid(thread, WALL)
