"""Whose an address of an access log is: a proxy's pod, a process that an agent knows, the owner of a certificate, the
service that was called, or the address itself. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from hopscope.server.analysis.entities import Name

Row = Mapping[str, Any]
NOBODY = "(no server)"
"""The service of requests for which no server was chosen and no service named: there was no route."""
OTHERS = "(others)"
"""Of more ends than are told apart."""
_LOCAL = ".svc."


def host_of(end: str) -> str:
    """The address in `ip:port` or `[ip6]:port`."""
    return end[1:].partition("]")[0] if end.startswith("[") else end.rpartition(":")[0] or end


class Ends:
    """Resolves ends. `proxies`: rows of mesh_proxy, the latest first; `processes`: the name of the instance at each
    address (of clients) and ip:port (of servers)."""

    def __init__(self, proxies: Iterable[Row], processes: Mapping[str, Name]) -> None:
        self._at: dict[str, Row] = {}
        self._shown: dict[str, set[str]] = defaultdict(set)
        self._by_service: dict[str, Counter[str]] = defaultdict(Counter)
        self._processes = processes
        for row in proxies:
            for address in row["addresses"]:
                self._at.setdefault(address, row)
            if row["principal"]:
                self._shown[row["principal"]].add(row["service"])

    def learn(self, half: Row) -> None:
        """Which pods stand behind the service that a client's half names."""
        found = self._at.get(host_of(half["server"]))
        if half["cluster"] and found is not None:
            self._by_service[half["cluster"]][found["service"]] += 1

    def knows(self, address: str) -> bool:
        """Whether an address is a pod's or a process's."""
        return address in self._at or address in self._processes

    def client(self, half: Row) -> Name:
        """The client of a server's half."""
        address = half["client"]
        if found := self._known(address, address):
            return found
        if half["principal"]:
            services = self._shown.get(half["principal"], set())
            service = next(iter(services)) if len(services) == 1 else _account(half["principal"])
            if service:
                return Name(service, address)
        return Name(OTHERS, OTHERS) if address == "*" else Name(address, address)

    def server(self, half: Row) -> Name:
        """The server of a client's half; without instance where no server was chosen."""
        address = host_of(half["server"])
        if found := self._known(address, half["server"]):
            return found
        cluster = half["cluster"]
        if "*" in (cluster, half["server"]):
            return Name(OTHERS, OTHERS)
        if not cluster:
            return Name(half["server"], half["server"]) if address else Name(NOBODY, "")
        known = self._by_service.get(cluster)
        service = known.most_common(1)[0][0] if known else _short(cluster)
        return Name(service, address)

    def _known(self, address: str, end: str) -> Name | None:
        row = self._at.get(address)
        if row is not None:
            return Name(row["service"], row["instance"])
        return self._processes.get(end) or self._processes.get(address)


def _short(host: str) -> str:
    """`reviews.default` of `reviews.default.svc.cluster.local`."""
    return host.partition(_LOCAL)[0] if _LOCAL in host else host


def _account(principal: str) -> str:
    """`productpage.default` of `spiffe://cluster.local/ns/default/sa/productpage`, "" of what is not of this form."""
    _, _, path = principal.partition("/ns/")
    namespace, mark, account = path.partition("/sa/")
    return f"{account}.{namespace}" if mark and account and namespace else ""
