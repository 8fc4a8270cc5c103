"""Services, instances and what they are called: ids, layers, and which of them a name means. Pure.

Ids are SkyWalking's (IDManager): a service's is base64 of its name and `.1`, an instance's the service's, `_` and
base64 of its name. Law: an id says the names that it was made of, so none has to be stored.
"""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

REAL = ".1"
BLANK = "_blank"
"""The name of what has none, as in SkyWalking."""
KUBERNETES = frozenset({"MESH", "MESH_DP", "K8S_SERVICE"})
HOST_LAYER = "OS_LINUX"
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, order=True)
class Name:
    """Which instance of which service."""

    service: str
    instance: str

    @property
    def service_id(self) -> str:
        """The id of the service."""
        return service_id(self.service)

    @property
    def id(self) -> str:
        """The id of the instance."""
        return f"{self.service_id}_{_encoded(self.instance)}"


def service_id(name: str) -> str:
    """The id of a service."""
    return _encoded(name) + REAL


def service_of(identity: str) -> str:
    """The name in a service's id. Raises ValueError."""
    name = _decoded(identity.removesuffix(REAL)) if identity.endswith(REAL) else None
    if name is None:
        raise ValueError(f"{identity!r} is not the id of a service")
    return name


def instance_of(identity: str) -> Name | None:
    """The names in an instance's id; None if it is not one."""
    service, mark, instance = identity.partition(REAL + "_")
    names = _decoded(service), _decoded(instance)
    return Name(names[0], names[1]) if mark and names[0] is not None and names[1] is not None else None


def _encoded(name: str) -> str:
    return b64encode((name or BLANK).encode()).decode()


def _decoded(text: str) -> str | None:
    try:
        return b64decode(text, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def host_name(host: int, hosts: Mapping[int, str]) -> str:
    """What a host is called, of those whose names are known; else its id."""
    return hosts.get(host, f"{host:016x}")


def name_of(row: Row, hosts: Mapping[int, str]) -> Name:
    """Whose a process is. One without service is its host's, and one without instance in the host's own."""
    host = host_name(row["host"], hosts)
    return Name(row["service"] or host, row["instance"] or host)


def layer_of(row: Row) -> str:
    """The layer of a process; older agents say none."""
    return row["layer"] or HOST_LAYER


def detect_type(layer: str) -> str:
    """SkyWalking's word for where a process was found."""
    return "kubernetes" if layer in KUBERNETES else "linux"


@dataclass(slots=True)
class Instance:
    """An instance as its processes tell it. Times: Unix seconds of the hosts' clocks. `alive`: processes that were told
    of lately."""

    name: Name
    hosts: dict[int, int] = field(default_factory=dict)
    layers: set[str] = field(default_factory=set)
    labels: dict[str, str] = field(default_factory=dict)
    processes: int = 0
    alive: int = 0
    first: int = 0
    last: int = 0

    def add(self, row: Row) -> None:
        """Takes in a summary of its processes on a host: host, layers, latest_labels, processes, alive, first, last."""
        self.hosts[row["host"]] = max(row["last"], self.hosts.get(row["host"], 0))
        self.layers |= {layer or HOST_LAYER for layer in row["layers"]}
        if row["last"] >= self.last:
            self.labels = {**self.labels, **row["latest_labels"]}
        self.processes += row["processes"]
        self.alive += row["alive"]
        self.first = min(self.first or row["first"], row["first"])
        self.last = max(self.last, row["last"])

    @property
    def host(self) -> int:
        """Where it was seen last."""
        return max(self.hosts, key=lambda host: self.hosts[host])


def instances(rows: Iterable[Row], hosts: Mapping[int, str]) -> dict[Name, Instance]:
    """All instances of summaries (see `Instance.add`, with service and instance) and the names of hosts."""
    found: dict[Name, Instance] = {}
    for row in rows:
        name = name_of(row, hosts)
        found.setdefault(name, Instance(name)).add(row)
    return found


def meant(text: str, known: Iterable[Name]) -> Name:
    """The instance that an id, `service/instance` or a plain name that only one has means. Raises ValueError."""
    names = set(known)
    by_id = instance_of(text)
    if by_id in names:
        return by_id
    service, slash, instance = text.rpartition("/")
    if slash and Name(service, instance) in names:
        return Name(service, instance)
    plain = sorted(name for name in names if name.instance == text)
    if len(plain) == 1:
        return plain[0]
    if plain:
        some = ", ".join(f"{name.service}/{name.instance}" for name in plain[:5])
        raise ValueError(f"{text!r} is the name of {len(plain)} instances: {some}; which?")
    shown = f"{by_id.service}/{by_id.instance}" if by_id else text
    raise ValueError(f"there is no instance {shown!r}")
