"""Profiling tasks: created, prolonged, stopped, looked at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from hopscope.server.access.identity import Caller
from hopscope.server.analysis.entities import Name, host_name
from hopscope.server.analysis.tasks import Task, described
from hopscope.server.query.alive import Alive
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader, number_of
from hopscope.server.query.windows import text
from hopscope.server.tasks import Tasks, now_ms

MOST = 1000


class TaskQueries:
    """Query.tasks, task; Mutation.createTask, extendTask, stopTask."""

    def __init__(self, reader: Reader, tasks: Tasks) -> None:
        self._reader = reader
        self._tasks = tasks
        self._alive = Alive(reader)
        self.fields: Fields = {
            "Query": {"tasks": self.tasks, "task": self.task},
            "Mutation": {"createTask": self.create, "extendTask": self.extend, "stopTask": self.stop},
        }

    def tasks(
        self, _: Caller, instance: str | None = None, state: Sequence[str] | None = None, limit: int = 100
    ) -> list[dict[str, Any]]:
        """See `Query.tasks` in the schema."""
        if not 0 < limit <= MOST:
            raise ValueError(f"limit: from 1 to {MOST}")
        found = self._tasks.all() if instance is None else self._tasks.of(self._alive.meant(instance))
        now = now_ms()
        latest = [task for task in reversed(found.values()) if state is None or task.state(now) in state]
        hosts = self._reader.hosts()
        return [_shown(task, now, hosts) for task in latest[:limit]]

    def task(self, _: Caller, id: str) -> dict[str, Any]:
        """See `Query.task` in the schema."""
        return self._shown(self._tasks.get(number_of(id)))

    def create(
        self, caller: Caller, instance: str, duration_seconds: int, rules: Sequence[dict[str, Any]]
    ) -> dict[str, Any]:
        """See `Mutation.createTask` in the schema."""
        name = self._alive.meant(instance)
        self._alive.need(name, time.time())
        return self._shown(self._tasks.create(caller.name, name, duration_seconds, rules))

    def extend(self, caller: Caller, id: str, seconds: int) -> dict[str, Any]:
        """See `Mutation.extendTask` in the schema."""
        return self._shown(self._tasks.extend(caller.name, number_of(id), seconds))

    def stop(self, caller: Caller, id: str) -> dict[str, Any]:
        """See `Mutation.stopTask` in the schema."""
        return self._shown(self._tasks.stop(caller.name, number_of(id)))

    def running(self) -> dict[Name, dict[str, Any]]:
        """The task that runs on each instance that has one."""
        now, hosts = now_ms(), self._reader.hosts()
        return {task.name: _shown(task, now, hosts) for task in self._tasks.running().values()}

    def _shown(self, task: Task) -> dict[str, Any]:
        return _shown(task, now_ms(), self._reader.hosts())


def _shown(task: Task, now: int, hosts: dict[int, str]) -> dict[str, Any]:
    """See `Task` in the schema."""
    names = {host: host_name(host, hosts) for host in task.traced}
    state = task.state(now)
    over = state in ("finished", "stopped", "refused")
    return {
        "id": f"{task.id:016x}",
        "instance": task.name.id,
        "service": task.name.service,
        "instance_name": task.name.instance,
        "owner": task.owner,
        "state": state,
        "created_at": text(task.created / 1000),
        "traced_at": text(task.traced_at / 1000) if task.traced_at else None,
        "ends_at": text(task.ends / 1000),
        "ended_at": text(task.ended / 1000) if over else None,
        "stopped_by": task.stopped_by,
        "duration_seconds": task.seconds,
        "rules": [{name: getattr(rule, name) for name in rule.__dataclass_fields__} for rule in task.rules],
        "processes": sum(host.processes for host in task.traced.values()) if task.traced else None,
        "not_traced": [{"process": name, "why": why} for host in task.traced.values() for name, why in host.not_traced],
        "hosts": sorted(names.values()),
        "events": [
            {
                "at": text(event.at / 1000),
                "kind": event.kind,
                "who": names.get(event.host, event.who) if event.kind == "traced" else event.who,
                "detail": described(event) or None,
            }
            for event in task.events
        ],
    }
