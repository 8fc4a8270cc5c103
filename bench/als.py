"""How many entries of access logs a server takes a second, and what each costs it."""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path

import grpc

from bench.measure import quartiles, table
from hopscope.wire.envoy.v3 import accesslog_pb2 as envoy
from tests.server.access_logs import PATH, Pod, inbound, message, outbound, random_request
from tests.server.conftest import Server

TITLE = "Access logs: as fast as they come, from 100 proxies on 200 streams; each entry from a port of its own"
ROUNDS, PODS, MESSAGES, IN_EACH, DIFFERENT = 5, 100, 30, 40, 8
"""40 entries of 400 bytes are what Envoy's buffer of 16 KB holds."""
_TEXTS = {
    3: "reviews.default.svc.cluster.local:9080", 5: "/reviews/1204?session=b6f1ce41a2", 6: "python-requests/2.31.0",
    9: "f47ac10b-58cc-9372-8567-0e02b2c3d479",
}  # fmt: skip
"""What Envoy says of a request and nobody reads: authority, path, user agent, request id."""
_ENTRIES, _LINES = "{ mesh(window: {last: 600}) { entries } }", "{ mesh(window: {last: 600}) { lines { requests } } }"


def _pods() -> list[Pod]:
    return [Pod(f"pod-{n}", f"service-{n // 4}", f"10.1.0.{n}") for n in range(PODS)]


def _as_envoy_says(entry: envoy.HTTPAccessLogEntry) -> envoy.HTTPAccessLogEntry:
    """With what is not read."""
    entry.request.MergeFromString(
        b"".join(bytes((of << 3 | 2, len(text))) + text.encode() for of, text in _TEXTS.items())
    )
    seen = entry.common_properties
    seen.downstream_remote_address = seen.downstream_direct_remote_address.SerializeToString()
    return entry


def _stream(pod: Pod, peers: list[Pod], chance: random.Random) -> list[bytes]:
    """What one proxy says: a few different messages, again and again."""
    made = []
    for number in range(DIFFERENT):
        entries = []
        for _ in range(IN_EACH):
            peer = chance.choice(peers)
            request = random_request(chance, time.time_ns())
            entries.append(_as_envoy_says(outbound(request, pod, peer) if number % 2 else inbound(request, peer, pod)))
        made.append(message(entries, None if number else pod))
    return made


def _send(path: str, seed: int) -> float:
    """Sends all of it and returns when it began, by the monotonic clock; the streams stay open until all is taken."""
    chance, pods = random.Random(seed), _pods()
    messages = [_stream(pod, chance.sample(pods, 8), chance) for pod in pods]
    begun = time.monotonic()
    channels = [grpc.insecure_channel(f"unix:{path}", [("grpc.use_local_subchannel_pool", 1)]) for _ in range(10)]
    calls = []
    for number, own in enumerate(messages):
        sent: Iterator[bytes] = (own[turn % DIFFERENT] for turn in range(MESSAGES))
        calls.append(channels[number % 10].stream_unary(PATH).future(sent))
    for call in calls:
        call.result(600)
    for channel in channels:
        channel.close()
    return begun


def _cpu(pid: int) -> float:
    times = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(times[11]) + int(times[12])) / os.sysconf("SC_CLK_TCK")


def _round(server: Server, pid: int, already: int) -> tuple[float, float, int]:
    """Entries a second until the last one is stored, CPU µs an entry, entries."""
    entries = 2 * PODS * MESSAGES * IN_EACH
    used = _cpu(pid)
    with get_context("spawn").Pool(2) as pool:
        begun = min(pool.starmap(_send, [(str(server.socket), already + half) for half in (1, 2)]))
    while server.ask(_ENTRIES)["mesh"]["entries"] < already + entries:
        time.sleep(0.05)
    return entries / (time.monotonic() - begun), (_cpu(pid) - used) / entries * 1e6, entries


def _three(values: list[float]) -> str:
    low, middle, high = quartiles(values)
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"


def run() -> Iterator[str]:
    """The table."""
    rates, costs, sent = [], [], 0
    pods = _pods()
    size = sum(map(len, _stream(pods[0], pods[1:9], random.Random(0)))) / DIFFERENT
    with tempfile.TemporaryDirectory(prefix="hopscope-") as folder:
        server = Server(Path(folder)).start()
        assert server._process is not None
        pid = server._process.pid
        for _ in range(ROUNDS):
            rate, cost, entries = _round(server, pid, sent)
            sent += entries
            rates.append(rate / 1000)
            costs.append(cost)
        found = server.ask(_ENTRIES)["mesh"] | server.ask(_LINES)["mesh"]
        status = Path(f"/proc/{pid}/status").read_text().splitlines()
        rss = int(next(line for line in status if "VmHWM" in line).split()[1])
        server.stop()
    assert found["entries"] == sent, (found["entries"], sent)
    yield table(
        (
            "entries",
            "bytes a message",
            "k entries/s, median (quartiles)",
            "server's CPU, µs an entry",
            "lines",
            "largest RSS, MB",
        ),
        [(f"{sent:,}", f"{size:.0f}", _three(rates), _three(costs), str(len(found["lines"])), f"{rss / 1024:.0f}")],
    )
