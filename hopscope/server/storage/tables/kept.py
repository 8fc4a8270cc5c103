"""How long rows are kept, by how finely they divide time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hopscope.settings import ServerSettings

Step = Literal["1s", "1m", "1h"]


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
    """Hours that the rows of a second, a minute and an hour are kept."""

    seconds: int
    minutes: int
    hours: int

    @classmethod
    def of(cls, settings: ServerSettings) -> Retention:
        """As the settings say; what is coarser is kept at least as long as what is finer."""
        minutes = max(settings.retention_hours, 24 * settings.retention_days_minutes)
        return cls(settings.retention_hours, minutes, max(minutes, 24 * settings.retention_days_hours))

    def hours_of(self, step: Step) -> int:
        """Hours that rows of a step are kept."""
        return {"1s": self.seconds, "1m": self.minutes, "1h": self.hours}[step]
