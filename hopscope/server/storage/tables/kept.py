"""How long rows are kept, by how finely they divide time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hopscope.settings import ServerSettings

Step = Literal["1s", "1m", "1h"]
Kept = Literal["1s", "1m", "1h", "task"]
"""As long as rows of a step, or as the seconds of a task."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """How one step is kept. `start`: the function that finds the step of a moment."""

    step: Step
    seconds: int
    partition: str
    start: str


RESOLUTIONS = (
    Resolution("1s", 1, "toStartOfHour(ts)", "toStartOfSecond"),
    Resolution("1m", 60, "toDate(ts)", "toStartOfMinute"),
    Resolution("1h", 3600, "toYYYYMM(ts)", "toStartOfHour"),
)
BY_STEP = {resolution.step: resolution for resolution in RESOLUTIONS}


@dataclass(frozen=True, slots=True)
class Retention:
    """Hours that the rows of a second, a minute, an hour, and of a second of a task are kept."""

    seconds: int
    minutes: int
    hours: int
    tasks: int = 7 * 24

    @classmethod
    def of(cls, settings: ServerSettings) -> Retention:
        """As the settings say; what is coarser is kept at least as long as what is finer."""
        minutes = max(settings.retention_hours, 24 * settings.retention_days_minutes)
        hours = max(minutes, 24 * settings.retention_days_hours)
        return cls(settings.retention_hours, minutes, hours, settings.task_retention_hours)

    def hours_of(self, step: Kept) -> int:
        """Hours that rows of a step are kept."""
        return {"1s": self.seconds, "1m": self.minutes, "1h": self.hours, "task": self.tasks}[step]
