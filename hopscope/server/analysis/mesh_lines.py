"""From halves to lines: who called whom, each request counted once. Pure.

A request between two pods may be in two logs. The client's proxy knows of each request that the client made, also of
those that reached no server, and its entry stands for all attempts; so where it reports, it counts. Where it does not,
the server's counts. What only one side can know comes from that side: the security and the protocol on the wire from
the server's, retries from the client's, and from each its own share of the time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hopscope.server.analysis.entities import Name
from hopscope.server.analysis.mesh_ends import Ends
from hopscope.server.analysis.mesh_entries import failed, read_answer
from hopscope.server.storage.tables.mesh import PARTS

Row = Mapping[str, Any]
Key = Callable[[Name], str]


@dataclass(slots=True)
class Part:
    """One part of the time: of how many requests, the sum in ns, the histogram by bucket."""

    count: int = 0
    total: int = 0
    histogram: dict[int, int] = field(default_factory=dict)

    def add(self, histogram: Mapping[int, int]) -> None:
        """Adds a histogram."""
        for bucket, held in histogram.items():
            self.histogram[bucket] = self.histogram.get(bucket, 0) + held


@dataclass(slots=True)
class Numbers:
    """What one side, or a line, counted. `halves`: those that its times are of."""

    # Plain dicts: a large mesh has ten thousands of these, and a Counter costs ten times as much.
    answers: dict[str, int] = field(default_factory=dict)
    connections: dict[str, int] = field(default_factory=dict)
    retries: int = 0
    received: int = 0
    sent: int = 0
    parts: dict[str, Part] = field(default_factory=dict)
    halves: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, row: Row) -> Numbers:
        """A row of the table mesh, without its histograms."""
        parts = {name: Part(row[f"{name}_count"], row[f"{name}_total"]) for name in PARTS if row[f"{name}_count"]}
        return cls(row["answers"], row["connections"], row["retries"], row["received"], row["sent"], parts)

    def counted(self, other: Numbers) -> None:
        """Adds what another one counted, its times apart."""
        for mine, others in ((self.answers, other.answers), (self.connections, other.connections)):
            for label, count in others.items():
                mine[label] = mine.get(label, 0) + count
        self.retries += other.retries
        self.received += other.received
        self.sent += other.sent

    def timed(self, other: Numbers) -> None:
        """Adds another one's times."""
        self.halves += other.halves
        for name, part in other.parts.items():
            mine = self.parts.setdefault(name, Part())
            mine.count += part.count
            mine.total += part.total
            mine.add(part.histogram)

    @property
    def requests(self) -> int:
        """HTTP requests."""
        return sum(self.answers.values())

    @property
    def ended(self) -> int:
        """TCP connections that ended."""
        return sum(self.connections.values())

    @property
    def errors(self) -> int:
        """Requests that failed, and TCP connections that reached no server."""
        return sum(count for label, count in self.answers.items() if failed(label)) + sum(
            count for raised, count in self.connections.items() if _reached_nobody(raised)
        )

    @property
    def causes(self) -> dict[str, int]:
        """What the errors were: `503 UF`, `no answer DC`."""
        found = {label: count for label, count in self.answers.items() if failed(label)}
        return {
            f"no answer{label[1:]}" if label.split(" ")[0] == "0" else label: count for label, count in found.items()
        } | {raised: count for raised, count in self.connections.items() if _reached_nobody(raised)}

    @property
    def by_status(self) -> dict[str, int]:
        """Requests by what the client got, `none` without an answer; of gRPC also by its status."""
        found: Counter[str] = Counter()
        for label, count in self.answers.items():
            said = read_answer(label)
            found[str(said.code) if said.code else "none"] += count
            if said.grpc:
                found[f"grpc {said.grpc}"] += count
        return dict(sorted(found.items()))

    @property
    def by_flag(self) -> dict[str, int]:
        """Requests and connections by Envoy's response flag; one may have several."""
        found: Counter[str] = Counter()
        for label, count in self.answers.items():
            for raised in read_answer(label).flags:
                found[raised] += count
        for label, count in self.connections.items():
            for raised in label.split(",") if label else ():
                found[raised] += count
        return dict(sorted(found.items()))


