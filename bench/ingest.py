"""How many rows a second go from gRPC to disk with both roll-ups, beside the engine's own insert of the same rows."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np

from bench.measure import quartiles, table
from hopscope.agent.reporters.blocks import Blocks
from hopscope.agent.reporters.hopscope import METHOD

TITLE = "Ingest: gRPC to disk, seconds with roll-ups to minutes and hours, embedded store"
ROUNDS = 3
SENDERS = 64
# (agents, edges of each): many small agents, one large one, and a hundred thousand edges.
SHAPES = ((100, 10), (10, 100), (1, 1000), (10, 1000), (100, 1000))
ROWS = 200_000

# The engine alone: the same rows, already columns, in groups as the server makes them.
BARE = """
import sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from hopscope.server.groups import store_group
from hopscope.server.analysis.tables import Told, inserts
from hopscope.server.storage.embedded import Embedded
from hopscope.server.storage.schema import prepare
from hopscope.server.storage.tables.kept import Retention
from hopscope.wire.hopscope.v1 import collector_pb2 as wire
store = Embedded(Path(sys.argv[1]))
prepare(store, Retention(24, 168, 4320))
print("open", flush=True)
number, threads = 0, ThreadPoolExecutor(3)
for line in sys.stdin:
    folder, group = line.split()
    batches = [wire.Batch.FromString(file.read_bytes()) for file in sorted(Path(folder).iterdir())]
    told = [Told(batch, 0, 0) for batch in batches]
    rows = [inserts(told[first:first + int(group)]) for first in range(0, len(told), int(group))]
    start = time.perf_counter()
    for one in rows:
        number += 1
        store_group(store, one, f"bare-{number}", threads)
    print(time.perf_counter() - start, flush=True)
