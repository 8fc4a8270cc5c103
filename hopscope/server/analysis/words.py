"""What a line speaks: as the wire showed it, and what that hides as the servers' access logs say. Pure.

On the wire TLS 1.3 hides the client's certificate and what is inside; the proxy that ends it writes both into its log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hopscope.edges.label import label

Row = Mapping[str, Any]
Pair = tuple[str, str]
"""The client's address, and the server's ip:port that was dialed."""
WIRE, LOG = "wire", "access log"
_HIDDEN = frozenset(("tls", "unknown"))


@dataclass(frozen=True, slots=True)
class Words:
    """What a line speaks. `source` of the security: wire, access log, "" where it is unknown."""

    transport: str
    protocol: str
    security: str
    source: str

    @property
    def label(self) -> str:
        """The word on the line."""
        return label(self.transport, self.protocol, self.security)


@dataclass(frozen=True, slots=True)
class Logged:
    """What servers' logs say, by pair of ends."""

    protocols: Mapping[Pair, str]
    securities: Mapping[Pair, str]

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Logged:
        """From halves of servers, those told of last first."""
        protocols: dict[Pair, str] = {}
        securities: dict[Pair, str] = {}
        for row in rows:
            pair = row["client"], row["server"]
            protocols.setdefault(pair, row["protocol"])
            securities.setdefault(pair, row["security"])
        return cls(protocols, securities)


def open_pairs(things: Iterable[Row]) -> set[Pair]:
    """The ends of those rows of edges of which the wire does not show all."""
    return {pair_of(row) for row in things if row["security"] in _HIDDEN or row["protocol"] == "unknown"}


def pair_of(row: Row) -> Pair:
    """The ends of a row of edges."""
    return row["client_address"], row["server_address"]


def words(things: Sequence[Row], logged: Logged) -> Words:
    """What a line speaks; `things`: what hosts know of it, the latest first."""
    learned = next((row for row in things if row["protocol"] != "unknown"), things[0])
    secured = next((row for row in things if row["security"] != "unknown"), things[0])
    protocol, security = learned["protocol"], secured["security"]
    source = "" if security == "unknown" else WIRE
    pair = next((pair_of(row) for row in things if pair_of(row) in logged.securities), None)
    if pair is not None and security in _HIDDEN:
        said = logged.securities[pair]
        if said in ("tls", "mtls") or security == "unknown":
            if protocol == "unknown" and logged.protocols[pair] != "tcp":
                protocol = logged.protocols[pair]
            if said not in ("unknown", security):
                security, source = said, LOG
    return Words(things[0]["transport"], protocol, security, source)
