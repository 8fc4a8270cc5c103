"""How the profile of one second becomes batches of blocks, and what the store has been told already. Pure.

Law: a store that got all batches since the last `forget` can name every line that it has rows of.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from hopscope.agent.witnesses import Witness
from hopscope.edges.histogram import index_of
from hopscope.edges.identity import host_id, listener_id
from hopscope.edges.model import Edge, End, Group, Listener, Profile, Side, Value
from hopscope.metrics import ABSENT, BY_NAME, SIDE, TCP, Metric
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

BATCH_COST = 4_000_000
"""Estimated bytes after which a second goes on in another batch; a receiver takes 16 MB."""
_ROW_COST, _BUCKET_COST, _KNOWN_LIMIT, _PIDS = 48, 6, 200_000, 64
_TIMES = ("time_ns", "call_ns", "queue_ns")


@dataclass(frozen=True, slots=True)
class Gap:
    """Seconds of which batches were dropped."""

    second: int
    seconds: int
    batches: int
    cause: str


class _Columns:
    """The rows of a block under way. Plain lists: appending to a message's fields costs three times as much."""

    def __init__(self) -> None:
        self.side = bytearray()
        self.line: list[int] = []
        self.label: list[int] = []
        self.count: list[int] = []
        self.bytes: list[int] = []
        self.sum: list[float] = []
        self.min: list[float] = []
        self.max: list[float] = []
        self.filled: list[int] = []
        self.bucket: list[int] = []
        self.held: list[int] = []

    def block(self, metric: int) -> wire.Block:
        return wire.Block(
            metric=metric, side=bytes(self.side), line=self.line, label=self.label, count=self.count, bytes=self.bytes,
            sum=self.sum, min=self.min, max=self.max, filled=self.filled, bucket=self.bucket, held=self.held,
        )  # fmt: skip


@dataclass(slots=True)
class _Draft:
    batch: wire.Batch
    blocks: dict[int, _Columns] = field(default_factory=lambda: defaultdict(_Columns))
    labels: dict[str, int] = field(default_factory=lambda: {"": 0})
    cost: int = 0

    def label(self, text: str) -> int:
        found = self.labels.get(text)
        return self.labels.setdefault(_text(text), len(self.labels)) if found is None else found

    def finish(self) -> wire.Batch:
        self.batch.labels.extend(self.labels)
        self.batch.blocks.extend(columns.block(number) for number, columns in self.blocks.items())
        return self.batch


class Blocks:
    """Makes the batches of one agent. `boot`: 64 random bits, the same until it ends; `attributes`: its host's."""

    def __init__(self, boot: int, version: str, attributes: Mapping[str, str] | None = None) -> None:
        self.boot = boot
        self.version = version
        self.attributes = {_text(name): _text(value) for name, value in (attributes or {}).items()}
        self._sequence = 0
        self._told: dict[tuple[str, int], bytes] = {}
        self._pids: dict[tuple[int, str], tuple[int, ...]] = {}
        self._hour = 0
        self._groups: tuple[Group, ...] = ()
        self._whole: dict[int, tuple[int, wire.Process]] = {}

    def forget(self) -> None:
        """The store may not know what it was told: the next batches say everything again."""
        self._told.clear()
        self._pids.clear()
        self._whole.clear()

    def batches(
        self,
        profile: Profile,
        gaps: Iterable[Gap] = (),
        groups: tuple[Group, ...] = (),
        witnesses: Iterable[Witness] = (),
    ) -> list[tuple[int, wire.Batch]]:
        """The second of a profile as (sequence, batch), at least one.

        `groups`: the processes of the host as of the last look at them. Numbers that the catalogue does not have are
        lost and counted.
        """
        start = datetime.fromisoformat(profile.window.start).timestamp()
        second = math.floor(start)
        if second // 3600 != self._hour or len(self._told) > _KNOWN_LIMIT:
            # Said again each hour, so that a store may forget what has not been seen for long.
            self.forget()
            self._hour = second // 3600
        return _Second(self, profile, second).write(gaps, self._untold(groups, second), witnesses)

    def _untold(self, groups: tuple[Group, ...], second: int) -> list[wire.Process]:
        """Those of whom something is new, and each once a minute, so that it shows that they live."""
        if groups is self._groups and self._whole:
            return []
        self._groups, minute, news = groups, second // 60, []
        known, self._whole = self._whole, {}
        for group in groups:
            said = _process(group.end)
            said.command_line, said.executable = _text(group.command_line), _text(group.executable)
            said.started = max(0, group.started)
            said.attributes.update({_text(name): _text(value) for name, value in group.attributes.items()})
            then, before = known.get(said.id, (-1, None))
            pids, said.pids[:] = list(said.pids), []
            if then == minute and before is not None and self._told.get(("whole", said.id)) == _bytes(said):
                self._whole[said.id] = then, before
                continue
            self._told["whole", said.id] = _bytes(said)
            said.pids[:] = pids
            self._whole[said.id] = minute, said
            news.append(said)
        for gone in known.keys() - self._whole.keys():
            self._told.pop(("whole", gone), None)
        return news

    def whole(self, process: int) -> wire.Process | None:
        """What was told of a process by the last look, if it was there."""
        return self._whole.get(process, (0, None))[1]

    def pids(self, line: int, end: str, now: tuple[int, ...]) -> tuple[int, ...]:
        """The processes seen lately at an end, the newest last. Not those of one second: they come and go, and each
        time the edge would have to be told anew."""
        known = self._pids.get((line, end), ())
        if not set(now) <= set(known):
            known = (*(pid for pid in known if pid not in now), *now)[-_PIDS:]
            self._pids[line, end] = known
        return known

    def next_sequence(self) -> int:
        """The number of the next batch."""
        self._sequence += 1
        return self._sequence

    def news(self, kind: str, number: int, message: Message) -> bool:
        """Whether the store does not know this yet; it does from now on."""
        said = _bytes(message)
        if self._told.get((kind, number)) == said:
            return False
        self._told[kind, number] = said
        return True


