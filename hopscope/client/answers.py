"""What a server answers: the types of `hopscope.Client`. Their fields are also what it is asked for, see `reading`.

Times of day are aware datetimes in UTC, durations say their unit in their name, rates are per recorded second. A value
that nobody measured is None. Ids are the server's.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from hopscope.client.frames import Listed, Rows
from hopscope.edges.connection import SideName

if TYPE_CHECKING:
    import pandas

State = Literal["failing", "slow", "healthy", "none"]


@dataclass(frozen=True, slots=True)
class Window:
    """The seconds that an answer is exact for, half-open."""

    from_: datetime
    to: datetime
    seconds: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Seconds of which an agent had to drop batches."""

    from_: datetime
    seconds: int
    batches: int
    cause: str


@dataclass(frozen=True, slots=True)
class Amount:
    """Something counted, by name."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Completeness:
    """How much of a window one host saw, and what its queues and tables could not take.

    `state`: what else its agent said at the end of the window. `missing`: what was not seen and why, a sentence each.
    """

    host: str
    seconds_asked: int
    seconds_recorded: float
    gaps: tuple[Gap, ...]
    amounts: tuple[Amount, ...]
    state: dict[str, Any] | None
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Health:
    """The worst state among the lines of a service or an instance, and what it comes to."""

    state: State
    reasons: tuple[str, ...]
    rate: float | None
    bytes_rate: float | None
    p99_ns: float | None
    lines: int


@dataclass(frozen=True, slots=True)
class Service:
    """A service: what SkyWalking calls so, or a plain host."""

    id: str
    name: str
    layers: tuple[str, ...]
    instances: int
    processes: int
    first_seen: datetime
    last_seen: datetime
    health: Health


@dataclass(frozen=True, slots=True)
class Services(Listed[Service]):
    """Services of a `total`. `window`: of their figures; `completeness`: how much of it was seen."""

    window: Window
    total: int
    services: tuple[Service, ...]
    completeness: tuple[Completeness, ...]

    @property
    def rows(self) -> tuple[Service, ...]:
        """The services."""
        return self.services


@dataclass(frozen=True, slots=True)
class Named:
    """Something's id and name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a pod."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something that is known of an instance or a process and has no field of its own."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Instance:
    """A pod, a container or a host."""

    id: str
    name: str
    service: Named
    host: str
    layers: tuple[str, ...]
    labels: tuple[Label, ...]
    attributes: tuple[Attribute, ...]
    processes: int
    first_seen: datetime
    last_seen: datetime
    health: Health


@dataclass(frozen=True, slots=True)
class Instances(Listed[Instance]):
    """Instances of a `total`. `window`: of their figures; `completeness`: how much of it was seen."""

    window: Window
    total: int
    instances: tuple[Instance, ...]
    completeness: tuple[Completeness, ...]

    @property
    def rows(self) -> tuple[Instance, ...]:
        """The instances."""
        return self.instances


@dataclass(frozen=True, slots=True)
class Process:
    """A process group. `command_line` is without secrets."""

    id: str
    name: str
    instance: str
    service: str
    layer: str
    detect_type: Literal["kubernetes", "linux", "virtual"]
    host: str
    pids: tuple[int, ...]
    container: str | None
    cgroup: str | None
    executable: str | None
    command_line: str | None
    started: datetime | None
    labels: tuple[Label, ...]
    attributes: tuple[Attribute, ...]
    first_seen: datetime
    last_seen: datetime
    tls_visibility: str


@dataclass(frozen=True, slots=True)
class Processes(Listed[Process]):
    """Processes of a `total`. `window`: of their figures; `completeness`: how much of it was seen."""

    window: Window
    total: int
    processes: tuple[Process, ...]
    completeness: tuple[Completeness, ...]

    @property
    def rows(self) -> tuple[Process, ...]:
        """The processes."""
        return self.processes


@dataclass(frozen=True, slots=True)
class Rule:
    """Which exchanges a task keeps: all conditions that are set hold. `path`: a regular expression, "" for any."""

    path: str = ""
    min_duration_ms: int = 0
    status4xx: bool = False
    status5xx: bool = False


@dataclass(frozen=True, slots=True)
class NotTraced:
    """A process that a task asked for and that is not traced."""

    process: str
    why: str


@dataclass(frozen=True, slots=True)
class TaskEvent:
    """Something that happened to a task."""

    at: datetime
    kind: str
    who: str
    detail: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """A network profiling task. `state`: waiting until an agent says that it traces."""

    id: str
    instance: str
    instance_name: str
    service: str
    owner: str
    state: Literal["waiting", "running", "finished", "stopped", "refused"]
    created_at: datetime
    traced_at: datetime | None
    ends_at: datetime
    ended_at: datetime | None
    stopped_by: str | None
    duration_seconds: int
    rules: tuple[Rule, ...]
    processes: int | None
    not_traced: tuple[NotTraced, ...]
    hosts: tuple[str, ...]
    events: tuple[TaskEvent, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A process of the instance (`inside`), or a peer, resolved as far as it is known."""

    id: str
    name: str
    inside: bool
    kind: Literal["process", "pod", "service", "address", "rest"]
    ordinal: int
    address: str | None
    service: str | None
    instance: str | None
    group: str | None
    pids: tuple[int, ...]
    process: Process | None


@dataclass(frozen=True, slots=True)
class Group:
    """Peers that are shown together."""

    id: str
    name: str
    kind: Literal["application", "platform"]
    side: Literal["client", "server"]
    ordinal: int


@dataclass(frozen=True, slots=True)
class Reason:
    """How often for which reason."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections of a line in the window."""

    opened: int
    closed: int
    active: int
    failed: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class MetricBrief:
    """One metric of one side in short; None: see `why_not`."""

    side: SideName
    metric: str
    count: int | None
    bytes: int | None
    rate: float | None
    average_ns: float | None
    p99_ns: float | None
    why_not: str | None


@dataclass(frozen=True, slots=True)
class Tls:
    """What the hellos on a line said."""

    sni: tuple[str, ...]
    alpn: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TopologyEdge:
    """A line of the topology. `client`, `server`: ids of nodes. `address`: what was dialed. `seen_share`: from 0 to 1.

    `brief`: the first reason in few words. `overflow`: connections that are only in sums.
    """

    id: str
    client: str
    server: str
    address: str
    port: int
    transport: str
    protocol: str
    security: str
    security_source: str
    label: str
    tls: Tls | None
    state: State
    reasons: tuple[str, ...]
    brief: str
    rate: float | None
    bytes_rate: float | None
    p99_ns: float | None
    retransmit_share: float | None
    connections: Connections
    seen_share: float
    client_seen: bool
    server_seen: bool
    overflow: int
    last_traffic: datetime | None
    metrics: tuple[MetricBrief, ...]


@dataclass(frozen=True, slots=True)
class Topology:
    """Which process of an instance talked to which, inside and outside. `total`: of lines, also of those left out."""

    instance: Instance
    window: Window
    total: int
    nodes: tuple[Node, ...]
    groups: tuple[Group, ...]
    edges: tuple[TopologyEdge, ...]
    completeness: tuple[Completeness, ...]
    agent_silent_seconds: float | None

    def to_pandas(self) -> pandas.DataFrame:
        """A row per line. Raises HopscopeError when pandas is not installed."""
        return Rows(self.edges).to_pandas()
