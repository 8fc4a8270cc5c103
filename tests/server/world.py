"""Batches of a small world whose every process and connection is known."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from hopscope.edges.identity import edge_id, group_id, host_id
from hopscope.metrics import BY_NAME
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

ITSELF, CLIENT, SERVER = wire.SIDE_NONE, wire.SIDE_CLIENT, wire.SIDE_SERVER


@dataclass
class Host:
    """An agent's batches, one a second."""

    name: str
    boot: int = 0
    sequence: int = 0
    known: dict[int, wire.Process] = field(default_factory=dict)

    @property
    def id(self) -> int:
        return int(host_id(self.name), 16)

    def process(self, name: str, service: str = "", instance: str = "", layer: str = "", **more: object) -> int:
        cgroup = f"/{service or 'system'}/{instance or self.name}"
        number = int(group_id(self.name, cgroup, f"/usr/bin/{name}"), 16)
        self.known[number] = wire.Process(
            id=number, name=name, service=service, instance=instance, layer=layer, cgroup=cgroup,
            executable=f"/usr/bin/{name}", **more,
        )  # fmt: skip
        return number

    def batch(self, second: int, *, agent: bool = True, processes: bool = True) -> wire.Batch:
        self.sequence += 1
        batch = wire.Batch(boot=self.boot or self.id, sequence=self.sequence, host=self.id, second=second, labels=[""])
        if agent:
            batch.agent.CopyFrom(wire.Agent(host=self.name, version="1", attributes={"os": f"of {self.name}"}))
        if processes:
            batch.processes.extend(self.known.values())
        batch.completeness.seconds = 1
        return batch


def line(client: int | str, server: str) -> int:
    """The id of an edge as the agent makes it."""
    return int(edge_id(f"{client:016x}" if isinstance(client, int) else client, server), 16)


def edge(batch: wire.Batch, client: tuple[int, str], server: tuple[int, str], **more: object) -> int:
    """Tells of an edge: process (0: not of the host) and address of each end."""
    number = line(client[0] or client[1], server[1])
    batch.edges.append(
        wire.Edge(
            id=number,
            client=wire.End(process=client[0], address=client[1], pids=[client[0] % 999 + 1] if client[0] else []),
            server=wire.End(process=server[0], address=server[1], pids=[server[0] % 999 + 1] if server[0] else []),
            **{"transport": "tcp", "protocol": "http", "security": "none", **more},  # type: ignore[arg-type]
        )
    )
    return number


def row(
    batch: wire.Batch, metric: str, of: int, side: int, *, label: str = "", count: int = 0, moved: int = 0,
    total: float = 0, least: float = 0, most: float = 0, histogram: dict[int, int] | None = None,
) -> None:  # fmt: skip
    """A row of a metric; histogram: buckets by index."""
    if label not in batch.labels:
        batch.labels.append(label)
    held = histogram or {}
    batch.blocks.append(
        wire.Block(
            metric=BY_NAME[metric].number,
            line=[of],
            side=bytes([side]),
            label=[list(batch.labels).index(label)],
            count=[count],
            bytes=[moved],
            sum=[total],
            min=[least],
            max=[most],
            filled=[len(held)],
            bucket=list(held),
            held=list(held.values()),
        )
    )  # fmt: skip


def traffic(
    batch: wire.Batch, of: int, side: int, calls: int = 50, size: int = 100, *, writes: int = 0, reads: int = 0
) -> None:
    """A second of healthy calls. `writes`, `reads`: how many it took, if not one each."""
    row(batch, "write", of, side, count=writes or calls, moved=calls * size)
    row(batch, "read", of, side, count=reads or calls, moved=calls * size * 2)
    row(batch, "write_rtt", of, side, label="time_ns", count=calls, total=calls * 50_000, histogram={70: calls})
    row(batch, "segments_out", of, side, count=1, total=calls)


def now() -> int:
    return int(time.time())
