"""Who is at the ends of an instance's lines, in which group, and at which place. Pure.

Law: a place is a rank among all that the instance ever talked to, by the time of the first line and by names: it does
not depend on the window, and what comes later takes later places.
"""

from __future__ import annotations

import ipaddress
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hopscope.server.analysis.entities import Name

Kind = Literal["process", "pod", "service", "address", "rest"]
Where = Literal["client", "server"]
GroupKind = Literal["application", "platform"]
Row = Mapping[str, Any]
REST = "connections without a slot of their own"
"""What an agent calls the peer of what it could not tell apart."""
AT_ONCE = 10
"""Seconds after the first line in which lines count for the order of those that came together."""
_PORTS = {
    53: "DNS", 853: "DNS", 15010: "Istio control plane", 15012: "Istio control plane", 15014: "Istio control plane",
    4317: "Telemetry", 4318: "Telemetry", 9411: "Telemetry", 11800: "Telemetry", 14250: "Telemetry",
    6443: "Kubernetes API",
}  # fmt: skip
_PLATFORM = re.compile(r"(^|[./-])(kube-system|istio-system|istiod|kube-dns|coredns|otel-collector|jaeger|zipkin)\b")


@dataclass(frozen=True, slots=True)
class Peer:
    """Whom an end that is not inside could be resolved to. `name`: a process of a pod goes by the pod's, for every pod
    has its proxy; `called`: what the process itself is called.
    """

    kind: Kind
    id: str
    name: str
    address: str
    process: int | None = None
    service: str | None = None
    instance: str | None = None
    called: str = ""


@dataclass(slots=True)
class Node:
    """Something with a place. `first`: of its lines, Unix seconds; `where`: its end of that; `met`: of each line."""

    id: str
    name: str
    kind: Kind
    inside: bool
    first: int
    where: Where
    address: str | None
    process: int | None
    service: str | None
    instance: str | None
    group: str | None
    called: str = ""
    met: list[int] = field(default_factory=list)
    ordinal: int = 0


@dataclass(slots=True)
class Group:
    """Peers that stand together."""

    id: str
    name: str
    kind: GroupKind
    side: Where
    first: int
    nodes: list[Node]
    ordinal: int = 0


def resolved(
    address: str, found: Iterable[int], names: Mapping[int, Name], called: Mapping[int, str], at: Iterable[Name]
) -> Peer:
    """Who is at the other end of a line. `found`: the processes there that are known; `at`: whose address it is."""
    known = sorted(set(found) - {0})
    if len(known) == 1 and known[0] in names:
        name, own = names[known[0]], called[known[0]]
        # A process of a plain host, which is its own service, goes by its own name.
        title = own if name.service == name.instance else name.instance
        return Peer("process", f"{known[0]:016x}", title, address, known[0], name.service, name.instance, own)
    if address == REST or "/" in address:
        return Peer("rest", address, "other connections" if address == REST else address, address)
    owners = {names[process] for process in known if process in names} or set(at)
    if len(owners) == 1:
        (name,) = owners
        return Peer("pod", address, name.instance, address, None, name.service, name.instance)
    services = {name.service for name in owners}
    if len(services) == 1:
        (service,) = services
        return Peer("service", address, service, address, None, service)
    return Peer("address", address, address, address)


def group_of(peer: Peer, port: int | None) -> tuple[str, str, GroupKind]:
    """Id, name and kind of the group of a peer; `port`: of the server, if it is one."""
    platform = _PORTS.get(port or 0)
    if platform:
        return f"platform:{platform}", platform, "platform"
    if peer.service is not None:
        kind: GroupKind = "platform" if _PLATFORM.search(peer.service) else "application"
        return f"service:{peer.service}", peer.service, kind
    if peer.kind == "rest":
        return "rest", "other connections", "application"
    network = network_of(host_of(peer.address))
    return f"network:{network}", network, "application"


def network_of(ip: str) -> str:
    """The /24 or /64 of an address; of what is none, itself."""
    try:
        held = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    return str(ipaddress.ip_network(f"{ip}/{24 if held.version == 4 else 64}", strict=False))


def host_of(address: str) -> str:
    """The IP of `ip`, `ip:port`, `[v6]:port`."""
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0] if address.count(":") == 1 else address


def port_of(address: str) -> int:
    """The port of `ip:port`; 0 where there is none."""
    digits = address.rpartition(":")[2]
    return int(digits) if ":" in address and digits.isdecimal() else 0


def own_address(ip: str) -> bool:
    """Whether an IP says whose it is: a loopback address is everybody's."""
    try:
        held = ipaddress.ip_address(ip)
    except ValueError:
        return False
    return not (held.is_loopback or held.is_unspecified or held.is_link_local)


@dataclass(slots=True)
class Places:
    """All nodes of an instance by id, from all of its lines; `finish` gives them their places."""

    nodes: dict[str, Node] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)

    def inside(self, process: int, name: str, owner: Name, first: int, where: Where) -> Node:
        """A process of the instance at one end of a line."""
        identity = f"{process:016x}"
        node = self.nodes.get(identity)
        if node is None:
            node = self.nodes[identity] = Node(
                identity, name, "process", True, first, where, None, process, owner.service, owner.instance, None
            )
        return _met(node, first, where)

    def outside(self, peer: Peer, first: int, where: Where) -> Node:
        """A peer at one end of a line."""
        port = port_of(peer.address) if where == "server" else None
        node = self.nodes.get(peer.id)
        if node is None:
            group, title, kind = group_of(peer, port)
            node = self.nodes[peer.id] = Node(
                peer.id, peer.name, peer.kind, False, first, where, peer.address, peer.process, peer.service,
                peer.instance, group, peer.called,
            )  # fmt: skip
            held = self.groups.setdefault(group, Group(group, title, kind, where, first, []))
            held.nodes.append(node)
        node.address = node.address or peer.address
        return _met(node, first, where)

    def finish(self) -> int:
        """Gives all their places; returns how many there are inside."""
        begin = min((node.first for node in self.nodes.values()), default=0)
        inside = sorted(
            (node for node in self.nodes.values() if node.inside),
            key=lambda node: (node.first, -_together(node, begin), node.name, node.id),
        )
        for number, node in enumerate(inside):
            node.ordinal = number
        counted: dict[tuple[Where, GroupKind], int] = defaultdict(int)
        for group in self.groups.values():
            group.nodes.sort(key=lambda node: (node.first, node.name, node.id))
            for number, node in enumerate(group.nodes):
                node.ordinal = number
            group.first, group.side = group.nodes[0].first, group.nodes[0].where
        early = {it.id: sum(_together(node, begin) for node in it.nodes) for it in self.groups.values()}
        for group in sorted(self.groups.values(), key=lambda it: (it.first, -early[it.id], it.name, it.id)):
            group.ordinal = counted[group.side, group.kind]
            counted[group.side, group.kind] += 1
        self._tell_apart()
        return len(inside)

    def _tell_apart(self) -> None:
        # Two processes of one pod, two hosts' nginx.
        held: dict[str, list[Node]] = defaultdict(list)
        for node in self.nodes.values():
            if node.called and not node.inside:
                held[node.name].append(node)
        for nodes in held.values():
            for node in nodes if len(nodes) > 1 else ():
                node.name = f"{node.called} of {node.instance}"


def _met(node: Node, first: int, where: Where) -> Node:
    node.met.append(first)
    if first < node.first:
        node.first, node.where = first, where
    return node


def _together(node: Node, begin: int) -> int:
    """Its lines at the very beginning: whoever has the most, usually the proxy, is in the middle."""
    return sum(1 for first in node.met if first <= begin + AT_ONCE)
