"""Beginnings of TLS handshakes: the names and protocols that clients ask for, for the edges of their connections."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hopscope.agent.connections import Connections
from hopscope.agent.ledger import Ledger
from hopscope.agent.protocols.tls import ClientHello, HelloPieces


class Hellos:
    """What came of each handshake so far."""

    def __init__(self, connections: Connections, ledger: Ledger) -> None:
        self._connections, self._ledger = connections, ledger
        self._pieces = HelloPieces()
        self._early: list[tuple[tuple[int, int], ClientHello]] = []

    def hear(self, records: Iterable[Any]) -> None:
        """New pieces. One that is there before its connection is known is kept for the next time, once."""
        early, self._early = self._early, []
        for record in records:
            key, piece = (int(record["index"]), int(record["generation"])), record["data"].tobytes()
            hello = self._pieces.add(key, int(record["offset"]), piece[: int(record["length"])])
            if hello is not None and not self._say(key, hello):
                self._early.append((key, hello))
        for key, hello in early:
            self._say(key, hello)

    def _say(self, key: tuple[int, int], hello: ClientHello) -> bool:
        connection = self._connections.get(*key)
        line = self._ledger.line_of(connection) if connection is not None else None
        if line is not None:
            line.sni |= {hello.sni} if hello.sni else set()
            line.alpn |= set(hello.alpn)
        return connection is not None
