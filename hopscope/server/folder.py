"""The data folder: there, ours to write, and no other server's."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hopscope.server import ServerError


class InUse(ServerError):
    """A server works with the folder."""


@contextmanager
def owned(folder: Path, make: bool = True) -> Iterator[None]:
    """The folder is ours for as long as the block runs. Raises ServerError, InUse."""
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / "lock").open("w")
    except FileNotFoundError as error:
        raise ServerError(f"there is no folder {folder}; another --data-dir") from error
    except OSError as error:
        raise ServerError(f"cannot write to {folder}: {error.strerror}; another --data-dir") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InUse(f"another server works with {folder}; end it, or another --data-dir") from error
        yield
