"""The TLS ClientHello: which server name and which application protocols a client asks for (RFC 8446, 6066, 7301)."""

from __future__ import annotations

from dataclasses import dataclass

_RECORD_HEADER, _HANDSHAKE_HEADER = 5, 4
_HANDSHAKE, _CLIENT_HELLO = 22, 1
_SERVER_NAME, _ALPN = 0, 16
_HOST_NAME = 0


@dataclass(frozen=True, slots=True)
class ClientHello:
    """What a client offers. `complete` is False when the bytes ended before the hello did."""

    sni: str | None = None
    alpn: tuple[str, ...] = ()
    complete: bool = True


class _Short(Exception):
    """The bytes ended early."""


class _Reader:
    """Big-endian fields and length-prefixed vectors of a byte string."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def take(self, length: int) -> bytes:
        if length > self.left:
            raise _Short
        self._at += length
        return self._data[self._at - length : self._at]

    def number(self, width: int) -> int:
        return int.from_bytes(self.take(width))

    def vector(self, width: int) -> bytes:
        return self.take(self.number(width))

    def upto(self, length: int) -> _Reader:
        """The next `length` bytes, or what there is of them."""
        return _Reader(self.take(min(length, self.left)))


def client_hello(data: bytes) -> ClientHello | None:
    """Reads a ClientHello from the start of a TLS stream; None when it does not start with one.

    Of a hello cut short, what was before the cut.
    """
    message, whole = _handshake(data)
    if len(message) < _HANDSHAKE_HEADER or message[0] != _CLIENT_HELLO:
        return None
    length = int.from_bytes(message[1:4])
    body = _Reader(message[4 : 4 + length])
    sni: str | None = None
    alpn: tuple[str, ...] = ()
    try:
        if body.number(1) != 3:
            return None
        body.take(1 + 32)  # minor version, random
        for width in (1, 2, 1):  # session id, cipher suites, compression methods
            body.vector(width)
        if not body.left:
            return ClientHello(complete=whole)
        total = body.number(2)
        extensions = body.upto(total)
        cut = extensions.left < total
        while extensions.left:
            kind = extensions.number(2)
            value = extensions.vector(2)
            if kind == _SERVER_NAME:
                sni = _server_name(value)
            elif kind == _ALPN:
                alpn = _protocol_names(value)
    except _Short:
        return ClientHello(sni, alpn, False)
    return ClientHello(sni, alpn, not cut)


def _handshake(data: bytes) -> tuple[bytes, bool]:
    """The handshake messages inside the records, and whether the last record is whole."""
    message = b""
    while len(data) >= _RECORD_HEADER and data[0] == _HANDSHAKE and data[1] == 3:
        end = _RECORD_HEADER + int.from_bytes(data[3:5])
        message += data[_RECORD_HEADER:end]
        if end > len(data):
            return message, False
        data = data[end:]
    return message, True


def _server_name(value: bytes) -> str | None:
    names = _Reader(_Reader(value).vector(2))
    while names.left:
        kind, name = names.number(1), names.vector(2)
        if kind == _HOST_NAME:
            return _text(name)
    return None


def _protocol_names(value: bytes) -> tuple[str, ...]:
    names = _Reader(_Reader(value).vector(2))
    found = []
    while names.left:
        found.append(_text(names.vector(1)))
    return tuple(found)


def _text(name: bytes) -> str:
    """ASCII as it is; a byte that is not (GREASE, RFC 8701) as \\xNN, for it may reach a terminal."""
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E and byte != 0x5C else f"\\x{byte:02x}" for byte in name)


PENDING = 1024
"""Hellos of which only the beginning is known, at most; beyond that the oldest is given up."""


class HelloPieces:
    """Puts the pieces of hellos together, as the kernel sends them for the calls that brought them."""

    def __init__(self) -> None:
        self._begun: dict[tuple[int, int], bytes] = {}

    def add(self, connection: tuple[int, int], offset: int, piece: bytes) -> ClientHello | None:
        """What is known with this piece; None while nothing is, or when a piece before it was lost."""
        data = self._begun.pop(connection, b"") if offset else b""
        if offset != len(data):
            return None
        data += piece
        hello = client_hello(data)
        if hello is None or not hello.complete:
            if len(self._begun) >= PENDING:
                del self._begun[next(iter(self._begun))]
            self._begun[connection] = data
        return hello
