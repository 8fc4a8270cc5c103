"""How long questions take while rows come in: a topology, one edge over time, the health of services, and all edges.

Asked as the page asks: again and again, of windows that end now. The usual case: one line of fifty is in trouble. The
hard one: each line fails in each minute, so that for each the reasons are worded and the minutes judged back.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc

from bench.measure import table
from hopscope.agent.reporters.blocks import Blocks
from hopscope.agent.reporters.hopscope import METHOD
from hopscope.edges.model import Edge, Profile, Side
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

TITLE = "Questions while 100 k rows/s come in, embedded store"
EDGES, MINUTES, SECONDS, ROWS, SENDERS = 1000, 60, 600, 100_000, 16
ROUNDS, PACE = 100, 0.65
"""Questions, and seconds from one to the next: a new minute is among them."""
TROUBLED = 50
"""Of so many lines one, in the usual case."""
TOPOLOGY = """query($of: ID!, $window: WindowInput!) { topology(instance: $of, window: $window) {
  window { from to } groups { id name kind side ordinal }
  nodes { id name inside kind ordinal address service group pids }
  edges { id client server address port protocol security label state reasons brief since rate bytesRate p99Ns
    retransmitShare seenShare clientSeen serverSeen lastTraffic connections { opened closed active } }
  completeness { host secondsAsked secondsRecorded } } }"""
SERIES = """query($of: ID!, $window: WindowInput!) { edgeSeries(edge: $of, window: $window) {
  at seen client { ...metric } server { ...metric } tcp { side name values } connections { name values }
  failed { name values } } }
fragment metric on MetricSeries {
  metric whyNot count bytes rate averageNs percentiles { share ns } heatmap { step lowNs highNs count } }"""
HEALTH = "{ services { services { name health { state reasons rate bytesRate p99Ns lines } } } }"
WHOLE = """query($window: WindowInput!) { edges(window: $window, limit: 1000) { edges {
  id label client { process } server { process address }
  clientSide { metrics { metric count bytes rate averageNs percentiles } tcp { name value } }
  serverSide { metrics { metric count bytes rate averageNs percentiles } tcp { name value } } } } }"""


class Server:
    """A server of its own."""

    def __init__(self, folder: Path) -> None:
        call = [sys.executable, "-m", "hopscope.cli", "server", "--data-dir", str(folder / "data"), "--user", "none"]
        places = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--socket", str(folder / "grpc.sock")]
        self._child = subprocess.Popen([*call, *places], stdout=subprocess.PIPE, text=True)
        assert self._child.stdout is not None
        said = self._child.stdout.readline()
        if not said:
            raise RuntimeError("the server did not start")
        self._http = said.partition("API on ")[2].strip()
        self._channel = grpc.insecure_channel(f"unix:{folder / 'grpc.sock'}")

    def send(self, batch: wire.Batch) -> None:
        """Returns when it is stored."""
        self._channel.unary_unary(METHOD)(batch.SerializeToString(), timeout=120)

    def ask(self, query: str, **variables: Any) -> tuple[float, int]:
        """How many ms an answer took, and its bytes."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        request = urllib.request.Request(self._http, body, {"content-type": "application/json"})
        start = time.perf_counter()
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        took = 1000 * (time.perf_counter() - start)
        if b'"errors"' in text[-2000:]:
            raise RuntimeError(text[-2000:].decode())
        return took, len(text)

    def close(self) -> None:
        """Ends it."""
        self._channel.close()
        self._child.terminate()
        self._child.wait()


Told = Callable[[int, int], Profile]
"""The profile of a second with so many lines."""


def hard(second: int, edges: int) -> Profile:
    """Each line fails."""
    from tests.server.profiles import profile

    return profile(second, edges=edges)


def usual(second: int, edges: int) -> Profile:
    """Few do."""
    held = hard(second, edges)
    calm = (edge if number % TROUBLED == 0 else _calm(edge) for number, edge in enumerate(held.edges))
    return replace(held, edges=tuple(calm))


def _calm(edge: Edge) -> Edge:
    def side(of: Side | None) -> Side | None:
        if of is None:
            return None
        metrics = {name: value for name, value in of.metrics.items() if name not in ("retransmit", "drop", "connect")}
        return replace(of, metrics=metrics, tcp={**of.tcp, **dict.fromkeys(_TROUBLES, 0.0)})

    connections = replace(edge.connections, failed={})
    return replace(
        edge, connections=connections, client_side=side(edge.client_side), server_side=side(edge.server_side)
    )