class _Second:
    """The batches of one second under way."""

    def __init__(self, blocks: Blocks, profile: Profile, second: int) -> None:
        self._blocks = blocks
        self._profile = profile
        self._second = second
        self._host = int(host_id(profile.host), 16)
        self._lost = 0
        self._done: list[tuple[int, wire.Batch]] = []
        self._begin()

    def _begin(self) -> None:
        sequence = self._blocks.next_sequence()
        batch = wire.Batch(boot=self._blocks.boot, sequence=sequence, host=self._host, second=self._second)
        self._draft = _Draft(batch)

    def _end(self) -> None:
        batch = self._draft.finish()
        self._done.append((batch.sequence, batch))

    def write(
        self, gaps: Iterable[Gap], processes: Iterable[wire.Process], witnesses: Iterable[Witness]
    ) -> list[tuple[int, wire.Batch]]:
        """All batches; the gaps are told in the first, completeness in the last."""
        for gap in gaps:
            self._draft.batch.gaps.add(second=gap.second, seconds=gap.seconds, batches=gap.batches, cause=gap.cause)
        agent = self._agent()
        if self._blocks.news("agent", self._host, agent):
            self._draft.batch.agent.CopyFrom(agent)
        for process in processes:
            self._tell(process)
        for seen in witnesses:
            self._draft.batch.witnesses.add(
                edge=int(seen.edge, 16), initiator=seen.initiator, client=seen.client, server=seen.server
            )
        for edge in self._profile.edges:
            self._edge(edge)
        for listener in self._profile.listeners:
            self._listener(listener)
        self._completeness()
        self._end()
        return self._done

    def _agent(self) -> wire.Agent:
        probes = {
            name: wire.Probe(rung=p.rung or "", hook=p.hook or "", why_not=_text(p.why_not or ""))
            for name, p in self._profile.probes.items()
        }
        held = self._blocks
        return wire.Agent(
            host=_text(self._profile.host), version=held.version, probes=probes, attributes=held.attributes
        )

    def _completeness(self) -> None:
        amounts, state = _completeness(self._profile.completeness)
        if self._lost:
            amounts["lost.not_in_catalogue"] = amounts.get("lost.not_in_catalogue", 0) + self._lost
        self._draft.batch.completeness.CopyFrom(
            wire.Completeness(
                seconds=amounts.get("seconds.recorded", self._profile.window.seconds),
                amounts=amounts,
                state=json.dumps(state) if state else "",
            )
        )

    def _edge(self, edge: Edge) -> None:
        line = int(edge.id, 16)
        tls = edge.tls or {}
        said = wire.Edge(
            id=line, client=self._end_of(edge.client, line, "client"), server=self._end_of(edge.server, line, "server"),
            transport=edge.transport,
            protocol=edge.protocol, security=edge.security, own=edge.own,
            sni=[_text(name) for name in tls.get("sni", ())], alpn=[_text(name) for name in tls.get("alpn", ())],
        )  # fmt: skip
        if self._blocks.news("edge", line, said):
            self._draft.batch.edges.append(said)
            self._draft.cost += said.ByteSize()
        for name in ("opened", "closed", "active"):
            self._number(line, wire.SIDE_NONE, name, getattr(edge.connections, name))
        for cause, count in edge.connections.failed.items():
            self._row(line, wire.SIDE_NONE, BY_NAME["failed"], cause, count=count)
        if edge.client_side is not None:
            self._side(line, wire.SIDE_CLIENT, "client", edge.client_side)
        if edge.server_side is not None:
            self._side(line, wire.SIDE_SERVER, "server", edge.server_side)
        self._turn_page()

    def _turn_page(self) -> None:
        if self._draft.cost > BATCH_COST:
            self._end()
            self._begin()

    def _tell(self, process: wire.Process) -> None:
        self._draft.batch.processes.append(process)
        self._draft.cost += process.ByteSize()
        self._turn_page()

    def _end_of(self, end: End, line: int, name: str) -> wire.End:
        if end.id is None:
            return wire.End(address=end.address, listen=end.listen or "")
        process = int(end.id, 16)
        said = self._blocks.whole(process)
        if said is None:
            # Born and gone between two looks at the processes, or not looked at yet.
            said = _process(end)
            said.pids[:] = []
            if self._blocks.news("process", process, said):
                self._draft.batch.processes.append(said)
                self._draft.cost += said.ByteSize()
        return wire.End(
            process=process, address=end.address, listen=end.listen or "", pids=self._blocks.pids(line, name, end.pids)
        )

    def _listener(self, listener: Listener) -> None:
        line = int(listener_id(listener.process.id or "", listener.address), 16)
        said = wire.Listener(id=line, process=self._end_of(listener.process, line, "server"))
        if self._blocks.news("listener", line, said):
            self._draft.batch.listeners.append(said)
        for name in ("queue", "limit", "overflows", "synacks_retransmitted"):
            self._number(line, wire.SIDE_NONE, name, getattr(listener, name))

    def _side(self, line: int, side: int, at: str, measured: Side) -> None:
        for metric in (*SIDE, *TCP):
            present = metric.name in measured.metrics or metric.name in measured.tcp
            if metric.at in ("both", at) and metric.merge == "sum" and not present and not self._refused(metric):
                self._row(line, side, metric, ABSENT)
        for name, value in measured.metrics.items():
            known = BY_NAME.get(name)
            if known is None:
                self._lost += 1
            else:
                self._value(line, side, known, value)
        for name, number in measured.tcp.items():
            self._number(line, side, name, number)

    def _refused(self, metric: Metric) -> bool:
        probe = self._profile.probes.get(metric.name)
        return probe is not None and probe.rung is None

    def _value(self, line: int, side: int, metric: Metric, value: Value) -> None:
        # A side of which nothing moved is there all the same: its `write` says so, also with 0.
        if value.count or value.bytes or metric.name == "write":
            self._row(line, side, metric, "", count=value.count, moved=value.bytes or 0)
        histogram = value.histogram or ()
        for part in _TIMES:
            ns = getattr(value, part)
            if ns is not None:
                timed = value.timed or 0 if part != "queue_ns" else 0
                self._row(line, side, metric, part, count=timed, total=ns, histogram=histogram)
                histogram = ()
        for reason, count in (value.reasons or {}).items():
            self._row(line, side, metric, reason, count=count)

    def _number(self, line: int, side: int, name: str, number: float) -> None:
        metric = BY_NAME.get(name)
        if metric is None:
            self._lost += 1
        elif metric.merge != "sum":
            self._row(line, side, metric, "", count=1, total=number, least=number, most=number)
        elif number:
            self._row(line, side, metric, "", count=1, total=number)

    def _row(
        self, line: int, side: int, metric: Metric, label: str, *, count: int = 0, moved: int = 0, total: float = 0,
        least: float = 0, most: float = 0, histogram: Iterable[tuple[int, int, int]] = (),
    ) -> None:  # fmt: skip
        draft = self._draft
        columns = draft.blocks[metric.number]
        columns.side.append(side)
        columns.line.append(line)
        columns.label.append(draft.label(label))
        columns.count.append(count)
        columns.bytes.append(moved)
        columns.sum.append(total)
        columns.min.append(least)
        columns.max.append(most)
        filled = 0
        for low, _, held in histogram:
            columns.bucket.append(index_of(low))
            columns.held.append(held)
            filled += 1
        columns.filled.append(filled)
        draft.cost += _ROW_COST + _BUCKET_COST * filled


def _completeness(given: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """What adds up, by dotted name, and what describes the end of the second."""
    amounts, state = {}, {}
    for name, value in given.items():
        if name in ("seconds", "lost") and isinstance(value, Mapping):
            amounts.update({f"{name}.{key}": float(number) for key, number in value.items()})
        elif isinstance(value, int | float):
            amounts[name] = float(value)
        else:
            state[name] = value
    return amounts, state


def _process(end: End) -> wire.Process:
    return wire.Process(
        id=int(end.id or "0", 16), name=_text(end.process or ""), service=_text(end.service or ""),
        instance=_text(end.instance or ""), container=_text(end.container or ""), cgroup=_text(end.cgroup or ""),
        layer=_text(end.layer or ""), labels={_text(k): _text(v) for k, v in (end.labels or {}).items()},
        pids=end.pids[:_PIDS],
    )  # fmt: skip


def _bytes(message: Message) -> bytes:
    return message.SerializeToString(deterministic=True)


def _text(text: str) -> str:
    """What a name of the kernel's is in UTF-8, which the wire demands."""
    return text.encode(errors="surrogateescape").decode(errors="replace")