"""


@dataclass(frozen=True, slots=True)
class Found:
    """Rows a second of each round, and what the server and we who send needed."""

    served: list[float]
    bare: list[float]
    cpu_us_per_row: float
    sender_us_per_row: float
    peak_mb: int


class Feed:
    """Batches that are like those of agents with some edges, each time of another second."""

    def __init__(self, agents: int, edges: int) -> None:
        from tests.server.profiles import profile

        self.agents = agents
        self._now = int(time.time()) // 3600 * 3600 - 3600
        blocks = Blocks(1, "bench")
        # The first names the edges, the second is what an agent sends each second.
        blocks.batches(profile(self._now, edges=edges))
        self._parts = [batch for _, batch in blocks.batches(profile(self._now + 1, edges=edges))]
        self.rows = sum(len(block.line) for part in self._parts for block in part.blocks)
        self._lines = [[np.array(block.line, "<u8") for block in part.blocks] for part in self._parts]
        self._sequence = 0

    @property
    def parts(self) -> int:
        """Batches that a second is."""
        return len(self._parts)

    def round(self, rows: int) -> list[bytes]:
        """Batches of about so many rows."""
        made = []
        for _ in range(max(1, round(rows / self.rows / self.agents))):
            self._now += 1
            for boot in range(1, self.agents + 1):
                for part, lines in zip(self._parts, self._lines, strict=True):
                    self._sequence += 1
                    for block, base in zip(part.blocks, lines, strict=True):
                        # Edges of its own for each agent.
                        block.line[:] = (base ^ np.uint64(boot << 20)).tolist()
                    part.boot, part.sequence, part.second = boot, self._sequence, self._now
                    part.host = boot
                    made.append(part.SerializeToString())
        return made


class Server:
    """A server of its own and the connections of some agents."""

    def __init__(self, folder: Path, senders: int) -> None:
        call = [sys.executable, "-m", "hopscope.cli", "server", "--data-dir", str(folder / "data"), "--user", "none"]
        places = ["--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--socket", str(folder / "grpc.sock")]
        self._child = subprocess.Popen([*call, *places], stdout=subprocess.PIPE, text=True)
        assert self._child.stdout is not None
        if not self._child.stdout.readline():
            raise RuntimeError("the server did not start")
        self._channels = [
            grpc.insecure_channel(f"unix:{folder / 'grpc.sock'}", [("grpc.use_local_subchannel_pool", 1)])
            for _ in range(senders)
        ]

    def store(self, batches: Sequence[bytes]) -> float:
        """Sends batches, each agent one after the other; returns how many seconds it took."""

        def send(number: int) -> None:
            call = self._channels[number].unary_unary(METHOD)
            for batch in batches[number :: len(self._channels)]:
                call(batch, timeout=120)

        start = time.perf_counter()
        with ThreadPoolExecutor(len(self._channels)) as pool:
            list(pool.map(send, range(len(self._channels))))
        return time.perf_counter() - start

    def cpu_us(self) -> float:
        """CPU time that it has used."""
        threads = Path(f"/proc/{self._child.pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1000

    def peak_mb(self) -> int:
        """The most memory that it had."""
        status = Path(f"/proc/{self._child.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024

    def close(self) -> None:
        """Ends it."""
        for channel in self._channels:
            channel.close()
        self._child.terminate()
        self._child.wait()


class Bare:
    """The engine alone, in a process."""

    def __init__(self, folder: Path, group: int) -> None:
        self._folder, self._group = folder, group
        (folder / "store").mkdir()
        self._child = subprocess.Popen(
            [sys.executable, "-c", BARE, str(folder / "store")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def store(self, batches: Sequence[bytes]) -> float:
        """Inserts batches; returns how many seconds the inserts took."""
        with TemporaryDirectory(dir=self._folder) as folder:
            for number, batch in enumerate(batches):
                (Path(folder) / f"{number:06}").write_bytes(batch)
            assert self._child.stdin is not None
            self._child.stdin.write(f"{folder} {self._group}\n")
            self._child.stdin.flush()
            return float(self._answer())

    def close(self) -> None:
        """Ends it."""
        assert self._child.stdin is not None
        self._child.stdin.close()
        self._child.wait()

    def _answer(self) -> str:
        assert self._child.stdout is not None
        if not (line := self._child.stdout.readline()):
            raise RuntimeError("the engine ended")
        return line


def measured(agents: int, edges: int) -> Found:
    """Rounds of the server and of the bare engine next to each other."""
    feed = Feed(agents, edges)
    senders = min(agents, SENDERS)
    with TemporaryDirectory(prefix="hopscope-") as name, ExitStack() as stack:
        server, bare = Server(Path(name), senders), Bare(Path(name), senders)
        stack.callback(server.close)
        stack.callback(bare.close)
        server.store(feed.round(ROWS // 4))
        served, plain, cpu, own, sent = [], [], 0.0, 0.0, 0
        for turn in range(ROUNDS):
            batches = feed.round(ROWS)
            rows = feed.rows * len(batches) // feed.parts
            if turn % 2:
                plain.append(rows / bare.store(batches))
            before, own_before = server.cpu_us(), time.process_time()
            served.append(rows / server.store(batches))
            cpu += server.cpu_us() - before
            own += (time.process_time() - own_before) * 1e6
            sent += rows
            if not turn % 2:
                plain.append(rows / bare.store(batches))
        return Found(served, plain, cpu / sent, own / sent, server.peak_mb())


def run() -> Iterator[str]:
    """The table."""
    rows = []
    for agents, edges in SHAPES:
        found = measured(agents, edges)
        low, middle, high = (value / 1000 for value in quartiles(found.served))
        ratio = statistics.median(s / b for s, b in zip(found.served, found.bare, strict=True))
        rows.append(
            [
                f"{agents} x {edges}", f"{middle:.0f} ({low:.0f} .. {high:.0f})",
                f"{statistics.median(found.bare) / 1000:.0f}", f"{ratio:.2f}", f"{found.cpu_us_per_row:.1f}",
                f"{found.sender_us_per_row:.1f}", str(found.peak_mb),
            ]
        )  # fmt: skip
    yield f"Load when it began: {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs."
    yield table(
        ["agents x edges", "k rows/s (quartiles)", "bare engine", "ratio", "CPU us/row", "sender", "peak MB"], rows
    )
