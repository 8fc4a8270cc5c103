"""The service mesh as Envoy's access logs tell it: the types of `Client.mesh`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from hopscope.client.answers import Amount, Reason, State, Window
from hopscope.client.frames import Rows
from hopscope.edges.connection import SideName

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class MeshService:
    """A service, or an instance, of the mesh. `layer`: its column, the longest way from an entry."""

    id: str
    name: str
    namespace: str
    layer: int
    ordinal: int
    instances: tuple[str, ...]
    requests: int
    errors: int
    rate: float
    p99_ns: float | None
    state: State
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """A part of the latency; the parts add up to the whole. `percentiles`: 50, 75, 90, 95, 99, in ns.

    `histogram`: (from ns, to ns, requests).
    """

    part: str
    side: SideName | None
    average_ns: float | None
    percentiles: tuple[float, ...]
    histogram: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class MeshPair:
    """Two instances behind a line; the server is the service where none of its instances was chosen."""

    client: str
    server: str
    requests: int
    errors: int


@dataclass(frozen=True, slots=True)
class MeshLine:
    """Who calls whom. `by_flag`: Envoy's response flags, for example UF; `client`, `server`: ids of services."""

    id: str
    client: str
    server: str
    protocol: str
    security: str
    label: str
    requests: int
    rate: float
    errors: int
    error_share: float
    by_status: tuple[Reason, ...]
    by_flag: tuple[Reason, ...]
    retries: int
    bytes_in: int
    bytes_out: int
    connections: int
    latency: tuple[Split, ...]
    state: State
    reasons: tuple[str, ...]
    client_seen: bool
    server_seen: bool
    instances: tuple[MeshPair, ...]


@dataclass(frozen=True, slots=True)
class Mesh:
    """The mesh in a window. `proxies`: that sent entries. `complete`: how much of it was taken in."""

    window: Window
    services: tuple[MeshService, ...]
    lines: tuple[MeshLine, ...]
    proxies: int
    proxies_silent: tuple[str, ...]
    entries: int
    last_entry: datetime | None
    complete: tuple[Amount, ...]

    def to_pandas(self) -> pandas.DataFrame:
        """A row per line. Raises HopscopeError when pandas is not installed."""
        return Rows(self.lines).to_pandas()
