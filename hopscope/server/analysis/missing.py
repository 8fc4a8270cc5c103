"""What of a window a host did not see, and why, in words. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

UNDER_WAY = 3
"""Seconds after which a second is stored in any case: the newest of a window that ends now are still on their way."""
_ENOUGH = 0.99
Row = Mapping[str, Any]


def missing(row: Row, under_way: float) -> list[str]:
    """A sentence for each thing that was not seen; none: all was.

    `row`: seconds_asked, seconds_recorded, gaps, amounts by name, state, unknown_rows.
    `under_way`: seconds that may still come.
    """
    return [*_seconds(row, under_way), *_connections(row["state"] or {}), *_lost(row["amounts"]), *_newer(row)]


def _seconds(row: Row, under_way: float) -> Iterator[str]:
    asked, recorded = row["seconds_asked"], row["seconds_recorded"]
    if recorded + under_way >= _ENOUGH * asked:
        return
    # An agent that has nothing to trace reports all the same, and says so.
    idle = row["amounts"].get("seconds.asked", recorded) - recorded
    causes = {gap["cause"]: None for gap in row["gaps"]}
    why = "nobody asked for more" if idle > under_way else ", ".join(causes) or "its agent did not report"
    yield f"{recorded:.0f} of {asked} seconds were recorded: {why}"


def _connections(state: Row) -> Iterator[str]:
    held = state.get("connections") or {}
    own, every = held.get("own_slot", 0), held.get("all", 0)
    if own < every:
        yield f"{own} of {every} connections are in detail, the others in sums of their processes"
    for who, why in (state.get("not_traced") or {}).items():
        yield f"{who} is not traced: {why}"
    yield from map(str, state.get("warnings") or ())


def _newer(row: Row) -> Iterator[str]:
    if many := row["unknown_rows"]:
        yield f"{many} {'row has' if many == 1 else 'rows have'} no name here: the agent is newer"


def _lost(amounts: Mapping[str, float]) -> Iterator[str]:
    if many := amounts.get("peers_aggregated"):
        yield f"{many:.0f} connections had peers beyond the limit of their process and are counted by network"
    if rows := amounts.get("over_limit.rows"):
        yield f"{rows:.0f} rows were left out: more lines or labels than one agent may tell of in an hour"
    lost = {name.removeprefix("lost."): number for name, number in amounts.items() if name.startswith("lost.")}
    if parts := [f"{name.replace('_', ' ')} {number:.0f}" for name, number in sorted(lost.items()) if number]:
        yield f"lost: {', '.join(parts)}"
