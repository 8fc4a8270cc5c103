"""Profiling tasks as this host sees them: which instance is wanted until when, and how that goes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hopscope.agent.wishes import Wish


@dataclass(frozen=True, slots=True)
class Task:
    """A task that runs. `ends`: Unix time by this host's clock."""

    id: int
    service: str
    instance: str
    ends: float


@dataclass(frozen=True, slots=True)
class Progress:
    """How a task goes here. `since`: Unix time at which tracing for it began, 0: not yet; `groups`: process groups."""

    task: Task
    since: float
    groups: int
    not_traced: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Traced:
    """A task, what it wishes for, and since when it has that."""

    task: Task
    wish: Wish
    since: float = 0.0

    @classmethod
    def of(cls, task: Task) -> Traced:
        """One that begins."""
        return cls(task, Wish(instance=(task.service, task.instance)))
