"""What a send with its receive costs more, on one connection or a thousand in turn; and a call off the network."""

from __future__ import annotations

from collections.abc import Iterator

from bench.attached import Hopscope, empty
from bench.measure import Differences, Loop, paired, table

TITLE = "A send with its receive of 64 bytes (CPU ns more than with nothing attached, median and quartiles)"
ROUNDS = 15
HOT, COLD = (1, "pair 40 200"), (1000, "pair 24 1000")
GETPPID = "getppid 40 20000"


def run() -> Iterator[str]:
    """One table: a row per variant."""
    loop, product = Loop(), Hopscope()
    try:
        columns = [_measured(loop, product, connections, command) for connections, command in (HOT, COLD)]
        loop.ask("open 1")
        states = {"empty2": empty(2), "counts": product.counts(), "every": product.every_call()}
        columns.append(paired(lambda: float(loop.ask(GETPPID)), states, ROUNDS, "getppid"))
    finally:
        loop.close()
    names = {
        "empty2": "two empty programs on the same hooks",
        "counts": "hopscope: counts, bytes, RTT",
        "windows": "hopscope: a tenth of the time timed",
        "empty4": "four empty programs on the same hooks",
        "every": "hopscope: every call timed",
        "untraced": "hopscope: a process that is not traced",
    }
    rows = [("base (ns)", *(f"{column.median_base():.0f}" for column in columns))]
    for key, name in names.items():
        rows.append((name, *(column.cell(key) if key in column.by_variant else "" for column in columns)))
    yield table((f"rung {product.choice.rung.name}", "1 connection", "1000 connections", "getppid"), rows)


def _measured(loop: Loop, product: Hopscope, connections: int, command: str) -> Differences:
    loop.ask(f"open {connections}")
    states = {
        "empty2": empty(2),
        "empty4": empty(4),
        "counts": product.counts(),
        "windows": product.windows(),
        "every": product.every_call(),
        "untraced": product.untraced(),
    }
    return paired(lambda: float(loop.ask(command)), states, ROUNDS, f"{connections} connections")
