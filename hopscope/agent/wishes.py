"""What somebody wants traced where not everything is: a task's instance, or what a look selects. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hopscope.agent.connections import Owner
from hopscope.agent.discovery.place import Place
from hopscope.edges.selection import Selection, beneath, same_container


@dataclass(frozen=True, slots=True, eq=False)
class Wish:
    """The processes for which all conditions hold that are given; all processes where none is.

    `family`: processes that whoever follows them adds their descendants to. `instance`: with its service, "" for any.
    """

    family: set[int] | None = None
    name: str | None = None
    cgroup: str | None = None
    container: str | None = None
    instance: tuple[str, str] | None = None

    @classmethod
    def of(cls, selection: Selection, family: set[int] | None) -> Wish:
        """What a look needs. Any process may have a connection to a port, so that a port alone needs all of them."""
        return cls(family, selection.name, selection.cgroup, selection.container)

    @property
    def everything(self) -> bool:
        """Whether all processes are wanted."""
        return not self.by_process and not self.by_place

    @property
    def by_process(self) -> bool:
        """Whether it takes more than a process's place to know."""
        return self.family is not None or self.name is not None

    @property
    def by_place(self) -> bool:
        """Whether the place is asked for."""
        return self.cgroup is not None or self.container is not None or self.instance is not None

    def takes_place(self, cgroup: str | None, place: Place | Owner, host: str) -> bool:
        """Whether processes of this place may be wanted. `host` is the service of what has none."""
        return (
            (self.cgroup is None or beneath(cgroup, self.cgroup))
            and (self.container is None or same_container(place.container, self.container))
            and (self.instance is None or self._is_instance(place, host))
        )

    def _is_instance(self, place: Place | Owner, host: str) -> bool:
        service, instance = self.instance or ("", "")
        return place.instance == instance and service in ("", place.service or host)

    def takes(self, tgid: int, owner: Owner, host: str) -> bool:
        """Whether a process is wanted."""
        return (
            (self.family is None or tgid in self.family)
            and (self.name is None or re.search(self.name, owner.name) is not None)
            and self.takes_place(owner.cgroup, owner, host)
        )
