"""From the sums of a window to the profile that is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from hopscope.agent.books import COLUMN, TRUTHS, Grown, Reading
from hopscope.agent.connections import Owner
from hopscope.agent.ledger import CLIENT_SIDE, SERVER_SIDE, Line
from hopscope.agent.listeners import Key
from hopscope.agent.recorder import Recorder
from hopscope.agent.truths import UNKNOWN_RTT
from hopscope.edges import model
from hopscope.edges.histogram import triples
from hopscope.edges.label import label

_JIFFIES = ("busy", "rwnd_limited", "sndbuf_limited")


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a window starts: the sums at that moment."""

    time: float
    reading: Reading
    lost: Mapping[str, int]
    heard: Mapping[Key, tuple[int, int]]
    connections: int
    recorded: float
    gauges: Mapping[int, tuple[float, ...]]


def mark(
    recorder: Recorder, now: float, recorded: float, gauges: Mapping[int, tuple[float, ...]] | None = None
) -> Mark:
    """A window starts here. `recorded`: seconds that were recorded in all until now."""
    reading = recorder.books.read()
    return Mark(
        now, reading, losses(recorder), recorder.listeners.sums(), recorder.seen_connections, recorded, gauges or {}
    )


def losses(recorder: Recorder) -> dict[str, int]:
    """What each ring and table could not take, since the start."""
    return {
        **recorder.kernel.lost(),
        "times_without_edge": recorder.rows.unattributed,
        "connections_without_process": recorder.without_owner,
        "drops_without_edge": recorder.unknown_drops + recorder.strays.unknown,
        "peers_aggregated": recorder.ledger.peers.aggregated,
    }


