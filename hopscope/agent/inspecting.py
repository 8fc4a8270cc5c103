"""The connections of what somebody looks at, read out of the tables when they ask."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.connections import OLDER, SERVER, Connection, Owner, address_text
from hopscope.agent.ended import SECOND, End, how
from hopscope.agent.ledger import CLIENT_SIDE, SERVER_SIDE, Line
from hopscope.agent.protocols import UNKNOWN, label_of
from hopscope.agent.recorder import Recorder
from hopscope.agent.telling import MOST, STATES, Facts, most_telling, troubles
from hopscope.agent.truths import UNKNOWN_RTT, are_exact, totals
from hopscope.edges import connection as told
from hopscope.edges.connection import ConnectionsSeen, SideName, StateCount
from hopscope.edges.label import label

SUBJECTS = 32
"""Edges and processes that are looked at at a time; of more the first are."""
LATELY = 15
"""Seconds for which a connection that ended is still told of."""
_ENDED = 20
"""Of MOST, places for those that ended, where open ones are many."""
NOBODY = "no profiling task asks for its processes now, and this agent traces on demand"

Array = npt.NDArray[Any]
_SIDES: tuple[SideName, SideName] = ("client", "server")


@dataclass(frozen=True, slots=True)
class Subject:
    """What is looked at: an edge or, with `process`, a process group, by its id."""

    id: str
    process: bool = False


@dataclass(frozen=True, slots=True)
class Inspected:
    """The connections of one side of an edge, or of a process, whose `side` is None, as of the Unix time `at`.

    `states`: how many are open, by state; `closed`: how many ended in the last LATELY seconds, as far as it was looked
    at; `connections`: the most telling ones, at most MOST.
    """

    subject: Subject
    side: SideName | None
    at: float
    states: Mapping[str, int] = field(default_factory=dict)
    closed: int = 0
    connections: tuple[told.Connection, ...] = ()
    why_not: str | None = None

    def seen_on(self, host: str) -> ConnectionsSeen:
        """The same for who reads it; the states with the most connections first."""
        states = sorted(self.states.items(), key=lambda it: -it[1])
        return ConnectionsSeen(
            self.side,
            host,
            datetime.fromtimestamp(self.at, UTC),
            sum(self.states.values()),
            tuple(StateCount(*it) for it in states),
            self.closed,
            self.connections,
            self.why_not,
        )


@dataclass(frozen=True, slots=True)
class _Clock:
    """One moment: Unix time, and ns of the kernel's clock."""

    now: float
    ktime: int

    def at(self, ktime: int) -> datetime:
        return datetime.fromtimestamp(self.now - (self.ktime - ktime) / SECOND, UTC)


