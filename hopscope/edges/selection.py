"""Which edges of a profile somebody asked for. Pure."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hopscope.edges.model import Edge, End, Profile


@dataclass(frozen=True, slots=True)
class Selection:
    """What an edge must have, each condition that is given; of several pids or ports one is enough.

    `name` is a regular expression, `cgroup` a path below the cgroup root with all that is beneath it, `container` an id
    or its start. Without any condition it is what moved something; `all` adds idle edges, `own` hopscope's. Raises
    ValueError for what cannot be.
    """

    pids: frozenset[int] = frozenset()
    name: str | None = None
    ports: frozenset[int] = frozenset()
    cgroup: str | None = None
    container: str | None = None
    all: bool = False
    own: bool = False

    def __post_init__(self) -> None:
        try:
            re.compile(self.name or "")
        except re.error as error:
            raise ValueError(f"{self.name!r} is not a regular expression: {error}; a literal dot is \\.") from error

    @property
    def narrow(self) -> bool:
        """Whether anything in particular is asked for."""
        return bool(self.pids or self.name or self.ports or self.cgroup or self.container)

    def takes(self, edge: Edge) -> bool:
        """Whether an edge is asked for."""
        return (
            (self.own or not edge.own)
            and (self.all or self.narrow or moved(edge))
            and any(self._process(end) for end in (edge.client, edge.server))
            and (not self.ports or bool(self.ports & {port(edge.server.address), port(edge.server.listen)}))
        )

    def _process(self, end: End) -> bool:
        return (
            (not self.pids or not self.pids.isdisjoint(end.pids))
            and (self.name is None or (end.process is not None and re.search(self.name, end.process) is not None))
            and (self.cgroup is None or beneath(end.cgroup, self.cgroup))
            and (self.container is None or same_container(end.container, self.container))
        )

    def to_dict(self) -> dict[str, Any]:
        """What JSON can carry; only what differs from asking for nothing in particular."""
        given = {held.name: getattr(self, held.name) for held in dataclasses.fields(self)}
        return {name: sorted(it) if isinstance(it, frozenset) else it for name, it in given.items() if it}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Selection:
        """Reads what `to_dict` wrote. Raises ValueError."""
        sets = {name: frozenset(data[name]) for name in ("pids", "ports") if name in data}
        try:
            return cls(**{**data, **sets})
        except TypeError as error:
            raise ValueError(f"not a selection: {error}") from error


def select(profile: Profile, selection: Selection) -> Profile:
    """The profile with the edges that are asked for, and the listeners of the processes that are.

    When something in particular was asked for, `completeness["not_asked"]` says what else there was.
    """
    edges = tuple(edge for edge in profile.edges if selection.takes(edge))
    seen = dict(profile.completeness)
    if selection.narrow:
        rest = [edge for edge in profile.edges if not edge.own and not selection.takes(edge)]
        seen["not_asked"] = {"edges": len(rest), "processes": _names(rest)}
    listeners = tuple(it for it in profile.listeners if _listens(it.process, it.address, selection))
    return dataclasses.replace(profile, edges=edges, listeners=listeners, completeness=seen)


def _names(edges: Iterable[Edge], limit: int = 8) -> list[str]:
    """Their processes, the most frequent first."""
    found = Counter(end.process for edge in edges for end in (edge.client, edge.server) if end.process)
    return [name for name, _ in found.most_common(limit)]


def _listens(process: End, address: str, selection: Selection) -> bool:
    if selection.ports and port(address) not in selection.ports:
        return False
    return selection._process(process)


def moved(edge: Edge) -> bool:
    """Whether anything happened on an edge: bytes, openings, closings, failures, losses."""
    connections = edge.connections
    if connections.opened or connections.closed or connections.failed:
        return True
    sides = [side for side in (edge.client_side, edge.server_side) if side is not None]
    return any(value.count for side in sides for name, value in side.metrics.items() if name != "write_rtt")


def port(address: str | None) -> int | None:
    """The port of `ip:port`; None where there is none."""
    digits = (address or "").rpartition(":")[2]
    return int(digits) if digits.isdecimal() else None


def beneath(cgroup: str | None, path: str) -> bool:
    """Whether a cgroup is `path` or lies beneath it."""
    wanted = "/" + path.strip("/")
    return cgroup is not None and (cgroup.rstrip("/") + "/").startswith(wanted.rstrip("/") + "/")


def same_container(known: str | None, wanted: str) -> bool:
    """Whether two ids are one container's. Either may be cut: tools print twelve characters of sixty-four."""
    return known is not None and (known.startswith(wanted) or (len(known) >= 12 and wanted.startswith(known)))
