"""A bookinfo service over HTTP/1.1; which one, its file's name says. It counts, and can be told to misbehave."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path
from threading import Lock, Thread, local
from typing import Any

from control import serve
from lookup import resolve
from wire import Counts, Wire, render

_FORWARDED = ("x-request-id", "traceparent", "sw8")
_TEXTS: dict[str, dict[str, Any]] = {
    "details": {"id": 0, "author": "William Shakespeare", "year": 1595, "type": "paperback", "pages": 200},
    "ratings": {"id": 0, "ratings": {"Reviewer1": 5, "Reviewer2": 4}},
    "reviews": {
        "id": 0,
        "reviews": ["An extremely entertaining play by Shakespeare.", "Absolutely fun!"],
    },
    "productpage": {"title": "The Comedy of Errors"},
}
_BACKLOG = 128
_FAULTS = ("sleep", "cpu", "error", "reset", "churn", "accept_delay", "slow_read")
_PADDING = 4_000_000


class Service:
    """One service. `settings`: port, calls, namespace, dns, keep (seconds an address is kept), version, control."""

    def __init__(self, role: str, settings: dict[str, Any]) -> None:
        self.role, self.settings = role, settings
        self.inbound, self.lookups = Counts(), Counts()
        self.outbound = {service: Counts() for service in settings["calls"]}
        self.faults = dict.fromkeys(_FAULTS, 0.0)
        self._threads = local()
        self._addresses: dict[str, tuple[str, float]] = {}
        self._lock = Lock()
        self.listener = socket.create_server(("0.0.0.0", settings["port"]), backlog=_BACKLOG)

    def counts(self) -> dict[str, Any]:
        """What it moved, towards its clients, its servers, and the DNS."""
        outbound = {service: counts.plain() for service, counts in self.outbound.items()}
        return {"in": self.inbound.plain(), "out": outbound, "dns": self.lookups.plain()}

    def fault(self, name: str, value: float) -> None:
        """Switches a fault; 0 is off."""
        self.faults[name] = value
        if name == "accept_delay":
            self.listener.listen(1 if value else _BACKLOG)

    def run(self) -> None:
        """Serves for ever."""
        serve(self.settings["control"], {"counts": self.counts, "fault": self.fault})
        while True:
            if self.faults["accept_delay"]:
                time.sleep(self.faults["accept_delay"])
            Thread(target=self.talk, args=(self.listener.accept()[0],), daemon=True).start()

    def talk(self, connection: socket.socket) -> None:
        """One client's requests, until it closes."""
        wire = Wire(connection, self.inbound)
        try:
            while (message := wire.message()) is not None:
                if self.faults["reset"]:
                    wire.reset()
                    return
                last = bool(self.faults["churn"] or self.faults["accept_delay"])
                status, body = self.answer(message[0], message[1])
                fields = {"content-type": "application/json", "server": self.role}
                wire.send(render(f"HTTP/1.1 {status} -", fields | ({"connection": "close"} if last else {}), body))
                if last:
                    break
        except (OSError, EOFError) as error:
            print(f"{self.role}: inbound: {error}", file=sys.stderr, flush=True)
        wire.close()

    def answer(self, first: str, fields: dict[str, str]) -> tuple[int, bytes]:
        """Status and body for a request."""
        time.sleep(self.faults["sleep"])
        _burn(self.faults["cpu"])
        if self.faults["error"]:
            return int(self.faults["error"]), b'{"error": "as told"}'
        page = {**_TEXTS[self.role], "version": self.settings["version"]}
        forwarded = {name: fields[name] for name in _FORWARDED if name in fields}
        status = 200
        for service in self.settings["calls"]:
            try:
                code, body = self.call(service, forwarded)
                page[service] = json.loads(body) if code == 200 else {"status": code}
            except (OSError, EOFError) as error:
                code, page[service] = 503, {"error": str(error)}
            # As in bookinfo, a page without stars is still a page.
            status = status if code == 200 or self.role == "reviews" else 502
        padding = int(fields.get("x-padding", "0"))
        return status, json.dumps(page).encode() + b" " * padding

    def call(self, service: str, fields: dict[str, str]) -> tuple[int, bytes]:
        """Asks another service, on this thread's own connection to it; once more when an idle one proved dead."""
        address = self.address(service)
        idle: Wire | None = getattr(self._threads, service, None)
        for wire in (idle, None) if idle else (None,):
            wire = wire or self.dial(address, service)
            setattr(self._threads, service, wire)
            try:
                return self.exchange(wire, service, fields)
            except (OSError, EOFError):
                wire.close()
                setattr(self._threads, service, None)
                if wire is not idle:
                    raise
        raise AssertionError

    def exchange(self, wire: Wire, service: str, fields: dict[str, str]) -> tuple[int, bytes]:
        """One request and its answer."""
        # One service's answers are enough to fill a window.
        pause = self.faults["slow_read"] if service == self.settings["calls"][0] else 0.0
        extra = {"x-padding": str(_PADDING)} if pause else {}
        wire.send(render(f"GET /{service}/0 HTTP/1.1", {"host": f"{service}:{self.settings['port']}"} | fields | extra))
        head = wire.head()
        if head is None:
            raise EOFError(f"{service} closed without an answer")
        time.sleep(pause)
        body = wire.take(int(head[1].get("content-length", "0")))
        if head[1].get("connection") == "close":
            wire.close()
            setattr(self._threads, service, None)
        return int(head[0].split()[1]), body

    def dial(self, address: str, service: str) -> Wire:
        """A new connection to a service's cluster address."""
        return Wire(socket.create_connection((address, self.settings["port"]), 20), self.outbound[service])

    def address(self, service: str) -> str:
        """A service's address, asked again when the last answer is too old, also while connections live."""
        with self._lock:
            known, until = self._addresses.get(service, ("", 0.0))
            if time.monotonic() < until:
                return known
            name = f"{service}.{self.settings['namespace']}.svc.cluster.local"
            known = str(resolve(name, tuple(self.settings["dns"]), self.lookups))
            self._addresses[service] = known, time.monotonic() + self.settings["keep"]
            return known


def _burn(seconds: float) -> None:
    until, number = time.thread_time() + seconds, 1
    while seconds and time.thread_time() < until:
        for _ in range(1000):
            number = (number * 1103515245 + 12345) & 0x7FFFFFFF


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["TZ"] = "UTC"
    Service(Path(sys.argv[0]).stem, json.loads(sys.argv[1])).run()
