"""Where a store is: `clickhouse://user@host:8123,host:8123/database?cluster=name`. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote

from hopscope.server.storage.store import StoreError

_PORTS = {"clickhouse": 8123, "clickhouses": 8443}
_EXAMPLE = "for example clickhouse://hopscope@10.0.0.7:8123/hopscope"


@dataclass(frozen=True, slots=True)
class Address:
    """`nodes`: host:port of each HTTP interface. `cluster`: its name in remote_servers. `ca`: the certificates to trust
    instead of the system's. As text it has no password."""

    tls: bool
    user: str
    password: str = field(repr=False)
    nodes: tuple[str, ...]
    database: str
    cluster: str | None = None
    ca: Path | None = None

    def __str__(self) -> str:
        scheme = "clickhouses" if self.tls else "clickhouse"
        cluster = f"?cluster={self.cluster}" if self.cluster else ""
        return f"{scheme}://{self.user}@{','.join(self.nodes)}/{self.database}{cluster}"


def parse(text: str) -> Address:
    """The address that a text is. Raises StoreError, without the text: it may hold a password."""
    scheme, found, rest = text.partition("://")
    if not found or scheme not in _PORTS:
        raise StoreError(f"store: must begin with clickhouse:// or clickhouses://, {_EXAMPLE}")
    place, _, query = rest.partition("?")
    authority, _, database = place.partition("/")
    login, _, hosts = authority.rpartition("@")
    user, _, said = login.partition(":")
    nodes = tuple(_node(host, _PORTS[scheme]) for host in hosts.split(","))
    options = dict(parse_qsl(query))
    if unknown := sorted(set(options) - {"cluster", "ca"}):
        raise StoreError(f"store: there is no option {unknown[0]!r}; known: cluster, ca")
    for name in (database or "hopscope", options.get("cluster", "c")):
        if not name.replace("_", "a").replace("-", "a").isalnum() or not name.isascii():
            raise StoreError(f"store: {name!r} cannot be the name of a database or cluster")
    ca = options.get("ca")
    return Address(
        scheme == "clickhouses",
        unquote(user) or "default",
        unquote(said),
        nodes,
        database or "hopscope",
        options.get("cluster"),
        Path(ca) if ca else None,
    )


def _node(text: str, port: int) -> str:
    host, colon, said = text.rpartition(":") if not text.endswith("]") else (text, "", "")
    if not colon:
        host, said = text, str(port)
    if not host or not said.isdecimal() or not 0 < int(said) < 65536 or any(char in host for char in "/@ "):
        raise StoreError(f"store: not host:port, {_EXAMPLE}")
    return f"{host}:{said}"
