"""What a line comes to in a window: its sums, its state, and how many lines together do. Pure.

A row is one side of a line: 0 the line itself, 1 its client, 2 its server, with the columns of tables/lines. Law: a
state is edges/state's, of the same numbers that a profile would show.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hopscope.edges import state as rules
from hopscope.edges.histogram import bounds, percentile_by_index
from hopscope.edges.model import Connections, Side, Value
from hopscope.server.analysis.distribution import Distribution

ITSELF, CLIENT, SERVER = 0, 1, 2
Name = Literal["failing", "slow", "healthy", "none"]
WORST_FIRST: tuple[Name, ...] = ("failing", "slow", "healthy", "none")
FEWEST_SAMPLES = 20
"""Calls and connections below which a line has no state, unless connects failed."""
FEWEST_FAILED = 3
Row = Mapping[str, Any]
BLEMISHES = ("retransmit_count", "zero_window_probes", "rwnd_limited", "sndbuf_limited")
_TCP = ("segments_out", "busy", "rwnd_limited", "sndbuf_limited", "zero_window_probes")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of a line, a clause for each reason, and the first one in few words."""

    name: Name
    reasons: tuple[str, ...] = ()
    brief: str = ""

    @property
    def bad(self) -> bool:
        """Whether somebody should look."""
        return self.name in ("failing", "slow")


@dataclass(slots=True)
class Line:
    """The sides of a line that were seen, each a row. Ids as on disk. `hosts` of the sides measure them."""

    id: int
    itself: Row | None = None
    client: Row | None = None
    server: Row | None = None
    _connections: Connections | None = field(default=None, init=False, repr=False, compare=False)

    def add(self, row: Row) -> None:
        """Takes in one of its rows."""
        if row["side"] == CLIENT:
            self.client = row
        elif row["side"] == SERVER:
            self.server = row
        else:
            self.itself = row

    def joined(self, other: Line) -> Line:
        """With the server's half of another, which is the same line seen at its other end."""
        itself = self.itself or other.itself
        if self.itself is not None and other.itself is not None:
            most = {name: max(self.itself[name], other.itself[name]) for name in ("opened", "closed", "active")}
            itself = {**self.itself, **most}
        return Line(self.id, itself, self.client, other.server)

    def connections(self) -> Connections:
        """Opened and closed in the window, open at its end, failed by cause."""
        if self._connections is None:
            self._connections = _connections(self.itself)
        return self._connections

    @property
    def samples(self) -> int:
        """On how much a state of the line stands."""
        return self._samples(self.connections())

    def _samples(self, held: Connections) -> int:
        calls = max((row["write_count"] + row["read_count"] for row in (self.client, self.server) if row), default=0)
        found: int = calls + held.opened + sum(held.failed.values())
        return found

    @property
    def moved(self) -> int:
        """When bytes moved last, Unix seconds of the row; 0: never in the window."""
        return max((row["moved"] for row in (self.client, self.server) if row), default=0)

    @property
    def writes(self) -> int | None:
        """Calls that the client wrote, as it counted; else what the server read in calls."""
        row = self.client or self.server
        return None if row is None else row["write_count"] if self.client else row["read_count"]

    @property
    def bytes(self) -> int | None:
        """Both ways."""
        row = self.client or self.server
        return None if row is None else row["write_bytes"] + row["read_bytes"]

    @property
    def rtt(self) -> Mapping[str, int]:
        """The histogram of round trips at the client, else at the server: bucket and count."""
        for row in (self.client, self.server):
            if row is not None and row["rtt"]:
                return row["rtt"]  # type: ignore[no-any-return]
        return {}

    @property
    def rtt_p99(self) -> float | None:
        """Of 100 round trips 99 are shorter, in ns."""
        return _p99(self.rtt)

    @property
    def resent(self) -> float | None:
        """Segments sent again of those sent, both sides; None: none was sent."""
        rows = [row for row in (self.client, self.server) if row is not None]
        out = sum(row["segments_out"] for row in rows)
        return sum(row["retransmit_count"] for row in rows) / out if out else None

    def state(self) -> Verdict:
        """Its state and why."""
        name = self._without_rules()
        if name is not None:
            return Verdict(name)
        found = rules.state_of(self.connections(), self._sides())
        return Verdict(found.name, found.reasons, found.brief)

    def state_name(self) -> Name:
        """The name of its state alone."""
        return self._without_rules() or rules.name_of(self.connections(), self._sides)

    def _without_rules(self) -> Name | None:
        """Its state where that is plain: too little was seen, or nothing of what a reason counts."""
        held = self.connections()
        failed = sum(held.failed.values())
        if self._samples(held) < FEWEST_SAMPLES and failed < FEWEST_FAILED:
            return "none"
        spotless = not failed and all(_spotless(row) for row in (self.client, self.server) if row is not None)
        return "healthy" if spotless else None

    def _sides(self) -> list[tuple[str, Side]]:
        both = (("client", self.client), ("server", self.server))
        return [(where, _side(row)) for where, row in both if row is not None]


