"""Places out of the host's own cgroups: containers and systemd units."""

from __future__ import annotations

from hopscope.agent.cgroups import container_of, unit_of
from hopscope.agent.discovery.place import Place
from hopscope.settings import Mode

SHORT_ID = 12


class HostDiscovery:
    """A container is an instance of its own; everything else is on the host, a unit being its service."""

    mode: Mode = "always"

    def __init__(self, host: str) -> None:
        self._host = host

    def place(self, cgroup: str) -> Place:
        """The place of a process in this cgroup."""
        container = container_of(cgroup)
        if container is not None:
            return Place(None, f"{self._host}/{container[:SHORT_ID]}", container, "OS_LINUX")
        return Place(unit_of(cgroup), self._host, None, "OS_LINUX")

    def changed(self) -> bool:
        """A cgroup's path never changes."""
        return False

    def warning(self) -> str | None:
        """Nothing can go wrong."""
        return None
