"""How reports reach the server, for whoever asks the agent."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Delivery:
    """In batches. `dropped`: of seconds that are a gap now; `refused`: those that the server can never store."""

    acknowledged: int
    waiting: int
    waiting_bytes: int
    dropped: int
    refused: int
    trouble: str | None
