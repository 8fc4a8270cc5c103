"""What has been received and may not be stored yet: groups of batches, on disk before all else.

A file is one group: `hopscope spool 2\\n`, then for each batch its boot, sequence, received_ms and skew_ms (uint64,
uint64, int64, int64) and the length and CRC-32 of its bytes (uint32), little-endian, then the bytes. Its name is the
group's token: of one batch that batch's, so one that is sent again is the same file; of several a hash of all.
"""

from __future__ import annotations

import hashlib
import logging
import os
import struct
import threading
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hopscope.server import ServerError

log = logging.getLogger(__name__)

LIMIT = 512_000_000
"""Bytes of batches that may wait to be stored."""
_MAGIC = b"hopscope spool 2\n"
_HEAD = struct.Struct("<QQqqII")
_UNFINISHED = ".part"
# As hopscope 0.1.0 wrote it: one batch, named by its token.
_MAGIC_1 = b"hopscope spool 1\n"
_HEAD_1 = struct.Struct("<qqII")


class SpoolFull(ServerError):
    """The spool is at its limit, or the disk is: nothing more is accepted until something is stored."""


@dataclass(frozen=True, slots=True)
class Received:
    """A batch as it came: `number` is (boot, sequence) of its agent. `skew_ms`: our clock minus the agent's."""

    number: tuple[int, int]
    received_ms: int
    skew_ms: int
    data: bytes

    @property
    def token(self) -> str:
        """What names it, whoever receives it."""
        return f"{self.number[0]:016x}-{self.number[1]}"


def token_of(group: Sequence[Received]) -> str:
    """What names a group: the same batches in the same order have the same."""
    if len(group) == 1:
        return group[0].token
    tokens = " ".join(batch.token for batch in group)
    return f"group-{hashlib.blake2b(tokens.encode(), digest_size=16).hexdigest()}"


class Spool:
    """A folder of groups. Raises ServerError when it cannot be written."""

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self._folder, self._aside, self._limit = folder, folder.with_name("aside"), limit
        self._guard = threading.Lock()
        try:
            folder.mkdir(exist_ok=True)
            self._aside.mkdir(exist_ok=True)
            for unfinished in folder.glob(f"*{_UNFINISHED}"):
                # Its senders were never answered and have the batches still.
                unfinished.unlink()
            self._sizes = {file.name: file.stat().st_size for file in folder.iterdir()}
        except OSError as error:
            raise ServerError(f"cannot use the spool {folder}: {error.strerror}") from error
        self._holder: dict[tuple[int, int], str] = {}
        for token in self.tokens():
            self.read(token)

    @property
    def waiting(self) -> tuple[int, int]:
        """Batches that are not stored yet, and their bytes."""
        with self._guard:
            return len(self._holder), sum(self._sizes.values())

    @property
    def aside(self) -> int:
        """Files that were damaged and set aside."""
        return sum(1 for _ in self._aside.iterdir())

    def holding(self, number: tuple[int, int]) -> str | None:
        """The token of the group that waits with a batch in it."""
        with self._guard:
            return self._holder.get(number)

    def tokens(self) -> list[str]:
        """The groups that wait."""
        with self._guard:
            return list(self._sizes)

    def write(self, group: Sequence[Received]) -> str:
        """Keeps a group; it is on disk when this returns its token. Raises SpoolFull."""
        parts = [_MAGIC]
        for batch in group:
            crc = zlib.crc32(batch.data)
            parts += [_HEAD.pack(*batch.number, batch.received_ms, batch.skew_ms, len(batch.data), crc), batch.data]
        size, token = sum(map(len, parts)), token_of(group)
        with self._guard:
            if sum(self._sizes.values()) + size > self._limit:
                raise SpoolFull(f"{len(self._sizes)} groups wait to be stored, the limit is {self._limit} bytes")
            self._sizes[token] = size
        self._holds(token, group)
        unfinished = self._folder / f"{token}.{threading.get_ident()}{_UNFINISHED}"
        try:
            with unfinished.open("wb") as file:
                file.writelines(parts)
                file.flush()
                os.fsync(file.fileno())
            unfinished.rename(self._folder / token)
            self._sync()
        except OSError as error:
            unfinished.unlink(missing_ok=True)
            self._forget(token)
            raise SpoolFull(f"cannot write to {self._folder}: {error.strerror}") from error
        return token

    def remove(self, token: str) -> None:
        """Forgets a group that is stored."""
        (self._folder / token).unlink(missing_ok=True)
        self._forget(token)

    def read(self, token: str) -> list[Received]:
        """A group that waits; none when it is stored meanwhile, not written yet, or damaged and therefore set aside."""
        try:
            group = _read(token, (self._folder / token).read_bytes())
        except FileNotFoundError:
            return []
        except ValueError as error:
            self.set_aside(token, str(error))
            return []
        self._holds(token, group)
        return group

    def set_aside(self, token: str, why: str) -> None:
        """Moves a group that can never be stored out of the way, for somebody to look at."""
        log.warning("spool file %s is set aside in %s: %s", token, self._aside, why)
        (self._folder / token).rename(self._aside / token)
        self._forget(token)

    def _forget(self, token: str) -> None:
        with self._guard:
            if self._sizes.pop(token, None) is not None:
                self._holder = {number: held for number, held in self._holder.items() if held != token}

    def _holds(self, token: str, group: Sequence[Received]) -> None:
        with self._guard:
            if token in self._sizes:
                self._holder |= {batch.number: token for batch in group}

    def _sync(self) -> None:
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(token: str, data: bytes) -> list[Received]:
    if data.startswith(_MAGIC_1) and len(data) >= len(_MAGIC_1) + _HEAD_1.size:
        received_ms, skew_ms, length, checksum = _HEAD_1.unpack_from(data, len(_MAGIC_1))
        boot, _, sequence = token.partition("-")
        batch = _whole(data, len(_MAGIC_1) + _HEAD_1.size, length, checksum)
        return [Received((int(boot, 16), int(sequence)), received_ms, skew_ms, batch)]
    if not data.startswith(_MAGIC):
        raise ValueError("not a spool file")
    at, group = len(_MAGIC), []
    while at < len(data):
        if at + _HEAD.size > len(data):
            raise ValueError("damaged")
        boot, sequence, received_ms, skew_ms, length, checksum = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        group.append(Received((boot, sequence), received_ms, skew_ms, _whole(data, at, length, checksum)))
        at += length
    if not group:
        raise ValueError("damaged")
    return group


def _whole(data: bytes, start: int, length: int, checksum: int) -> bytes:
    batch = data[start : start + length]
    if len(batch) != length or zlib.crc32(batch) != checksum:
        raise ValueError("damaged")
    return batch
