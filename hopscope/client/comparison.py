"""What changed between two windows: the types of `Client.compare`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hopscope.client.answers import Completeness, Window
from hopscope.client.frames import Rows

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Change:
    """What is different on a line between two windows, A and B. `sure`: how far beyond chance, in standard errors."""

    edge: str
    client: str
    server: str
    client_name: str
    server_name: str
    label: str
    kind: Literal["new", "gone", "changed"]
    metric: str
    a: float | None
    b: float | None
    change: float | None
    direction: Literal["worse", "better", "amount"]
    sure: float
    sentence: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """B minus A, the surest change first. `compared`: lines that were, with so many `figures`."""

    a: Window
    b: Window
    lines: tuple[Change, ...]
    compared: int
    figures: int
    completeness_a: tuple[Completeness, ...]
    completeness_b: tuple[Completeness, ...]

    def to_pandas(self) -> pandas.DataFrame:
        """A row per change. Raises HopscopeError when pandas is not installed."""
        return Rows(self.lines).to_pandas()
