"""What has been received and may not be stored yet: one file for each batch, on disk before all else.

A file is `hopscope spool 1\\n`, then received_ms and skew_ms (int64) and the length and CRC-32 of the batch (uint32),
little-endian, then the batch. Its name is the batch's token, so a batch that is sent again is the same file.
"""

from __future__ import annotations

import logging
import os
import struct
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hopscope.server import ServerError

log = logging.getLogger(__name__)

_MAGIC = b"hopscope spool 1\n"
_HEAD = struct.Struct("<qqII")
_UNFINISHED = ".part"


class SpoolFull(ServerError):
    """The spool is at its limit, or the disk is: nothing more is accepted until something is stored."""


@dataclass(frozen=True, slots=True)
class Received:
    """A batch as it came. `skew_ms`: our clock minus the agent's."""

    token: str
    received_ms: int
    skew_ms: int
    data: bytes


class Spool:
    """A folder of batches. Raises ServerError when it cannot be written."""

    def __init__(self, folder: Path, limit: int) -> None:
        self._folder, self._aside, self._limit = folder, folder.with_name("aside"), limit
        self._guard = threading.Lock()
        try:
            folder.mkdir(exist_ok=True)
            self._aside.mkdir(exist_ok=True)
            for unfinished in folder.glob(f"*{_UNFINISHED}"):
                # Its sender was never answered and has the batch still.
                unfinished.unlink()
            self._sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
        except OSError as error:
            raise ServerError(f"cannot use the spool {folder}: {error.strerror}") from error

    @property
    def waiting(self) -> tuple[int, int]:
        """Batches that are not stored yet, and their bytes."""
        with self._guard:
            return len(self._sizes), sum(self._sizes.values())

    @property
    def aside(self) -> int:
        """Files that were damaged and set aside."""
        return sum(1 for _ in self._aside.iterdir())

    def write(self, batch: Received) -> None:
        """Keeps a batch; it is on disk when this returns. Raises SpoolFull."""
        data = _MAGIC + _HEAD.pack(batch.received_ms, batch.skew_ms, len(batch.data), zlib.crc32(batch.data))
        size = len(data) + len(batch.data)
        with self._guard:
            if sum(self._sizes.values()) + size > self._limit:
                raise SpoolFull(f"{len(self._sizes)} batches wait to be stored, the limit is {self._limit} bytes")
            self._sizes[batch.token] = size
        unfinished = self._folder / f"{batch.token}.{threading.get_ident()}{_UNFINISHED}"
        try:
            with unfinished.open("wb") as file:
                file.write(data)
                file.write(batch.data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._folder / batch.token)
            self._sync()
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            with self._guard:
                self._sizes.pop(batch.token, None)
            raise SpoolFull(f"cannot write to {self._folder}: {error.strerror}") from error

    def remove(self, token: str) -> None:
        """Forgets a batch that is stored."""
        (self._folder / token).unlink(missing_ok=True)
        with self._guard:
            self._sizes.pop(token, None)

    def left(self) -> Iterator[Received]:
        """The batches that wait, one after the other: together they may be more than memory holds. Damaged ones are set
        aside."""
        with self._guard:
            tokens = list(self._sizes)
        for token in tokens:
            try:
                yield _read(token, (self._folder / token).read_bytes())
            except FileNotFoundError:
                # Stored meanwhile, or not yet written.
                continue
            except ValueError as error:
                self.set_aside(token, str(error))

    def set_aside(self, token: str, why: str) -> None:
        """Moves a batch that can never be stored out of the way, for somebody to look at."""
        log.warning("spool file %s is set aside in %s: %s", token, self._aside, why)
        (self._folder / token).rename(self._aside / token)
        with self._guard:
            self._sizes.pop(token, None)

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(token: str, data: bytes) -> Received:
    start = len(_MAGIC) + _HEAD.size
    if not data.startswith(_MAGIC) or len(data) < start:
        raise ValueError("not a spool file")
    received_ms, skew_ms, length, checksum = _HEAD.unpack_from(data, len(_MAGIC))
    batch = data[start:]
    if len(batch) != length or zlib.crc32(batch) != checksum:
        raise ValueError("damaged")
    return Received(token, received_ms, skew_ms, batch)
