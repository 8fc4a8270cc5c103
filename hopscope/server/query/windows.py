"""Which table answers a window exactly. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hopscope.server.storage.tables.kept import BY_STEP, RESOLUTIONS, Resolution, Retention

LONGEST = 400 * 86400
MOST_POINTS = 11_000


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


def best(span: Span, now: float, retention: Retention) -> tuple[Resolution, Span]:
    """The coarsest table whose rows make up the window exactly; where seconds are gone, that of minutes, then of hours,
    and the window in whole steps of it."""
    for resolution in reversed(RESOLUTIONS):
        if span.widened(resolution.seconds) == span:
            break
    for coarser in RESOLUTIONS:
        if coarser.seconds >= resolution.seconds and span.start >= now - 3600 * retention.hours_of(coarser.step):
            return coarser, span.widened(coarser.seconds)
    return BY_STEP["1h"], span.widened(3600)


def text(second: float) -> str:
    """A moment in ISO 8601."""
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")
