"""DNS over TCP, as far as a name and its IPv4 address need it."""

from __future__ import annotations

import socket
import struct

from wire import Counts, Wire

_HEADER = struct.Struct(">HHHHHH")
_ANSWER, _NO_SUCH_NAME = 0x8580, 0x8583
_A_IN = struct.pack(">HH", 1, 1)


def encode(name: str) -> bytes:
    """A name as labels."""
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def question(name: str, number: int) -> bytes:
    """The message that asks for an A record, with its length in front."""
    message = _HEADER.pack(number, 0x0100, 1, 0, 0, 0) + encode(name) + _A_IN
    return struct.pack(">H", len(message)) + message


def answer(asked: bytes, names: dict[bytes, str], seconds: int) -> bytes:
    """The message that answers, with its length in front."""
    number = _HEADER.unpack_from(asked)[0]
    end = asked.index(b"\0", _HEADER.size) + 1
    section, address = asked[_HEADER.size : end + 4], names.get(asked[_HEADER.size : end])
    message = _HEADER.pack(number, _ANSWER if address else _NO_SUCH_NAME, 1, 1 if address else 0, 0, 0) + section
    if address:
        message += b"\xc0\x0c" + _A_IN + struct.pack(">IH", seconds, 4) + socket.inet_aton(address)
    return struct.pack(">H", len(message)) + message


def resolve(name: str, server: tuple[str, int], counts: Counts) -> str:
    """The address of a name, on a connection of its own. Raises OSError, also when there is no such name."""
    wire = Wire(socket.create_connection(server, 10), counts)
    try:
        wire.send(question(name, 1))
        (length,) = struct.unpack(">H", wire.take(2))
        message = wire.take(length)
    finally:
        wire.close()
    if _HEADER.unpack_from(message)[3] == 0:
        raise OSError(f"{name}: no such name")
    return socket.inet_ntoa(message[-4:])
