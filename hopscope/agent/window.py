"""A window: what is seen from its opening on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hopscope.agent.assemble import Mark
from hopscope.agent.inspecting import Inspected, Subject
from hopscope.agent.wishes import Wish
from hopscope.edges.model import Profile

if TYPE_CHECKING:
    from hopscope.agent.watch import Watch

Times = Literal["all", "windows", "off"]


class OpenWindow:
    """What is seen from its opening on; several windows do not know of each other."""

    def __init__(self, watch: Watch, times: Times, wish: Wish, start: Mark) -> None:
        self._watch, self._start = watch, start
        self.times, self.wish = times, wish

    @property
    def family(self) -> set[int]:
        """The followed process with its descendants, those that ended included."""
        return self.wish.family or set()

    def peek(self) -> Profile:
        """Everything since the window was opened, or taken last."""
        watch = self._watch
        with watch._lock:
            watch._tick()
            return watch._assembly(self._start, [self.wish]).profile(watch._probes)

    def take(self) -> Profile:
        """The same, and the next one starts here."""
        watch = self._watch
        with watch._lock:
            found = self.peek()
            watch._need_recorder().books.release(self._start.reading)
            self._start = watch._mark()
            return found

    def inspect(self, edge: str | None) -> list[Inspected]:
        """The connections of an edge as they are now; None ends looking."""
        return self._watch.inspect([Subject(edge)] if edge is not None else (), self)

    def close(self) -> None:
        """Ends the window; twice is harmless."""
        with self._watch._lock:
            self._watch._leave(self)
