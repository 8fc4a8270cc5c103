"""Two network namespaces joined by a veth pair, with loss that nftables makes and counts; and programs inside them."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.system.running import Workload

_numbers = itertools.count()
NAT = """table ip nat {{
  chain {hook} {{
    type nat hook {hook} priority -100
    meta l4proto tcp tcp dport {port} redirect to :{to}
  }}
}}
"""


def run(*command: str, text: str | None = None) -> str:
    """Runs a command to its end. Raises CalledProcessError."""
    return subprocess.run(command, check=True, capture_output=True, text=True, input=text).stdout


class Namespace:
    """One end of the veth pair."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address

    def run(self, *command: str, text: str | None = None) -> str:
        """Runs a command inside."""
        return run("ip", "netns", "exec", self.name, *command, text=text)

    def lose(self, rule: str, hook: str = "input") -> None:
        """Drops what matches the rule; `dropped` has the count."""
        chain = f"type filter hook {hook} priority 0\n{rule} counter name dropped drop\n"
        self.run("nft", "-f", "-", text=f"table inet loss {{\ncounter dropped {{\n}}\nchain c {{\n{chain}}}\n}}\n")

    def heal(self) -> None:
        """Drops nothing more. Ask `dropped` before."""
        self.run("nft", "flush", "chain", "inet", "loss", "c")

    def dropped(self) -> int:
        """Packets that `lose` dropped."""
        counters = json.loads(self.run("nft", "-j", "list", "counters"))["nftables"]
        return int(next(item["counter"]["packets"] for item in counters if "counter" in item))

    def nstat(self) -> dict[str, int]:
        """The namespace's own counters since it was made."""
        rows = (line.split() for line in self.run("nstat", "-asz").splitlines() if not line.startswith("#"))
        return {row[0]: int(row[1]) for row in rows}


@contextmanager
def namespaces() -> Iterator[tuple[Namespace, Namespace]]:
    """A client's and a server's namespace; nothing of them stays."""
    mark = f"hs{os.getpid()}n{next(_numbers)}"
    left, right = Namespace(f"{mark}a", "10.77.0.1"), Namespace(f"{mark}b", "10.77.0.2")
    try:
        for side in (left, right):
            run("ip", "netns", "add", side.name)
        run("ip", "link", "add", "edge", "netns", left.name, "type", "veth", "peer", "edge", "netns", right.name)
        for side in (left, right):
            side.run("ip", "address", "add", f"{side.address}/24", "dev", "edge")
            side.run("ip", "link", "set", "edge", "up")
            side.run("ip", "link", "set", "lo", "up")
        yield left, right
    finally:
        for side in (left, right):
            subprocess.run(["ip", "netns", "del", side.name], check=False, capture_output=True)


def redirect(inside: Namespace, hook: str, port: int, to: int) -> None:
    """Has a port lead to another one, as a sidecar's rules do."""
    inside.run("nft", "-f", "-", text=NAT.format(hook=hook, port=port, to=to))


class Endpoint:
    """workloads/endpoint.py, maybe in a namespace."""

    def __init__(self, inside: Namespace | None = None) -> None:
        self._workload = Workload("endpoint", inside=inside.name if inside else None)
        self.pid = self._workload.pid

    def do(self, *words: object) -> Any:
        """One command, its answer."""
        self.begin(*words)
        return self.answer()

    def begin(self, *words: object) -> None:
        """One command, without waiting."""
        self._workload.say(" ".join(map(str, words)))

    def answer(self) -> Any:
        """The answer to what `begin` said."""
        return self._workload.hear()

    def end(self) -> None:
        """Lets it exit."""
        self._workload.finish()


def talk(client: Endpoint, server: Endpoint, turns: int = 23) -> None:
    """So many times 101 bytes to the server and 57 back, then a moment in which all is acknowledged."""
    for _ in range(turns):
        client.do("send", 1, 101)
        server.do("recv", 101)
        server.do("send", 1, 57)
        client.do("recv", 57)
    time.sleep(0.3)


@contextmanager
def conversation(client_in: Namespace | None = None, server_in: Namespace | None = None) -> Iterator[Any]:
    """A connected client and server, and the port."""
    client, server = Endpoint(client_in), Endpoint(server_in)
    try:
        address = server_in.address if server_in else "127.0.0.1"
        port = server.do("listen", address)
        client.do("connect", address, port)
        server.do("accept")
        yield client, server, port
    finally:
        client.end()
        server.end()
