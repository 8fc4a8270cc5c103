"""The cluster's DNS server, over TCP. Its one fault: to be slow."""

from __future__ import annotations

import json
import signal
import socket
import struct
import sys
import time
from threading import Thread

from control import serve
from lookup import answer, encode
from wire import Counts, Wire


class Server:
    """Names and their addresses. `settings`: address, port, names, seconds (an answer may be kept), control."""

    def __init__(self, settings: dict[str, object]) -> None:
        self.settings = settings
        names: dict[str, str] = settings["names"]  # type: ignore[assignment]
        self.names = {encode(name): address for name, address in names.items()}
        self.counts: dict[str, Counts] = {}
        self.delay = 0.0

    def slow(self, value: float) -> None:
        """Fault: waits so many seconds before each answer."""
        self.delay = value

    def report(self) -> dict[str, dict[str, dict[str, int]]]:
        """What it moved, by the client's address."""
        return {"in": {address: counts.plain() for address, counts in list(self.counts.items())}}

    def talk(self, connection: socket.socket, address: str) -> None:
        """One client, until it closes."""
        counts = self.counts[address]
        wire = Wire(connection, counts)
        try:
            while True:
                (length,) = struct.unpack(">H", wire.take(2))
                asked = wire.take(length)
                counts.add(messages=1)
                time.sleep(self.delay)
                wire.send(answer(asked, self.names, int(str(self.settings["seconds"]))))
        except (EOFError, OSError):
            wire.close()

    def run(self) -> None:
        """Serves for ever."""
        address = str(self.settings["address"]), int(str(self.settings["port"]))
        listener = socket.create_server(address, backlog=128)
        serve(str(self.settings["control"]), {"counts": self.report, "slow": self.slow})
        while True:
            connection, (peer, _) = listener.accept()
            self.counts.setdefault(peer, Counts())
            Thread(target=self.talk, args=(connection, peer), daemon=True).start()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Server(json.loads(sys.argv[1])).run()
