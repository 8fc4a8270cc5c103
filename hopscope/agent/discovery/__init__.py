"""Which service, instance and container a process belongs to: one seam with several sources."""

from __future__ import annotations

from typing import Protocol

from hopscope.agent.discovery.file import FileDiscovery
from hopscope.agent.discovery.host import HostDiscovery
from hopscope.agent.discovery.place import Place
from hopscope.settings import AgentSettings, Mode

__all__ = ["Discovery", "Place", "discovery"]


class Discovery(Protocol):
    """Where a cgroup belongs. `mode`: what suits where nothing else is set; on-demand where a cluster is watched."""

    mode: Mode

    def place(self, cgroup: str) -> Place:
        """The place of a process in this cgroup."""

    def changed(self) -> bool:
        """Whether places may differ from those given before; asked once a tick."""

    def warning(self) -> str | None:
        """What is wrong with the source now; older knowledge is used as long as it is."""


def discovery(settings: AgentSettings, host: str) -> Discovery:
    """The source that is set. Raises AgentError when it cannot be read."""
    if settings.discovery == "file" and settings.discovery_file is not None:
        return FileDiscovery(settings.discovery_file, HostDiscovery(host))
    return HostDiscovery(host)
