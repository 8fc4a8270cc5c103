"""The kernel's protocol code, compiled for this process, and conversations fed to it piece by piece."""

from __future__ import annotations

import ctypes
import json
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hopscope.agent.protocols import DECIDED, Label, label_of

HERE = Path(__file__).parent
SOURCES = HERE.parents[1] / "hopscope" / "bpf"
PEEK = 512
NO_HELLO = 0xFFFFFFFF

NAMES = dict(
    enumerate(
        f"PROTOCOL_{name}"
        for name in ("UNKNOWN", "HTTP", "HTTP2", "GRPC", "MYSQL", "POSTGRESQL", "REDIS", "KAFKA", "MONGODB", "TLS")
    )
)


@dataclass(frozen=True)
class Piece:
    """What one call moved: `data` is its beginning, `length` all of it."""

    from_client: bool
    data: bytes
    length: int


def client(data: bytes) -> Piece:
    return Piece(True, data, len(data))


def server(data: bytes) -> Piece:
    return Piece(False, data, len(data))


@cache
def library(folder: Path) -> ctypes.CDLL:
    """Built with the sanitizers that stop at the first undefined step."""
    path = folder / "protocols.so"
    flags = ("-O1", "-g", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-shared", "-fPIC")
    checks = ("-fsanitize=undefined,bounds", "-fno-sanitize=alignment", "-fsanitize-undefined-trap-on-error")
    subprocess.run(("gcc", *flags, *checks, f"-I{SOURCES}", str(HERE / "driver.c"), "-o", str(path)), check=True)
    return ctypes.CDLL(str(path))


class Conversation:
    """One connection as one process sees it."""

    def __init__(self, lib: ctypes.CDLL, older: bool = False) -> None:
        self._lib = lib
        self._memory = ctypes.create_string_buffer(lib.conversation_size())
        self.state = 0
        self.moves = 0
        lib.conversation_moved.restype = ctypes.c_uint32
        lib.conversation_begin(self._memory, older)

    def moved(self, piece: Piece, shown: int = PEEK) -> None:
        """One call; `shown` limits how much of it can be read."""
        data = piece.data[: min(shown, PEEK)]
        self.moves += 1
        self.state = self._lib.conversation_moved(self._memory, piece.from_client, data, len(data), piece.length)

    def say(self, pieces: Iterable[Piece]) -> Conversation:
        """All of them, or until the label stands."""
        for piece in pieces:
            self.moved(piece)
            if self.decided:
                break
        return self

    @property
    def decided(self) -> bool:
        return bool(self.state & DECIDED)

    @property
    def label(self) -> Label:
        return label_of(self.state, NAMES)

    @property
    def label_at_end(self) -> Label:
        """When the connection is closed and no more can come."""
        return label_of(self.state, NAMES, closed=True)


def recorded(name: str) -> list[list[Piece]]:
    """The connections of a recorded conversation."""
    found = []
    for pieces in json.loads((HERE / "conversations" / f"{name}.json").read_text()):
        connection = []
        for who, text in pieces:
            data, _, length = text.partition("+")
            connection.append(Piece(who == "client", bytes.fromhex(data), int(length)))
        found.append(connection)
    return found


def recordings() -> list[str]:
    """The names of all recorded conversations."""
    return sorted(path.stem for path in (HERE / "conversations").glob("*.json"))


def in_steps(pieces: Iterable[Piece], sizes: Iterator[int]) -> Iterator[Piece]:
    """The same bytes in calls of other sizes, as far as they were kept."""
    for piece in pieces:
        data = piece.data
        while data:
            size = next(sizes)
            yield Piece(piece.from_client, data[:size], len(data[:size]))
            data = data[size:]
        if piece.length > len(piece.data):
            yield Piece(piece.from_client, b"", piece.length - len(piece.data))
