"""Windows whose seconds are kept because a task ran."""

from __future__ import annotations

from collections.abc import Iterable

from hopscope.server.analysis.entities import Name
from hopscope.server.query.reader import Reader
from hopscope.server.query.windows import Cut, Span
from hopscope.server.storage.tables.kept import BY_STEP
from hopscope.server.tasks import Tasks


class KeptLonger:
    """Asks for tasks. Raises StoreError."""

    def __init__(self, reader: Reader, tasks: Tasks) -> None:
        self._reader = reader
        self._tasks = tasks

    def cut(self, span: Span, names: Iterable[Name], now: float) -> Cut | None:
        """The window from the seconds of a task of one of some instances; None: they are there for all, or gone."""
        if span.start >= now - 3600 * self._reader.retention.seconds:
            return None
        for name in names:
            for task in self._tasks.of(name).values():
                if task.created // 1000 <= span.start and 1000 * span.end <= task.kept_until:
                    return Cut(span, ((BY_STEP["1s"], span),), True)
        return None
