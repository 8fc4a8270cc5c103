"""The process topology of an instance."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from hopscope.edges.histogram import percentile
from hopscope.server.access.identity import Caller
from hopscope.server.analysis.columns import floats
from hopscope.server.analysis.line_figures import Figures, figures, of_rows
from hopscope.server.analysis.lines import Verdict
from hopscope.server.analysis.sums import Sums
from hopscope.server.analysis.topology import Places
from hopscope.server.query.alive import Alive
from hopscope.server.query.drawn import Drawn, DrawnLine, drawn, spoken
from hopscope.server.query.entities import Entities
from hopscope.server.query.figures import side
from hopscope.server.query.kept_longer import KeptLonger
from hopscope.server.query.lines import Lines
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, Row, hosts_of, window_of
from hopscope.server.query.windows import SECONDS_LIMIT, Cut, asked, few_rows, text

MOST_EDGES = 5000


class Topology:
    """Query.topology."""

    def __init__(self, reader: Reader, lines: Lines, entities: Entities, kept_longer: KeptLonger) -> None:
        self._kept_longer = kept_longer
        self._reader = reader
        self._lines = lines
        self._entities = entities
        self._alive = Alive(reader)
        self.fields: Fields = {
            "Query": {"topology": self.topology},
            "Topology": {"instance": lambda it: it["_instance"]()},
            "Node": {"process": lambda it: it["_process"]()},
            "TopologyEdge": {"metrics": lambda it: it["_metrics"](), "since": lambda it: it["_since"]()},
        }

    def topology(self, _: Caller, instance: str, window: Mapping[str, Any], own: bool = False) -> dict[str, Any]:
        """See `Query.topology` in the schema."""
        now = time.time()
        name = self._alive.meant(instance)
        span = asked(window, now)
        few = few_rows(span, now, self._reader.retention)
        of_task = self._kept_longer.cut(span, [name], now) if span.seconds <= SECONDS_LIMIT else None
        cut = of_task or few
        drawing = drawn(self._reader, name, cut.span, own)
        sums = self._lines.sums(cut, drawing.halves)
        measured = figures(sums, drawing.halves_of)
        shown = measured.largest(drawing.ids)[:MOST_EDGES]
        lines = [drawing.lines[number] for number in drawing.ids[shown].tolist()]
        hosts = {host for line in lines for host in line.told}
        own_processes = drawing.known.own.values()
        completeness = self._reader.completeness(cut, hosts | hosts_of(own_processes, cut.span))
        answer = _Answer(self._reader, self._lines, drawing, cut, sums, completeness)
        present = {node for line in lines for node in line.ends}
        return {
            "_instance": cache(lambda: self._entities.shown(name)),
            "window": window_of(cut.span),
            "step": cut.step,
            "nodes": [node for identity, node in drawing.nodes.items() if identity in present],
            "groups": _groups(drawing.places, present),
            "edges": answer.edges(measured.of(shown), lines),
            "total": int(measured.seen.sum()),
            "places": {"inside": drawing.inside},
            "completeness": completeness,
            "agent_silent_seconds": self._alive.silent_seconds({row["host"] for row in own_processes}, now),
        }


def _groups(places: Places, present: set[str]) -> list[dict[str, Any]]:
    return [
        {"id": it.id, "name": it.name, "kind": it.kind, "side": it.side, "ordinal": it.ordinal}
        for it in places.groups.values()
        if any(node.id in present for node in it.nodes)
    ]


class _Answer:
    """The edges of one answer, and what few requests select, read once for all of them."""

    def __init__(
        self, reader: Reader, lines: Lines, drawing: Drawn, cut: Cut, sums: Sums, completeness: Iterable[Row]
    ) -> None:
        self._reader, self._lines, self._drawing, self._cut, self._sums = reader, lines, drawing, cut, sums
        self._seconds = {row["id"]: row["seconds_recorded"] for row in completeness}
        shares = {row["id"]: _share(row) for row in completeness}
        self._share = cache(lambda told: min((shares.get(host, 0.0) for host in told), default=0.0))
        self._recorded = cache(lambda hosts: float(max(self._seconds.get(host, 0.0) for host in hosts)))
        self._rows = cache(lambda: self._by_side(reader.rows(list(drawing.halves), cut)))
        self._probes = cache(reader.probes)

    def edges(self, measured: Figures, lines: Sequence[DrawnLine]) -> list[dict[str, Any]]:
        """See `TopologyEdge` in the schema; the figures of some lines."""
        judged = self._judged(measured, lines)
        bad = {line.id: verdict.name for line, (verdict, _) in zip(lines, judged, strict=True) if verdict.bad}
        # What began in the other half of a line is seen in its own half, too.
        since = cache(lambda: self._lines.since(bad, self._cut.span.end, self._drawing.halves))
        logged = self._reader.logged_of(self._drawing.open, self._cut.span)
        recorded = np.array([self._recorded(line.hosts) for line in lines])
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = [floats(np.where(recorded > 0, of / recorded, np.nan)) for of in (measured.writes, measured.bytes)]
        columns = {
            "rate": rates[0],
            "bytes_rate": rates[1],
            "p99_ns": floats(measured.p99),
            "retransmit_share": floats(measured.resent),
            "client_seen": measured.client_seen.tolist(),
            "server_seen": measured.server_seen.tolist(),
            "last_traffic": _moments(measured.moved),
        }
        held = zip(measured.opened.tolist(), measured.closed.tolist(), measured.active.tolist(), strict=True)
        made = []
        for line, (verdict, failed), (opened, closed, active), *values in zip(
            lines, judged, held, *columns.values(), strict=True
        ):
            said = self._drawing.words(line, logged)
            edge = {**line.fields, **spoken(said)} if said else dict(line.fields)
            edge.update(zip(columns, values, strict=True))
            edge.update(
                state=verdict.name, reasons=verdict.reasons, brief=verdict.brief,
                connections={"opened": opened, "closed": closed, "active": active, "failed": failed},
                seen_share=self._share(line.told),
                overflow=opened + active if line.rest else 0,
                _since=partial(_at, since, line.id) if verdict.bad else _nothing,
                _metrics=partial(self._metrics, line),
            )  # fmt: skip
            made.append(edge)
        return made

    def _judged(self, measured: Figures, lines: Sequence[DrawnLine]) -> list[tuple[Verdict, list[dict[str, Any]]]]:
        """The verdict of each line, and its connects that failed, by cause."""
        judged: list[tuple[Verdict, list[dict[str, Any]]]] = [(_PLAIN[name], []) for name in measured.plain.tolist()]
        (places,) = np.nonzero((measured.plain == "") | (measured.failed > 0))
        some = [lines[place].halves for place in places.tolist()]
        for place, line in zip(places.tolist(), of_rows(self._sums, self._drawing.halves, some), strict=True):
            failed = [{"reason": cause, "count": count} for cause, count in line.connections().failed.items()]
            judged[place] = line.state(), failed
        return judged

    def _by_side(self, rows: Iterable[Row]) -> dict[tuple[int, int], list[Row]]:
        found: dict[tuple[int, int], list[Row]] = {}
        for row in rows:
            found.setdefault((row["line"], row["side"]), []).append(row)
        return found

    def _metrics(self, line: DrawnLine) -> list[dict[str, Any]]:
        made = []
        sides = zip(("client", "server"), line.halves, line.hosts, strict=True)
        for number, (name, half, host) in enumerate(sides, 1):
            rows = self._rows().get((half, number))
            if rows:
                found = side(rows, name, self._seconds.get(host, 0.0), self._probes().get(host, {}))
                made += [{"side": name, **_brief(value)} for value in found["values"]]
        return made


def _brief(value: Row) -> dict[str, Any]:
    kept = ("metric", "count", "bytes", "rate", "average_ns", "why_not")
    p99 = percentile(value["histogram"], 0.99) if value["histogram"] else None
    return {**{name: value.get(name) for name in kept}, "p99_ns": p99}


_PLAIN: dict[str, Verdict] = {"none": Verdict("none"), "healthy": Verdict("healthy"), "": Verdict("none")}


def _moments(seconds: Any) -> list[str | None]:
    """What each is called; 0 is never."""
    known, place = np.unique(seconds, return_inverse=True)
    called = [text(second) if second else None for second in known.tolist()]
    return [called[number] for number in place.tolist()]


def _nothing() -> None:
    """Since when a line is bad that is not."""


def _at(found: Callable[[], Mapping[int, str]], line: int) -> str | None:
    return found().get(line)


def _share(row: Row) -> float:
    """Of the seconds and of the connections, how many were seen on a host."""
    seconds = min(1.0, row["seconds_recorded"] / row["seconds_asked"]) if row["seconds_asked"] else 0.0
    held = (row["state"] or {}).get("connections") or {}
    connections = held["own_slot"] / held["all"] if held.get("all") else 1.0
    return float(seconds * connections)
