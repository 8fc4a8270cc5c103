"""`Client`: what a server knows and does, as typed answers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from hopscope.client.answers import (
    Completeness,
    Instance,
    Instances,
    Processes,
    Rule,
    Services,
    Task,
    Topology,
)
from hopscope.client.asking import Server
from hopscope.client.comparison import Comparison
from hopscope.client.connections import LookedAt
from hopscope.client.failure import HopscopeError
from hopscope.client.frames import Rows
from hopscope.client.mesh import Mesh
from hopscope.client.reading import field_name, read, selection
from hopscope.client.remote_edges import EDGES, Seen
from hopscope.client.series import EdgeSeries

LOCAL = "http://127.0.0.1:8080"
Step = Literal["1s", "1m", "1h"]
Span = float | tuple[datetime, datetime]
"""A window: so many seconds up to now, or from one moment to another; without a zone they are local time."""
_MESH_SERVICES = "query($window: WindowInput!) { mesh(window: $window) { services { id name } } }"
_LOOK_AGAIN = 0.25
"""Seconds."""
_STEPS = {"1s": "SECOND", "1m": "MINUTE", "1h": "HOUR"}


class Client:
    """A server: `hopscope server`, on this host or elsewhere. A context manager; each method raises HopscopeError.

    `instance` is everywhere an instance's id, its name where only one has it, or `service/name`.
    """

    def __init__(
        self, server: str = LOCAL, token: str | None = None, *, ca: Path | None = None, seconds: float = 30
    ) -> None:
        self._server = Server(server, token, ca, seconds)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection."""
        self._server.close()

    def services(self, layer: str | None = None) -> Services:
        """All services, or those with a layer, for example MESH."""
        found: Services = self._ask("services", Services, layer=("String", layer))
        return found

    def instances(self, service: str) -> Instances:
        """The instances of a service, by its id or name."""
        found: Instances = self._ask("instances", Instances, service=("ID!", self._service(service)))
        return found

    def _service(self, wanted: str) -> str:
        known = self.services()
        found = [held.id for held in known if wanted in (held.id, held.name)]
        if not found:
            raise HopscopeError(f"there is no service {wanted}; known: {_some(held.name for held in known)}")
        return found[0]

    def instance(self, instance: str) -> Instance:
        """One instance."""
        found: Instance | None = self._ask("instance", Instance, id=("ID!", instance))
        if found is None:
            raise HopscopeError(f"there is no instance {instance}; see hopscope services, hopscope instances SERVICE")
        return found

    def processes(self, instance: str) -> Processes:
        """The processes of an instance."""
        found: Processes = self._ask("processes", Processes, instance=("ID!", instance))
        return found

    def create_task(self, instance: str, seconds: int = 300, rules: Sequence[Rule] = ()) -> Task:
        """Starts network profiling of an instance: its processes are traced, every call is timed, until `seconds` are
        over or it is stopped."""
        made: Task = self._ask(
            "createTask", Task, verb="mutation", instance=("ID!", instance), duration_seconds=("Int!", seconds),
            rules=("[RuleInput!]!", [{field_name(name): value for name, value in asdict(it).items()} for it in rules]),
        )  # fmt: skip
        return made

    def tasks(self, instance: str | None = None, limit: int = 100) -> Rows[Task]:
        """Tasks, the latest first."""
        return Rows(self._ask("tasks", Task, many=True, instance=("ID", instance), limit=("Int!", limit)))

    def task(self, task: str) -> Task:
        """One task by its id."""
        found: Task | None = self._ask("task", Task, id=("ID!", task))
        if found is None:
            raise HopscopeError(f"there is no task {task}; see hopscope task list")
        return found

    def extend_task(self, task: str, seconds: int) -> Task:
        """Lets a running task go on for so many seconds more."""
        made: Task = self._ask("extendTask", Task, verb="mutation", id=("ID!", task), seconds=("Int!", seconds))
        return made

    def stop_task(self, task: str) -> Task:
        """Ends a task."""
        made: Task = self._ask("stopTask", Task, verb="mutation", id=("ID!", task))
        return made

    def topology(self, instance: str, window: Span = 300, own: bool = False) -> Topology:
        """Which process of an instance talked to which, inside and outside."""
        found: Topology = self._ask(
            "topology", Topology, instance=("ID!", instance), window=("WindowInput!", _window(window)),
            own=("Boolean!", own),
        )  # fmt: skip
        return found

    def edges(self, instance: str | None = None, window: Span = 300, own: bool = False, limit: int = 500) -> Seen:
        """Edges with all metrics of both sides, in the shape of a profile's; of an instance, or all."""
        given = {"instance": instance, "window": _window(window), "own": own, "limit": limit}
        return Seen.of(self._server.ask(EDGES, given)["edges"])

    def connections(
        self, edge: str | None = None, process: str | None = None, limit: int = 100, wait: float = 5
    ) -> LookedAt:
        """The connections behind an edge, or of a process, by its id, as they are now.

        Their agents are asked when somebody looks, and answer a second or two later: for that it waits up to `wait`
        seconds. Who asks again within 15 s gets what they saw last, at once.
        """
        end = time.monotonic() + wait
        while True:
            found: LookedAt | None = self._ask(
                "connections", LookedAt, edge=("ID", edge), process=("ID", process), limit=("Int!", limit)
            )
            if found is None:
                raise HopscopeError(f"there is no {'edge' if process is None else 'process'} {edge or process}")
            if found.complete or time.monotonic() > end:
                return found
            time.sleep(_LOOK_AGAIN)

    def series(
        self, edge: str, window: Span = 300, step: Step = "1s", metrics: Sequence[str] | None = None
    ) -> EdgeSeries:
        """All metrics of an edge, or those named, over time."""
        if step not in _STEPS:
            raise HopscopeError(f"{step!r} is no step; one of {', '.join(_STEPS)}", 2)
        found: EdgeSeries = self._ask(
            "edgeSeries", EdgeSeries, edge=("ID!", edge), window=("WindowInput!", _window(window)),
            step=("Step!", _STEPS[step]), metrics=("[String!]", metrics),
        )  # fmt: skip
        return found

    def completeness(self, window: Span = 300) -> Rows[Completeness]:
        """How much of a window each host saw."""
        return Rows(self._ask("completeness", Completeness, many=True, window=("WindowInput!", _window(window))))

    def compare(self, instance: str, a: Span, b: Span) -> Comparison:
        """What changed on an instance's lines from window A to window B, the surest first."""
        found: Comparison = self._ask(
            "compare", Comparison, instance=("ID!", instance), a=("WindowInput!", _window(a)),
            b=("WindowInput!", _window(b)),
        )  # fmt: skip
        return found

    def mesh(self, window: Span = 300, namespace: str | None = None) -> Mesh:
        """The service mesh as Envoy's access logs tell it."""
        found: Mesh = self._ask(
            "mesh", Mesh, window=("WindowInput!", _window(window)), namespace=("String", namespace)
        )  # fmt: skip
        return found

    def mesh_pods(self, service: str, window: Span = 300) -> Mesh:
        """The same between instances: the lines with an end in a service, by its id or name."""
        known = self._server.ask(_MESH_SERVICES, {"window": _window(window)})["mesh"]["services"]
        named = [held["id"] for held in known if service in (held["id"], held["name"])]
        if not named:
            names = _some(held["name"] for held in known)
            raise HopscopeError(f"there is no service {service} in the mesh of this window; known: {names}")
        found: Mesh = self._ask(
            "meshPods", Mesh, service=("ID!", named[0]), window=("WindowInput!", _window(window))
        )  # fmt: skip
        return found

    def _ask(
        self, name: str, kind: type, *, verb: str = "query", many: bool = False, **arguments: tuple[str, Any]
    ) -> Any:
        """One field of the API. An argument is its type in GraphQL and its value."""
        given = {field_name(argument): held for argument, held in arguments.items()}
        heads = ", ".join(f"${argument}: {of}" for argument, (of, _) in given.items())
        uses = ", ".join(f"{argument}: ${argument}" for argument in given)
        question = f"{verb}({heads}) {{ {name}({uses}) {selection(kind)} }}"
        answer = self._server.ask(question, {argument: value for argument, (_, value) in given.items()})[name]
        try:
            return read(answer, tuple[kind, ...] if many else kind | None)  # type: ignore[valid-type]
        except ValueError as error:
            raise HopscopeError(f"the server's answer to {name} is not understood: {error}; same version?") from error


def _window(window: Span) -> Mapping[str, Any]:
    if isinstance(window, tuple):
        start, end = window
        return {"from": start.astimezone(UTC).isoformat(), "to": end.astimezone(UTC).isoformat()}
    return {"last": round(window)}


def _some(names: Iterable[str]) -> str:
    listed = sorted(set(names))
    return ", ".join(listed[:8]) + (f" and {len(listed) - 8} more" if len(listed) > 8 else "") if listed else "none"
