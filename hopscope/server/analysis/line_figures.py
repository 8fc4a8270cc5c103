"""What many lines come to, as columns: for each line what analysis/lines would say of its rows. Pure.

Law: a state whose reasons are to be found is found there; here it is only told which lines are plain: too little was
seen of them, or nothing of what a reason counts.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from hopscope.edges import state as rules
from hopscope.server.analysis.lines import (
    BLEMISHES,
    CLIENT,
    FEWEST_FAILED,
    FEWEST_SAMPLES,
    ITSELF,
    SERVER,
    Line,
    lines,
    whole_line,
)
from hopscope.server.analysis.sums import SIDES, Cells, Sums


@dataclass(frozen=True, slots=True)
class Figures:
    """A value for each line. NaN: there is none. `plain`: healthy, none, or "" where the rules decide."""

    seen: Any
    client_seen: Any
    server_seen: Any
    writes: Any
    bytes: Any
    moved: Any
    p99: Any
    resent: Any
    opened: Any
    closed: Any
    active: Any
    failed: Any
    plain: Any

    def largest(self, ids: Any) -> Any:
        """The places of the lines that were seen, those that moved the most bytes first."""
        moved = np.nan_to_num(self.bytes)
        order = np.lexsort((ids, -moved))
        return order[self.seen[order]]

    def of(self, places: Any) -> Figures:
        """Those of some lines."""
        return Figures(*(getattr(self, field.name)[places] for field in fields(self)))


def figures(sums: Sums, halves: Any) -> Figures:
    """Of lines given as the places of their two halves, which may be the same, in the lines of the sums."""
    rows = _Rows(sums)
    client_half, server_half = ([rows.of(half, side) for side in range(3)] for half in halves.T)
    there = [np.any([row >= 0 for row in half], axis=0) for half in (client_half, server_half)]
    joined = there[0] & there[1] & (halves[:, 0] != halves[:, 1])
    far = there[1] & ~there[0]
    either = [np.where(far, theirs, mine) for mine, theirs in zip(client_half, server_half, strict=True)]
    client, server = either[CLIENT], np.where(joined, server_half[SERVER], either[SERVER])
    itself = np.where(joined & (either[ITSELF] < 0), server_half[ITSELF], either[ITSELF])
    other = np.where(joined, server_half[ITSELF], itself)
    opened, closed = (_most(rows, name, itself, other) for name in ("opened", "closed"))
    first = np.where(client >= 0, client, server)
    failed = rows.total("failed", itself)
    calls = rows.at("write_count") + rows.at("read_count")
    samples = np.maximum(rows.value(calls, client), rows.value(calls, server)) + opened + failed
    spotless = rows.spotless(client) & rows.spotless(server) & (failed == 0)
    few = (samples < FEWEST_SAMPLES) & (failed < FEWEST_FAILED)
    p99 = rows.p99()
    sent, again = ((rows.value(rows.at(name), client) + rows.value(rows.at(name), server)) for name in _RESENT)
    with np.errstate(divide="ignore", invalid="ignore"):
        resent = np.where(sent > 0, again / sent, np.nan)
    seen = first >= 0
    wrote = np.where(client >= 0, rows.value(rows.at("write_count"), client), rows.value(rows.at("read_count"), server))
    moved = rows.value(rows.at("write_bytes") + rows.at("read_bytes"), first)
    of_client = rows.value(p99, client, np.nan)
    return Figures(
        there[0] | there[1],
        client >= 0,
        server >= 0,
        np.where(seen, wrote, np.nan),
        np.where(seen, moved, np.nan),
        np.maximum(rows.value(rows.at("moved"), client), rows.value(rows.at("moved"), server)).astype(int),
        np.where(np.isnan(of_client), rows.value(p99, server, np.nan), of_client),
        resent,
        opened.astype(int),
        closed.astype(int),
        _latest(rows, itself, other).astype(int),
        failed.astype(int),
        np.where(few, "none", np.where(spotless, "healthy", "")),
    )


_RESENT = ("segments_out", "retransmit_count")


def of_rows(sums: Sums, ids: Any, pairs: Any) -> list[Line]:
    """Some lines, as their halves, each seen, from their rows."""
    held = lines(sums.of(np.searchsorted(np.array(ids, "<u8"), np.unique(np.array(pairs, "<u8")))).rows(ids))
    return [line for pair in pairs if (line := whole_line(held, pair)) is not None]


class _Rows:
    """The rows of sums by their keys."""

    def __init__(self, sums: Sums) -> None:
        self._sums = sums
        self._count = len(sums.keys)
        self._place = np.full(int(sums.keys.max(initial=-1)) + 1, -1)
        self._place[sums.keys] = np.arange(self._count)
        self._spotless: Any = None

    def of(self, lines: Any, side: int) -> Any:
        """The row of a side of each line; -1: there is none."""
        keys = lines * SIDES + side
        inside = keys < len(self._place)
        return np.where(inside, self._place[np.where(inside, keys, 0)] if len(self._place) else -1, -1)

    def at(self, name: str) -> Any:
        """A column, as floats."""
        return self._sums.values[name].astype("f8")

    def value(self, column: Any, rows: Any, nothing: float = 0.0) -> Any:
        """Of a column the value of each row, `nothing` where there is none."""
        return np.append(column, nothing)[rows]

    def total(self, name: str, rows: Any) -> Any:
        """Of a column of maps the sum of each row's counts."""
        cells: Cells = self._sums.values[name]
        return self.value(np.bincount(cells.rows, cells.counts, self._count), rows)

    def last(self, name: str, rows: Any) -> tuple[Any, Any]:
        """Of a column of latest values the seconds and the values."""
        seconds, values = self._sums.values[name]
        return self.value(seconds.astype("f8"), rows), self.value(values, rows)

    def p99(self) -> Any:
        """Of each row's round trips."""
        return self._sums.p99("rtt")

    def spotless(self, rows: Any) -> Any:
        """Whether each row has nothing that a reason counts; one that is not there has nothing."""
        if self._spotless is None:
            values = self._sums.values
            bad = np.any([values[name] != 0 for name in BLEMISHES], axis=0)
            for name in ("drop", "reset"):
                cells: Cells = values[name]
                if "" in cells.words:
                    bad[cells.rows[cells.keys == cells.words.index("")]] = True
            handshakes: Cells = values["handshake"]
            bad[handshakes.rows[handshakes.keys >= rules.SYN_RETRY_BUCKET]] = True
            bad |= values["srtt"] >= rules.QUEUEING_LEAST_US * np.maximum(1, values["srtt_count"])
            self._spotless = np.append(~bad, True)
        return self._spotless[rows]


def _most(rows: _Rows, name: str, itself: Any, other: Any) -> Any:
    column = rows.at(name)
    return np.rint(np.maximum(rows.value(column, itself), rows.value(column, other)))


def _latest(rows: _Rows, itself: Any, other: Any) -> Any:
    (mine, active), (theirs, far) = (rows.last("active", of) for of in (itself, other))
    later = (theirs > mine) | ((theirs == mine) & (far > active))
    return np.rint(np.where(later, far, active))