def _connections(own: Row | None) -> Connections:
    if own is None:
        return Connections(0, 0, 0, {})
    failed = {cause: count for cause, count in own["failed"].items() if count}
    return Connections(round(own["opened"]), round(own["closed"]), round(own["active"][1]), failed)


def _spotless(row: Row) -> bool:
    return not (
        any(row[name] for name in BLEMISHES)
        or row["drop"].get("", 0)
        or row["reset"].get("", 0)
        or any(int(bucket) >= rules.SYN_RETRY_BUCKET for bucket in row["handshake"])
        or row["srtt"] >= rules.QUEUEING_LEAST_US * max(1, row["srtt_count"])
    )


def _side(row: Row) -> Side:
    metrics = {"retransmit": Value(row["retransmit_count"])}
    for name in ("drop", "reset"):
        if row[name]:
            reasons = {reason: count for reason, count in row[name].items() if reason and count}
            metrics[name] = Value(row[name].get("", 0), reasons=reasons)
    if row["handshake"]:
        metrics["connect"] = Value(0, histogram=histogram(row["handshake"]))
    tcp = {name: row[name] for name in _TCP}
    if row["srtt_count"]:
        tcp |= {"srtt": row["srtt"] / row["srtt_count"], "min_rtt": row["min_rtt"]}
    return Side(metrics, tcp)


def _p99(held: Mapping[Any, int]) -> float | None:
    if isinstance(held, Distribution):
        return held.p99
    return percentile_by_index({int(index): count for index, count in held.items()}, 0.99)


def histogram(held: Mapping[Any, int]) -> tuple[tuple[int, int, int], ...]:
    """Buckets by their index as (low_ns, high_ns, count)."""
    return tuple((*bounds(index), count) for index, count in sorted((int(key), n) for key, n in held.items()))


def lines(rows: Iterable[Row]) -> dict[int, Line]:
    """Lines by id."""
    found: dict[int, Line] = {}
    for row in rows:
        found.setdefault(row["line"], Line(row["line"])).add(row)
    return found


def whole_line(held: Mapping[int, Line], halves: tuple[int, int]) -> Line | None:
    """A line by the ids of its client's and its server's half, which may be the same; None: neither was seen."""
    client, server = (held.get(half) for half in halves)
    if client is None or server is None or halves[0] == halves[1]:
        return client or server
    return client.joined(server)


@dataclass(slots=True)
class Health:
    """The worst of some lines, and their sums. `seconds`: that were recorded."""

    seconds: float
    state: Name = "none"
    reasons: tuple[str, ...] = ()
    worst: int | None = None
    lines: int = 0
    writes: int = 0
    bytes: int = 0
    rtt: Counter[str] = field(default_factory=Counter)

    def add(self, line: Line, verdict: Verdict) -> None:
        """Takes in a line."""
        if self.worst is None or WORST_FIRST.index(verdict.name) < WORST_FIRST.index(self.state):
            self.state, self.reasons, self.worst = verdict.name, verdict.reasons, line.id
        self.lines += 1
        self.writes += line.writes or 0
        self.bytes += line.bytes or 0
        self.rtt.update(line.rtt)

    def shown(self, since: str | None) -> dict[str, Any]:
        """See `Health` in the schema."""
        seen = self.lines and self.seconds
        return {
            "state": self.state,
            "reasons": list(self.reasons),
            "rate": self.writes / self.seconds if seen else None,
            "bytes_rate": self.bytes / self.seconds if seen else None,
            "p99_ns": _p99(self.rtt),
            "since": since,
            "lines": self.lines,
        }
