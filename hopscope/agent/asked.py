"""What somebody asked of a watch: a window, and the edges that are wanted of it."""

from __future__ import annotations

import dataclasses

from hopscope.agent.watch import Watch
from hopscope.agent.window import Times
from hopscope.edges.connection import ConnectionsSeen
from hopscope.edges.model import Profile
from hopscope.edges.selection import Selection, select


class AskedWindow:
    """A window that is open from now on. `follow`: only edges of this process and its descendants."""

    def __init__(self, watch: Watch, selection: Selection, times: Times = "all", follow: int | None = None) -> None:
        self._selection = selection
        self._follow = follow
        self._watch = watch
        self._window = watch.open(times, follow, selection)

    def peek(self) -> Profile:
        """Everything since it was opened, or taken last."""
        return self._selected(self._window.peek())

    def take(self) -> Profile:
        """The same, and the next one starts here."""
        return self._selected(self._window.take())

    def connections(self, edge: str | None) -> tuple[ConnectionsSeen, ...]:
        """Those behind an edge as they are now, a side at a time; None: nobody looks any more."""
        return tuple(it.seen_on(self._watch.host) for it in self._window.inspect(edge))

    def status(self) -> None:
        """Nobody else's agent is asked."""

    def close(self) -> None:
        """Ends the window; twice is harmless."""
        self._window.close()

    def _selected(self, profile: Profile) -> Profile:
        selection = self._selection
        if self._follow is not None:
            selection = dataclasses.replace(selection, pids=frozenset(self._window.family))
        return select(profile, selection)
