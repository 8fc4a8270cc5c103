"""Profiles whose every number is known."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from hopscope.edges.histogram import triples
from hopscope.edges.identity import edge_id, group_id
from hopscope.edges.label import label
from hopscope.edges.model import Connections, Edge, End, Listener, Probe, Profile, Side, Value, Window

HOST = "host-a"
BUCKETS = 234


def end(name: str | None, address: str, pid: int = 0) -> End:
    if name is None:
        return End(None, None, None, None, None, (), address)
    identity = group_id(HOST, f"/{name}.service", f"/usr/bin/{name}")
    return End(identity, name, "shop", "pod-1", None, (pid,), address, None, f"/{name}.service")


def timed(chance: random.Random, moved: bool = True) -> Value:
    histogram = [0] * BUCKETS
    for _ in range(chance.randrange(1, 6)):
        histogram[chance.randrange(40, 90)] += chance.randrange(1, 9)
    count = sum(histogram)
    return Value(
        count + 1,
        chance.randrange(1, 1 << 40) if moved else None,
        chance.randrange(1, 1 << 40),
        None,
        None,
        count,
        triples(histogram),
    )


def side(chance: random.Random, role: str) -> Side:
    metrics = {
        "write": timed(chance),
        "read": timed(chance),
        "write_rtt": timed(chance, moved=False),
        "connect" if role == "client" else "accept": timed(chance, moved=False),
        "close": Value(chance.randrange(5)),
        "retransmit": Value(chance.randrange(9), chance.randrange(9000)),
        "drop": Value(3, reasons={"no_socket": 2, "tcp_overwindow": 1}),
        "reset": Value(0),
    }
    sums = ("segments_out", "retransmitted", "lost", "out_of_order", "busy", "rwnd_limited", "sndbuf_limited")
    tcp = {name: float(chance.randrange(1000)) for name in (*sums, "zero_window_probes")}
    tcp |= {name: chance.randrange(1, 9999) / 8 for name in ("srtt", "min_rtt", "rttvar")}
    return Side(metrics, tcp)


def edge(chance: random.Random, number: int) -> Edge:
    client, server = end(f"client{number}", "10.0.0.1", 100 + number), end("server", f"10.0.0.2:{8000 + number}", 7)
    identity = edge_id(client.id or "", f"{server.id}:{8000 + number}")
    return Edge(
        identity,
        client,
        server,
        "tcp",
        "http",
        "tls",
        label("tcp", "http", "tls"),
        Connections(
            chance.randrange(9), chance.randrange(9), chance.randrange(99), {"refused": chance.randrange(1, 9)}
        ),
        side(chance, "client"),
        side(chance, "server") if number % 2 == 0 else None,
        {"sni": (f"shop{number}.example",), "alpn": ("h2", "http/1.1")},
    )


def profile(second: int, seed: int = 1, edges: int = 3) -> Profile:
    chance = random.Random(f"{second} {seed}")
    listener = Listener(end("server", "10.0.0.2:8000", 7), "10.0.0.2:8000", chance.randrange(9), 128, 2, 1)
    return Profile(
        HOST,
        Window(datetime.fromtimestamp(second, UTC).isoformat(), 1.0),
        tuple(edge(chance, number) for number in range(edges)),
        (listener,),
        {
            "seconds": {"asked": 1.0, "recorded": 1.0},
            "lost": {"rows": 2},
            "peers_aggregated": 1,
            "connections": {"all": 5, "own_slot": 5},
        },
        {"write": Probe("L2", "tcp_sendmsg_locked"), "reset": Probe(None, None, "no hook on this kernel")},
    )
