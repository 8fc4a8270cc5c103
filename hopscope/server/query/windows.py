"""Which table answers a window exactly. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hopscope.server.storage.tables.kept import RESOLUTIONS, Resolution, Retention, Step

LONGEST = 400 * 86400
SECONDS_LIMIT, MINUTES_LIMIT = 900, 2 * 86400


@dataclass(frozen=True, slots=True)
class Span:
    """Whole seconds, Unix time, half-open."""

    start: int
    end: int

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.end - self.start

    def widened(self, step: int) -> Span:
        """The whole steps that it touches."""
        return Span(self.start // step * step, -(-self.end // step) * step)


def asked(window: Mapping[str, Any], now: float) -> Span:
    """The window of a question. Raises ValueError."""
    last, start, end = window.get("last"), window.get("from"), window.get("to")
    if (last is None) == (start is None and end is None):
        raise ValueError("a window is either `from` and `to`, or `last`")
    if last is not None:
        span = Span(int(now) - last, int(now))
    elif start is None or end is None:
        raise ValueError("a window needs both `from` and `to`")
    else:
        span = Span(int(start.timestamp()), int(end.timestamp()))
    if not 0 < span.seconds <= LONGEST:
        raise ValueError(f"a window of {span.seconds} seconds; from 1 to {LONGEST} are possible")
    if not 0 < span.start < span.end < 1 << 32:
        raise ValueError("a window outside of time")
    return span


@dataclass(frozen=True, slots=True)
class Cut:
    """A window as the rows of one or more tables make it up exactly: each table with its part of the window.

    `of_task`: the seconds are those that were kept longer for a task.
    """

    span: Span
    pieces: tuple[tuple[Resolution, Span], ...]
    of_task: bool = False

    @classmethod
    def one(cls, resolution: Resolution, span: Span) -> Cut:
        """A window from one table."""
        return cls(span, ((resolution, span),))

    @property
    def step(self) -> Step:
        """The coarsest of its tables."""
        return max((resolution for resolution, _ in self.pieces), key=lambda it: it.seconds).step

    def rows(self, table: str, condition: str = "1") -> str:
        """What to put behind FROM to read the rows of `table` in the window that meet a condition."""
        parts = [
            f"SELECT * FROM {table}_{'kept FINAL' if self.of_task else resolution.step}"
            f" WHERE ts >= toDateTime({span.start}) AND ts < toDateTime({span.end}) AND ({condition})"
            for resolution, span in self.pieces
        ]
        return f"({' UNION ALL '.join(parts)})"


def best(span: Span, now: float, retention: Retention) -> tuple[Resolution, Span]:
    """The coarsest table whose rows make up the window exactly; where seconds are gone, that of minutes, then of hours,
    and the window in whole steps of it."""
    for resolution in reversed(RESOLUTIONS):
        if span.widened(resolution.seconds) == span:
            break
    coarse = kept(span, now, retention, resolution.seconds)
    return coarse, span.widened(coarse.seconds)


def few_rows(span: Span, now: float, retention: Retention) -> Cut:
    """A window from as few rows as possible: whole minutes beyond SECONDS_LIMIT, whole hours beyond MINUTES_LIMIT; what
    lies inside from coarser tables, the rest from finer ones."""
    least = 1 if span.seconds <= SECONDS_LIMIT else 60 if span.seconds <= MINUTES_LIMIT else 3600
    finest = kept(span, now, retention, least)
    whole = span.widened(finest.seconds)
    coarser = next((it for it in RESOLUTIONS if it.seconds > finest.seconds), None)
    if coarser is None:
        return Cut.one(finest, whole)
    size = coarser.seconds
    inner = Span(-(-whole.start // size) * size, whole.end // size * size)
    if inner.start >= inner.end:
        return Cut.one(finest, whole)
    parts = ((finest, Span(whole.start, inner.start)), (coarser, inner), (finest, Span(inner.end, whole.end)))
    return Cut(whole, tuple((table, part) for table, part in parts if part.seconds))


def kept(span: Span, now: float, retention: Retention, least: int) -> Resolution:
    """The finest table of steps of at least `least` seconds that still has the window."""
    for resolution in RESOLUTIONS:
        if resolution.seconds >= least and span.start >= now - 3600 * retention.hours_of(resolution.step):
            return resolution
    return RESOLUTIONS[-1]


def text(second: float) -> str:
    """A moment in ISO 8601."""
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")