_REFUSED = frozenset(("UF", "UH", "URX", "UO", "NR", "NC", "DF"))


def _reached_nobody(raised: str) -> bool:
    return not _REFUSED.isdisjoint(raised.split(","))


@dataclass(slots=True)
class Line:
    """Between two ends, as far apart as asked for. `pairs`: requests and errors by the names of the instances."""

    client: str
    server: str
    counted: Numbers = field(default_factory=Numbers)
    client_side: Numbers | None = None
    server_side: Numbers | None = None
    protocols: Counter[str] = field(default_factory=Counter)
    securities: Counter[str] = field(default_factory=Counter)
    pairs: dict[tuple[Name, Name], Numbers] = field(default_factory=dict)

    @property
    def protocol(self) -> str:
        """On the wire, of most requests."""
        return _most(self.protocols)

    @property
    def security(self) -> str:
        """Of most requests; unknown where no server's proxy reports."""
        return _most(self.securities)


@dataclass(slots=True)
class _Pair:
    client: Numbers | None = None
    server: Numbers | None = None
    spoken: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    security: Counter[str] = field(default_factory=Counter)
    # Nothing but its certificate says which service the client is of.
    guessed: bool = False


def _most(counter: Counter[str]) -> str:
    return max(counter, key=lambda word: (counter[word], word)) if counter else "unknown"


def lines(
    halves: Iterable[Row], numbers: Mapping[int, Numbers], proxies: Mapping[int, Row], ends: Ends, key: Key
) -> list[Line]:
    """The lines of some halves. `numbers` by half, `proxies` by id; `key`: the name under which an end is known."""
    found: dict[tuple[str, str], Line] = {}
    for (client, server), pair in _pairs(list(halves), numbers, proxies, ends).items():
        names = key(client), key(server)
        line = found.setdefault(names, Line(*names))
        _join(line, client, server, pair)
    return [found[names] for names in sorted(found)]


def _pairs(
    halves: list[Row], numbers: Mapping[int, Numbers], proxies: Mapping[int, Row], ends: Ends
) -> dict[tuple[Name, Name], _Pair]:
    for half in halves:
        ends.learn(half)
    pairs: dict[tuple[Name, Name], _Pair] = defaultdict(_Pair)
    for half in halves:
        proxy, counted = proxies.get(half["proxy"]), numbers.get(half["id"])
        if proxy is None or counted is None:
            continue
        own = Name(proxy["service"], proxy["instance"])
        side = half["side"]
        pair = pairs[(own, ends.server(half)) if side == "client" else (ends.client(half), own)]
        held = pair.client if side == "client" else pair.server
        if held is None:
            held = Numbers()
            setattr(pair, side, held)
        held.counted(counted)
        held.timed(counted)
        held.halves.append(half["id"])
        amount = counted.requests + counted.ended
        pair.spoken[side][half["protocol"]] += amount
        if side == "server":
            pair.security[half["security"]] += amount
            pair.guessed = pair.guessed or (bool(half["principal"]) and not ends.knows(half["client"]))
    _without_mirrors(pairs)
    return dict(pairs)


def _without_mirrors(pairs: dict[tuple[Name, Name], _Pair]) -> None:
    # A client behind address translation: its own proxy's log has its requests, under its pod's name.
    told = {(client.service, server) for (client, server), pair in pairs.items() if pair.client is not None}
    for (client, server), pair in list(pairs.items()):
        if pair.guessed and pair.client is None and (client.service, server) in told:
            del pairs[client, server]


def _join(line: Line, client: Name, server: Name, pair: _Pair) -> None:
    counted = pair.client or pair.server
    assert counted is not None
    line.counted.counted(counted)
    line.pairs.setdefault((client, server), Numbers()).counted(counted)
    for side in ("client", "server"):
        numbers: Numbers | None = getattr(pair, side)
        if numbers is None:
            continue
        held: Numbers | None = getattr(line, f"{side}_side")
        if held is None:
            held = Numbers()
            setattr(line, f"{side}_side", held)
        held.counted(numbers)
        held.timed(numbers)
    line.protocols += pair.spoken["server"] or pair.spoken["client"]
    line.securities += pair.security
