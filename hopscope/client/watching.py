"""Where profiles come from: a running agent if there is one, else probes of our own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from hopscope.client.agent_socket import AgentWindow, connect
from hopscope.client.failure import HopscopeError
from hopscope.edges.connection import ConnectionsSeen
from hopscope.edges.model import Profile
from hopscope.edges.selection import Selection
from hopscope.edges.status import AgentStatus
from hopscope.settings import AgentSettings

if TYPE_CHECKING:
    from hopscope.agent.window import Times


class Window(Protocol):
    """What was seen since it was opened, or taken last."""

    def peek(self) -> Profile:
        """Until now."""

    def take(self) -> Profile:
        """Until now, and the next one starts here."""

    def connections(self, edge: str | None) -> tuple[ConnectionsSeen, ...]:
        """Those behind an edge as they are now, a side at a time; None: nobody looks any more."""

    def status(self) -> AgentStatus | None:
        """What the agent does that the window is asked of; None with probes of our own."""


@contextmanager
def watching(
    selection: Selection, times: Times = "all", follow: int | None = None, settings: AgentSettings | None = None
) -> Iterator[Window]:
    """A window for as long as the block runs. Raises HopscopeError."""
    settings = settings or AgentSettings()
    connection = connect(settings.socket)
    if connection is not None:
        window = AgentWindow(connection, selection, times, follow)
        try:
            yield window
        finally:
            window.close()
        return
    with _own_probes(selection, times, follow, settings) as own:
        yield own


@contextmanager
def _own_probes(selection: Selection, times: Times, follow: int | None, settings: AgentSettings) -> Iterator[Window]:
    try:
        from hopscope.agent import AgentError
        from hopscope.agent.asked import AskedWindow
        from hopscope.agent.watch import Watch
    except ModuleNotFoundError as error:
        raise HopscopeError(f"{error.name} is not installed; pip install 'hopscope[agent]'") from error
    try:
        watch = Watch(settings)
    except AgentError as error:
        raise HopscopeError(str(error)) from error
    with watch:
        window = AskedWindow(watch, selection, times, follow)
        try:
            yield window
        finally:
            window.close()