class Assembly:
    """The profile of one window, until now."""

    def __init__(
        self,
        recorder: Recorder,
        start: Mark,
        now: float,
        recorded: float,
        not_traced: Mapping[str, str] | None = None,
    ) -> None:
        self._recorder, self._start, self._now, self._recorded = recorder, start, now, recorded
        self._not_traced = not_traced or {}
        self._grown: Grown = recorder.books.since(start.reading)
        self._gauges = recorder.truths.gauges(recorder.side)
        active = recorder.side[recorder.active & (recorder.side >= 0)]
        self._active = np.bincount(active, minlength=2 * len(recorder.ledger))
        self._absent: set[str] = set()
        self._wanted: Callable[[Owner], bool] | None = None
        self._call = recorder.kernel.choice.rung.time == "call_ns"

    def profile(
        self,
        probes: Mapping[str, model.Probe],
        changed_only: bool = False,
        wanted: Callable[[Owner], bool] | None = None,
    ) -> model.Profile:
        """All edges, or those on which something happened or a gauge moved since the window before, and of which an
        end is wanted."""
        self._absent = {name for name, probe in probes.items() if probe.rung is None and "." not in name}
        self._wanted = wanted
        lines = [line for line in self._recorder.ledger if not changed_only or self._has_changed(line)]
        if wanted is not None:
            lines = [line for line in lines if any(it and wanted(it) for it in (line.client, line.server))]
        seconds = round(max(0.0, self._now - self._start.time), 6)
        return model.Profile(
            self._recorder.processes.host,
            model.Window(datetime.fromtimestamp(self._start.time, UTC).isoformat(), seconds),
            tuple(self._edge(line) for line in lines),
            tuple(self._listeners()),
            self._completeness(seconds),
            probes,
        )

    def gauges(self) -> dict[int, tuple[float, ...]]:
        """What is told apart to see whether a gauge of an edge moved."""
        return {line.number: self._state(line) for line in self._recorder.ledger}

    def _state(self, line: Line) -> tuple[float, ...]:
        sides = 2 * line.number, 2 * line.number + 1
        return tuple(
            float(values[side]) if side < len(values) else 0.0
            for values in (self._active, *self._gauges.values())
            for side in sides
        )

    def _has_changed(self, line: Line) -> bool:
        sides = self._grown.sides[2 * line.number : 2 * line.number + 2]
        return bool(sides.any()) or self._start.gauges.get(line.number) != self._state(line)

    def _edge(self, line: Line) -> model.Edge:
        first, second = 2 * line.number, 2 * line.number + 1
        opened = [self._column(side, "opened") for side in (first, second)]
        closed = [self._column(side, "closed") for side in (first, second)]
        since = self._start.reading.tick
        pids = line.processes(CLIENT_SIDE, since), line.processes(SERVER_SIDE, since)
        shown = line.label
        return model.Edge(
            line.id,
            end(line.client, pids[0], line.client_address),
            end(line.server, pids[1], line.dialed, line.listen),
            "tcp",
            shown.protocol,
            shown.security,
            label("tcp", shown.protocol, shown.security),
            model.Connections(
                max(opened),
                max(closed),
                max(self._active_of(first), self._active_of(second)),
                dict(self._grown.reasons.get(first, {}).get("failed", {})),
            ),
            self._side(first, "connect", bool(pids[0])),
            self._side(second, "accept", bool(pids[1])),
            {"sni": tuple(sorted(line.sni)), "alpn": tuple(sorted(line.alpn))} if line.sni or line.alpn else None,
            any(owner is not None and owner.own for owner in (line.client, line.server)),
        )

    def _active_of(self, side: int) -> int:
        return int(self._active[side]) if side < len(self._active) else 0

    def _column(self, side: int, name: str) -> int:
        return int(self._grown.counts[side, COLUMN[name]])

    def _timed(self, side: int, kind: str, field: str) -> dict[str, Any]:
        timed = self._column(side, kind + "_timed")
        if not timed:
            return {}
        found = self._grown.histograms.get((side, kind))
        return {
            field: self._column(side, kind + "_ns"),
            "timed": timed,
            "histogram": triples(found.tolist()) if found is not None else None,
        }

    def _side(self, side: int, opening: str, here: bool) -> model.Side | None:
        if not here and not self._grown.sides[side]:
            return None
        reasons = self._grown.reasons.get(side, {})
        moving = "call_ns" if self._call else "time_ns"
        rtt = self._column(side, "write_rtt_timed")
        drops, resets = reasons.get("drop", Counter()), reasons.get("reset", Counter())
        queued = self._column(side, "queue_timed")
        metrics = {
            "write": model.Value(
                self._column(side, "write_calls"),
                self._column(side, "write_bytes"),
                **self._timed(side, "write", moving),
            ),
            "read": model.Value(
                self._column(side, "read_calls"), self._column(side, "read_bytes"), **self._timed(side, "read", moving)
            ),
            "write_rtt": model.Value(rtt, **self._timed(side, "write_rtt", "time_ns")),
            opening: model.Value(
                self._column(side, "opened"),
                call_ns=self._call_of(side, "connect_call") if opening == "connect" else None,
                queue_ns=self._column(side, "queue_ns") if queued and opening == "accept" else None,
                **self._timed(side, opening, "time_ns"),
            ),
            "close": model.Value(
                self._column(side, "closed"),
                call_ns=self._call_of(side, "close_call"),
                **self._timed(side, "close", "time_ns"),
            ),
            "retransmit": model.Value(self._column(side, "retransmitted"), self._column(side, "retransmitted_bytes")),
            "drop": model.Value(
                sum(number for name, number in drops.items() if not name.startswith("tidy_up.")),
                reasons=dict(drops) or None,
            ),
            "reset": model.Value(resets.total(), reasons=dict(resets) or None),
        }
        return model.Side({name: it for name, it in metrics.items() if name not in self._absent}, self._tcp(side))

    def _call_of(self, side: int, kind: str) -> int | None:
        return self._column(side, kind + "_ns") if self._column(side, kind + "_timed") else None

    def _tcp(self, side: int) -> dict[str, float]:
        hertz = self._recorder.kernel.hertz
        tcp: dict[str, float] = {}
        held = {name: float(v[side]) if side < len(v) else 0.0 for name, v in self._gauges.items()}
        readings = held["readings"] + self._column(side, "rtt_readings")
        if readings:
            tcp["srtt"] = round((held["srtt"] + self._column(side, "srtt_sum")) / readings, 1)
            tcp["rttvar"] = round((held["rttvar"] + self._column(side, "rttvar_sum")) / readings, 1)
        least = min(held["min_rtt"] or UNKNOWN_RTT, self._grown.least.get(side, UNKNOWN_RTT))
        if least < UNKNOWN_RTT:
            tcp["min_rtt"] = int(least)
        for name in TRUTHS:
            number = self._column(side, name)
            if name not in _JIFFIES:
                tcp[name] = number
            elif hertz is not None:
                tcp[name] = number * 1_000_000 // hertz
        return tcp

    def _listeners(self) -> Iterator[model.Listener]:
        for key, heard in self._recorder.listeners.heard.items():
            if self._wanted is not None and not self._wanted(heard.owner):
                continue
            overflows, synacks = self._start.heard.get(key, (0, 0))
            process = end(heard.owner, heard.pids, heard.address)
            yield model.Listener(
                process, heard.address, heard.queue, heard.limit, heard.overflows - overflows, heard.synacks - synacks
            )

    def _completeness(self, seconds: float) -> dict[str, Any]:
        recorder, start = self._recorder, self._start
        own = int(np.count_nonzero(recorder.side[: recorder.kernel.limits.slots] >= 0))
        lost = {name: number - start.lost.get(name, 0) for name, number in losses(recorder).items()}
        without, aggregated = lost.pop("enrolments", 0), lost.pop("peers_aggregated")
        seen = recorder.seen_connections - start.connections
        found: dict[str, Any] = {
            "seconds": {"asked": seconds, "recorded": round(min(seconds, self._recorded - start.recorded), 6)},
            "connections": {"own_slot": own + seen, "all": own + seen + without},
            "lost": {name: number for name, number in lost.items() if number},
            "peers_aggregated": aggregated,
            "not_traced": dict(self._not_traced),
        }
        if (warning := recorder.processes.warning()) is not None:
            found["warnings"] = [warning]
        return found


def end(owner: Owner | None, pids: Iterable[int], address: str, listen: str | None = None) -> model.End:
    """One end of a line."""
    if owner is None:
        return model.End(None, None, None, None, None, (), address, listen)
    where = owner.service, owner.instance, owner.container
    pids = tuple(sorted(pids))
    return model.End(
        owner.id, owner.name, *where, pids, address, listen, owner.cgroup, owner.layer, dict(owner.labels) or None
    )
