"""One TCP connection that counts what it moves, and HTTP/1.1 messages on it."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass, field
from threading import Lock


@dataclass
class Counts:
    """What a process moved towards one kind of peer, since it started."""

    connections: int = 0
    messages: int = 0
    read: int = 0
    written: int = 0
    lock: Lock = field(default_factory=Lock, repr=False)

    def add(self, connections: int = 0, messages: int = 0, read: int = 0, written: int = 0) -> None:
        """Adds, from any thread."""
        with self.lock:
            self.connections += connections
            self.messages += messages
            self.read += read
            self.written += written

    def plain(self) -> dict[str, int]:
        """The numbers, of one moment."""
        with self.lock:
            return {name: getattr(self, name) for name in ("connections", "messages", "read", "written")}


class Wire:
    """A connection with its counts. Raises OSError when it breaks and EOFError when it ends inside a message."""

    def __init__(self, connection: socket.socket, counts: Counts) -> None:
        self.connection, self.counts, self._left = connection, counts, bytearray()
        if connection.family == socket.AF_INET:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        counts.add(connections=1)

    def send(self, data: bytes) -> None:
        """Writes all of it."""
        self.connection.sendall(data)
        self.counts.add(written=len(data))

    def more(self, limit: int = 1 << 16) -> bool:
        """Reads once; False at the end of the stream."""
        data = self.connection.recv(limit)
        self.counts.add(read=len(data))
        self._left += data
        return bool(data)

    def take(self, length: int) -> bytes:
        """Exactly so many bytes."""
        while len(self._left) < length:
            if not self.more():
                raise EOFError("the peer closed inside a message")
        taken = bytes(self._left[:length])
        del self._left[:length]
        return taken

    def head(self) -> tuple[str, dict[str, str]] | None:
        """The first line and the fields of the next message, names in lower case; None when there is no next one."""
        while (end := self._left.find(b"\r\n\r\n")) < 0:
            if not self.more():
                if self._left:
                    raise EOFError("the peer closed inside a message")
                return None
        first, *lines = self.take(end + 4)[:-4].decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        self.counts.add(messages=1)
        return first, {name.strip().lower(): value.strip() for name, _, value in pairs}

    def message(self) -> tuple[str, dict[str, str], bytes] | None:
        """A whole message; None when there is no next one."""
        head = self.head()
        if head is None:
            return None
        return head[0], head[1], self.take(int(head[1].get("content-length", "0")))

    def close(self) -> None:
        """Says goodbye with a FIN."""
        self.connection.close()

    def reset(self) -> None:
        """Says goodbye with a RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


def render(first: str, fields: dict[str, str], body: bytes = b"") -> bytes:
    """A message's bytes; its length is added."""
    lines = [first, *(f"{name}: {value}" for name, value in fields.items()), f"content-length: {len(body)}"]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
