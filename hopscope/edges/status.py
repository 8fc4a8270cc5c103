"""What an agent says of itself: mode, tasks, and how its reports reach the server. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Delivery:
    """Reports on their way to `server`, in batches.

    `dropped`: of seconds that are a gap now; `refused`: those that can never be stored; `trouble`: why it does not take
    them now.
    """

    server: str
    acknowledged: int
    waiting: int
    waiting_bytes: int
    dropped: int
    refused: int
    trouble: str | None


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """A task that runs on this host. `ends`, `since`: Unix time by its clock; `groups`: traced process groups."""

    id: str
    service: str
    instance: str
    ends: float
    since: float
    groups: int
    not_traced: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AgentStatus:
    """A running agent. `recording`: whether its programs are on their hooks now; `delivery`: None without a server."""

    pid: int
    mode: str
    recording: bool
    looks: int
    tasks: tuple[TaskStatus, ...]
    delivery: Delivery | None

    def to_dict(self) -> dict[str, Any]:
        """The same for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> AgentStatus:
        """Reads what `to_dict` wrote. Raises TypeError."""
        tasks = tuple(TaskStatus(**task) for task in data["tasks"])
        delivery = Delivery(**data["delivery"]) if data["delivery"] is not None else None
        return cls(**{**data, "tasks": tasks, "delivery": delivery})


def doing(status: AgentStatus) -> str:
    """What an agent does now, in a few words."""
    words = status.mode if status.recording else f"{status.mode}, at rest"
    if status.tasks:
        words += f", {len(status.tasks)} task{'s' if len(status.tasks) != 1 else ''}"
    return words


def reports(delivery: Delivery | None) -> str:
    """How reports fare, in a sentence."""
    if delivery is None:
        return "nothing is reported: the agent has no server"
    lost = delivery.dropped + delivery.refused
    if delivery.trouble is None:
        words = [f"{delivery.server} takes the reports"]
    else:
        words = [f"{delivery.waiting} reports wait for {delivery.server}: {delivery.trouble}"]
    if lost:
        words.append(f"{lost} lost: their seconds are marked as gaps")
    return ", ".join(words)