class Inspector:
    """Looks into a recorder's tables; remembers of each slot what it saw the last time. Not thread-safe."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        count = recorder.kernel.count
        self._generation = np.zeros(count, np.uint32)
        self._bytes = np.zeros(count, np.int64)
        self._copied = np.zeros(count, np.uint32)
        self._seen, self._taken = np.zeros(count, np.int64), np.zeros(count, np.int64)
        self._asked: dict[object, Sequence[Subject]] = {}

    def look(
        self,
        subjects: Sequence[Subject],
        now: float,
        ktime: int,
        wanted: Callable[[Owner], bool] | None = None,
        asker: object = None,
    ) -> list[Inspected]:
        """What there is of each subject right after a tick, whose moment is given by both clocks. `wanted`: whose
        connections may be told of, None: everybody's. `asker`: who looks, and is done when it names no subject; what
        ended is kept for all askers together."""
        subjects = self._asked[asker] = subjects[:SUBJECTS]
        if not subjects:
            del self._asked[asker]
        every = [it for asked in self._asked.values() for it in asked]
        self._recorder.ended.want(
            frozenset(it.id for it in every if not it.process), frozenset(it.id for it in every if it.process)
        )
        if not subjects:
            return []
        edges = frozenset(it.id for it in subjects if not it.process)
        clock, found = _Clock(now, ktime), []
        lines = {line.id: line for line in self._recorder.ledger if line.id in edges}
        for subject in subjects:
            if subject.process:
                sides: list[tuple[SideName | None, list[int]]] = [(None, self._sides_of(subject.id, wanted))]
            else:
                line = lines.get(subject.id)
                sides = list(_sides(line, wanted)) if line is not None else [(None, [])]
            if not sides:
                found.append(Inspected(subject, None, now, why_not=NOBODY))
            found += [self._inspected(subject, side, numbers, clock) for side, numbers in sides]
        return found

    def _sides_of(self, process: str, wanted: Callable[[Owner], bool] | None) -> list[int]:
        return [
            number
            for line in self._recorder.ledger
            for side, (number,) in _sides(line, wanted)
            if (owner := line.client if side == "client" else line.server) is not None and owner.id == process
        ]

    def _inspected(self, subject: Subject, side: SideName | None, sides: list[int], clock: _Clock) -> Inspected:
        recorder = self._recorder
        held = recorder.side[: recorder.kernel.limits.slots]
        indices = np.flatnonzero(np.isin(held, sides)) if sides else np.empty(0, np.intp)
        facts = self._facts(indices, clock)
        closed, ended = recorder.ended.of(sides, clock.ktime - LATELY * SECOND)
        ended = ended[: max(_ENDED, MOST - len(indices))]
        signs = troubles(facts)
        rows = [
            row
            for at in most_telling(signs, facts, MOST - len(ended)).tolist()
            if (row := self._open(int(indices[at]), at, facts, signs, clock)) is not None
        ]
        rows += [self._over(end, clock) for end in ended]
        numbers = Counter(STATES[state] for state in facts.state.tolist() if state < len(STATES))
        return Inspected(subject, side, clock.now, dict(numbers), closed, tuple(rows))

    def _facts(self, indices: Array, clock: _Clock) -> Facts:
        recorder = self._recorder
        cold, live = recorder.kernel.slots.cold[indices], recorder.kernel.slots.live[indices]
        truths = cold["truths"].copy()
        truths[(truths["generation"] != live["generation"]) | (truths["at"] == 0)] = 0
        moved = np.maximum(recorder.moved[indices][:, (1, 3)], recorder.truths.booked[indices]).sum(axis=1)
        same = self._generation[indices] == live["generation"]
        passed = np.where(same, clock.ktime - self._seen[indices], 0) / SECOND
        lately = np.where(passed > 0, (moved - self._bytes[indices]) / np.maximum(passed, 1e-9), np.nan)
        took = ~same | (truths["copied_seq"] != self._copied[indices]) | (truths["unread"] == 0)
        self._taken[indices[took]] = clock.ktime
        self._generation[indices], self._bytes[indices] = live["generation"], moved
        self._copied[indices], self._seen[indices] = truths["copied_seq"], clock.ktime
        closing = cold["closing"].astype(np.int64)
        return Facts(
            cold["state"],
            truths,
            np.where(closing, clock.ktime - closing, 0) / SECOND,
            (clock.ktime - self._taken[indices]) / SECOND,
            moved,
            lately,
            recorder.kernel.hertz,
        )

    def _open(
        self, index: int, at: int, facts: Facts, signs: list[tuple[str, Array]], clock: _Clock
    ) -> told.Connection | None:
        recorder = self._recorder
        connection = recorder.connections.live.get(index)
        line = recorder.ledger.line_of(connection) if connection is not None else None
        if connection is None or line is None:
            return None
        slots = recorder.kernel.slots
        opened, rate = int(slots.cold["opened"][index]), float(facts.lately[at])
        state = STATES[int(facts.state[at])]
        # A socket that was closed, or never connected, and that its process holds on to.
        ended = how(int(slots.cold["flags"][index]), int(slots.cold["error"][index])) if state == "CLOSE" else None
        calls, booked = recorder.moved[index].tolist(), recorder.truths.booked[index].tolist()
        return told.Connection(
            **self._who(connection, line, int(slots.live["protocol"][index]), False),
            state=state,
            troubles=tuple(word for word, has in signs if has[at]),
            ended=ended,
            opened_at=None if connection.flags & OLDER else clock.at(opened),
            closed_at=None,
            counted_since=clock.at(opened),
            write_calls=calls[0],
            write_bytes=max(calls[1], booked[0]),
            read_calls=calls[2],
            read_bytes=max(calls[3], booked[1]),
            bytes_rate=None if np.isnan(rate) else rate,
            **_of_tcp(facts.truths[at], recorder.kernel.hertz),
        )

    def _over(self, end: End, clock: _Clock) -> told.Connection:
        half = end.half
        truths, flags = half["truths"], half["flags"]
        calls = end.moved
        sent, received = calls[1], calls[3]
        if truths["at"][0] and are_exact(flags).all():
            own = (totals(truths) - totals(half["base"]))[0].tolist()
            sent, received = max(sent, own[0]), max(received, own[1])
        opened = int(half["opened"][0])
        return told.Connection(
            **self._who(end.connection, end.line, end.word, True),
            state=STATES[int(half["state"][0])],
            troubles=(),
            ended=end.how,
            opened_at=None if end.connection.flags & OLDER else clock.at(opened),
            closed_at=clock.at(end.at),
            counted_since=clock.at(opened),
            write_calls=calls[0],
            write_bytes=sent,
            read_calls=calls[2],
            read_bytes=received,
            **_of_tcp(truths[0], self._recorder.kernel.hertz),
        )

    def _who(self, connection: Connection, line: Line, word: int, closed: bool) -> dict[str, Any]:
        found = label_of(word, self._recorder.kernel.protocols, closed)
        shown = line.label if found is UNKNOWN or found == UNKNOWN else found
        owner = line.server if connection.role == SERVER else line.client
        return {
            "local": address_text(connection.local, connection.local_port),
            "remote": address_text(connection.remote, connection.remote_port),
            "pid": connection.tgid or None,
            "process": owner.name if owner is not None else connection.comm,
            "label": label("tcp", shown.protocol, shown.security),
        }


def _sides(line: Line, wanted: Callable[[Owner], bool] | None) -> Iterator[tuple[SideName, list[int]]]:
    """The sides of an edge that are of this host, and whose connections may be told of."""
    for which, owner in ((CLIENT_SIDE, line.client), (SERVER_SIDE, line.server)):
        if owner is not None and (wanted is None or wanted(owner)):
            yield _SIDES[which], [2 * line.number + which]


def _of_tcp(truths: Any, hertz: int | None) -> dict[str, Any]:
    """A reading of the connection's own numbers; None where there is none."""
    if not truths["at"]:
        return {}
    least = int(truths["min_rtt_us"])
    found: dict[str, Any] = {
        # Before the first sample there is no round trip, and none of 0.
        **{name: int(truths[name]) or None for name in ("srtt_us", "rttvar_us")},
        "min_rtt_us": None if least in (0, UNKNOWN_RTT) else least,
        **{name: int(truths[name]) for name in _PLAIN},
        "unacked_bytes": int(truths["unacked"]),
        "unread_bytes": int(truths["unread"]),
    }
    if hertz is not None:
        found |= {f"{name}_us": int(truths[name]) * 1_000_000 // hertz for name in _JIFFIES}
    return found


_PLAIN = (
    "segments_out", "retransmitted", "retransmitted_bytes", "lost", "out_of_order", "zero_window_probes",
)  # fmt: skip
_JIFFIES = ("busy", "rwnd_limited", "sndbuf_limited")
