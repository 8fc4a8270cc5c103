"""The single connections of a side as a sentence and a table, for `hopscope connections` and the live view."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hopscope.cli import remote
from hopscope.cli.figures import NONE, amount, duration, shorten, size

if TYPE_CHECKING:
    from rich.text import Text

    from hopscope.edges.connection import Connection, ConnectionsSeen

HEADINGS = (
    "LOCAL → REMOTE", "PID", "STATE", ">AGE", ">SENT", ">RCVD", ">RTT", ">LEAST?", ">RETR", "LABEL?", ">B/s?", "WHAT",
)  # fmt: skip
"""As `remote.table` reads them."""


def head(side: ConnectionsSeen) -> str:
    """How many there are, of which side."""
    who = f"{side.side} side" if side.side else "process"
    if side.why_not is not None:
        return f"The {who} on {side.host}: not supported, because {side.why_not}."
    if side.at is None:
        return f"The {who} on {side.host}: its agent has not answered yet."
    return f"The {who} on {side.host} at {remote.clock(side.at)}: {_counted(side)}."


def _counted(side: ConnectionsSeen) -> str:
    """`2134 open (2130 ESTABLISHED, 4 CLOSE_WAIT), 100 of them here; 3 ended lately`."""
    states = ", ".join(f"{it.count} {it.state}" for it in side.states)
    here = sum(it.ended is None for it in side.connections)
    words = f"{side.open} open" + (f" ({states})" if states else "")
    words += f", {here} of them here" if here < side.open else ""
    return words + (f"; {side.closed} ended lately" if side.closed else "")


def rows(side: ConnectionsSeen) -> list[Sequence[str]]:
    """A row for each connection."""
    return [_row(it, side.at) for it in side.connections]


def styles(side: ConnectionsSeen) -> list[str]:
    """Of each row: what is in trouble stands out, what has ended steps back."""
    return ["yellow" if it.troubles else "dim" if it.ended else "" for it in side.connections]


def text(side: ConnectionsSeen, width: int) -> Iterator[Text]:
    """The sentence and the table, a line each."""
    from rich.text import Text

    yield Text(head(side))
    if not side.connections:
        return
    held = [HEADINGS, *rows(side)]
    shown = remote.fitting(held, width)
    wide = {index: remote.width_of(held, index) for index in shown}
    # What is wrong is the last, and is cut at the line's end; names give way to it.
    rest = sum(wide[index] + 1 for index in shown[1:])
    wide[0] = max(remote.LEAST, min(wide[0], width - rest))
    for row, style in zip(held, ["bold", *styles(side)], strict=True):
        cells = (_cell(row[index], wide[index], HEADINGS[index], row is HEADINGS) for index in shown)
        line = Text(" ".join(cells).rstrip(), style)
        line.truncate(width, overflow="ellipsis")
        yield line


def _cell(said: str, width: int, heading: str, head: bool) -> str:
    cut = shorten(said.strip(">?") if head else said, width)
    return cut.rjust(width) if heading.startswith(">") else cut.ljust(width)


def _row(it: Connection, now: datetime | None) -> Sequence[str]:
    since = it.opened_at or it.counted_since
    age = ((it.closed_at or now or datetime.now(UTC)) - since).total_seconds()
    return (
        f"{it.local} → {it.remote}",
        str(it.pid or NONE),
        it.state,
        ("" if it.opened_at else ">") + duration(age * 1e9),
        size(it.write_bytes),
        size(it.read_bytes),
        _us(it.srtt_us),
        _us(it.min_rtt_us),
        amount(it.retransmitted),
        it.label,
        size(it.bytes_rate),
        "; ".join(_what(it)),
    )


def _us(us: int | None) -> str:
    return duration(None if us is None else us * 1000)


def _what(it: Connection) -> Iterator[str]:
    if it.ended is not None:
        yield it.ended
    yield from it.troubles