_TROUBLES = ("rwnd_limited", "sndbuf_limited", "zero_window_probes")


def filled(server: Server, now: int, told: Told) -> tuple[str, str]:
    """An hour of EDGES edges, a second of each minute, and ten minutes of one; returns the instance and that edge."""
    blocks, few = Blocks(1, "bench"), Blocks(2, "bench")
    hour = (blocks.batches(told(now - 60 * minute, EDGES)) for minute in range(MINUTES, 0, -1))
    ten = (few.batches(told(now - second, 1)) for second in range(SECONDS, 0, -1))
    # Side by side: one after the other each would be a group, and an insert, of its own.
    with ThreadPoolExecutor(SENDERS) as pool:
        for _ in pool.map(server.send, [batch for made in (*hour, *ten) for _, batch in made]):
            pass
    return "pod-1", told(now, 1).edges[0].id


@contextmanager
def coming_in(server: Server, told: Told) -> Iterator[list[int]]:
    """Batches of other agents that see the same lines, ROWS a second; the list gets the rows of each second."""
    blocks, end, sent = Blocks(3, "bench"), threading.Event(), list[int]()
    second = int(time.time())
    blocks.batches(told(second, EDGES))
    parts = [batch for _, batch in blocks.batches(told(second + 1, EDGES))]
    rows = sum(len(block.line) for part in parts for block in part.blocks)

    # Each agent by itself: one after the other they would wait for the same groups in turn.
    agents = -(-ROWS // rows)
    pool = ThreadPoolExecutor(agents * len(parts))

    def send() -> None:
        sequence, begin = 10, time.monotonic()
        while not end.wait(max(0.0, begin + len(sent) - time.monotonic())):
            sequence += len(parts)
            second = int(time.time())
            said = [
                _said(part, 3 + agent, sequence + number, second)
                for agent in range(agents)
                for number, part in enumerate(parts)
            ]
            for _ in pool.map(server.send, said):
                pass
            sent.append(agents * rows)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield sent
    finally:
        end.set()
        thread.join()
        pool.shutdown()


def _said(part: wire.Batch, host: int, sequence: int, second: int) -> wire.Batch:
    made = wire.Batch()
    made.CopyFrom(part)
    made.boot, made.host, made.sequence, made.second = host, host, sequence, second
    return made


def run() -> Iterator[str]:
    """The tables."""
    yield from case("usual", usual)
    yield from case("hard", hard)


def case(name: str, told: Told) -> Iterator[str]:
    """The table of a case."""
    rows = []
    with TemporaryDirectory(prefix="hopscope-") as folder:
        server = Server(Path(folder))
        try:
            instance, edge = filled(server, int(time.time()), told)
            with coming_in(server, told) as sent:
                begin = time.monotonic()
                for what, query, asked, rounds in (
                    (
                        "topology of 1000 lines over an hour",
                        TOPOLOGY,
                        {"of": instance, "window": {"last": 3600}},
                        ROUNDS,
                    ),
                    ("one edge, all metrics, 10 minutes in seconds", SERIES, {"of": edge, "window": {"last": 600}}, 50),
                    ("health of all services in the last minute", HEALTH, {}, 10),
                    ("1000 edges with all metrics of both sides, a minute", WHOLE, {"window": {"last": 60}}, 5),
                ):
                    try:
                        rows.append([what, *_asked(server, query, asked, rounds)])
                    except RuntimeError as error:
                        print(f"{what}: {error}", file=sys.stderr)
                        rows.append([what, "no answer", "", "", ""])
                rate = sum(sent) / (time.monotonic() - begin)
        finally:
            server.close()
    load = f"Load at the end: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs"
    yield f"The {name} case. {load}; {rate / 1000:.0f} k rows/s came in."
    yield table(["question", "p50 ms", "p99 ms", "first ms", "MB"], rows)


def _asked(server: Server, query: str, asked: dict[str, Any], rounds: int) -> list[str]:
    """The cells of a question. Raises RuntimeError when it is not answered."""
    first, _ = server.ask(query, **asked)
    found = []
    for _ in range(rounds):
        found.append(server.ask(query, **asked))
        time.sleep(max(0.0, PACE - found[-1][0] / 1000))
    times = sorted(took for took, _ in found)
    p99 = times[-(-99 * len(times) // 100) - 1]
    figures = [statistics.median(times), p99, first]
    return [*(f"{ms:.0f}" for ms in figures), f"{found[0][1] / 1e6:.1f}"]
