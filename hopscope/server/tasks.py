"""Profiling tasks: events in a table, folded when somebody asks. Nothing is remembered that the table does not hold."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hopscope.server.analysis.entities import Name
from hopscope.server.analysis.tasks import (
    MOST_SECONDS,
    Event,
    Kind,
    Task,
    body,
    checked_rules,
    checked_seconds,
    fold,
)
from hopscope.server.storage.native import Column
from hopscope.server.storage.store import Insert, Store
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

FRESH_MS = 400
"""How old what agents are told may be: each asks once a second, and there may be hundreds."""
RUNNING_DAYS = 8
"""How far back a task that still runs may have been created: it ends at most MOST_SECONDS from its last extension."""
_LONGEST_MS = 7 * 86_400_000
_REPEAT_MS = 5000
"""An agent whose word on a task changes each second is written down this often."""
_COLUMNS = "task, toUnixTimestamp64Milli(at) AS ms, host, kind, who, service, instance, body"


class Tasks:
    """The tasks of a store. Safe to use from several threads; each method raises StoreError."""

    def __init__(self, store: Store, store_id: int) -> None:
        self._store = store
        self._store_id = store_id
        self._guard = threading.Lock()
        self._read_ms = 0
        self._tasks: dict[int, Task] = {}
        self._hosts: dict[Name, frozenset[int]] = {}

    def all(self) -> dict[int, Task]:
        """Every task that is still kept, by id, the earliest first."""
        return fold(self._events("1"))

    def of(self, name: Name) -> dict[int, Task]:
        """The tasks of an instance."""
        return fold(
            self._events("service = {service:String} AND instance = {instance:String}",
                         service=name.service, instance=name.instance)
        )  # fmt: skip

    def get(self, task: int) -> Task:
        """A task, whatever became of it. Raises ValueError when there is none."""
        rows = self._store.query(
            "SELECT service, instance FROM task_event WHERE task = {task:UInt64} LIMIT 1", task=task
        )
        # Whether it was refused depends on the instance's others.
        found = self.of(Name(rows[0]["service"], rows[0]["instance"])).get(task) if rows else None
        if found is None:
            raise ValueError(f"there is no task {task:016x}")
        return found

    def create(self, who: str, name: Name, seconds: int, rules: Sequence[Mapping[str, Any]]) -> Task:
        """A new task that begins now. Raises ValueError when it cannot be."""
        checked_seconds(seconds)
        made = checked_rules(rules)
        now = now_ms()
        running = next((task for task in self.of(name).values() if task.runs(now)), None)
        if running is not None:
            raise ValueError(_busy(running))
        task = secrets.randbits(64)
        said = body(seconds=seconds, rules=[{n: getattr(rule, n) for n in rule.__dataclass_fields__} for rule in made])
        self._write([Event(now, task, "created", 0, who, name, said)])
        found = self.of(name)
        if found[task].refused:
            # Another server took one at the same time, and that one was earlier.
            raise ValueError(_busy(max((it for it in found.values() if it.runs(now)), key=lambda it: it.created)))
        return found[task]

    def extend(self, who: str, task: int, seconds: int) -> Task:
        """Prolongs a task that runs. Raises ValueError."""
        checked_seconds(seconds)
        found = self.get(task)
        now = now_ms()
        _need_running(found, now)
        ends = found.ends + 1000 * seconds
        if ends > now + 1000 * MOST_SECONDS or ends > found.created + _LONGEST_MS:
            raise ValueError(f"a task ends at most {MOST_SECONDS // 3600} h from now and 7 days after it began")
        return self._happened(found, who, now, "extended", body(seconds=seconds))

    def stop(self, who: str, task: int) -> Task:
        """Ends a task that runs. Raises ValueError."""
        found = self.get(task)
        now = now_ms()
        _need_running(found, now)
        return self._happened(found, who, now, "stopped", body())

    def kept(self, task: Task, until: int) -> None:
        """Its seconds up to a moment (Unix ms) are kept longer."""
        self._write([Event(now_ms(), task.id, "kept", 0, "", task.name, body(until=until))])

    def running(self) -> dict[int, Task]:
        """The tasks that run now, as an agent is told: at most FRESH_MS old."""
        now = now_ms()
        with self._guard:
            if now - self._read_ms >= FRESH_MS:
                self._refresh(now)
            return {number: task for number, task in self._tasks.items() if task.runs(now)}

    def reply(self, request: wire.TasksRequest) -> wire.TasksReply:
        """What an agent is to trace now; writes down what it says of its tasks, if that is new."""
        running = self.running()
        now = now_ms()
        news = [event for report in request.reports if (event := _news(report, request.host, self._tasks, now))]
        if news:
            self._write(news)
        reply = wire.TasksReply(store=self._store_id, now_ms=now)
        for task in running.values():
            if request.host in self._hosts.get(task.name, ()):
                reply.tasks.append(_told(task))
        return reply

    def _refresh(self, now: int) -> None:
        since = f"at >= fromUnixTimestamp64Milli(toInt64({now - RUNNING_DAYS * 86_400_000}))"
        self._tasks = fold(self._events(since))
        self._hosts = self._hosts_of({task.name for task in self._tasks.values() if task.runs(now)})
        self._read_ms = now

    def _hosts_of(self, names: Iterable[Name]) -> dict[Name, frozenset[int]]:
        found: dict[Name, frozenset[int]] = {}
        for name in names:
            rows = self._store.query(
                # A process without service is its host's.
                "SELECT DISTINCT host FROM process AS p LEFT JOIN (SELECT id, host AS named FROM agent FINAL) AS a"
                " ON p.host = a.id WHERE if(service = '', named, service) = {service:String}"
                " AND if(instance = '', named, instance) = {instance:String}",
                service=name.service, instance=name.instance,
            )  # fmt: skip
            found[name] = frozenset(row["host"] for row in rows)
        return found

    def _happened(self, task: Task, who: str, now: int, kind: Kind, said: str) -> Task:
        self._write([Event(now, task.id, kind, 0, who, task.name, said)])
        return self.get(task.id)

    def _events(self, condition: str, **parameters: Any) -> list[Event]:
        rows = self._store.query(f"SELECT {_COLUMNS} FROM task_event WHERE {condition}", **parameters)
        return [
            Event(row["ms"], row["task"], row["kind"], row["host"], row["who"],
                  Name(row["service"], row["instance"]), row["body"])
            for row in rows
        ]  # fmt: skip

    def _write(self, events: list[Event]) -> None:
        columns = (
            Column("task", "UInt64", [event.task for event in events]),
            Column("at", "DateTime64(3)", [event.at for event in events]),
            Column("host", "UInt64", [event.host for event in events]),
            Column("kind", "String", [event.kind for event in events]),
            Column("who", "String", [event.who for event in events]),
            Column("service", "String", [event.name.service for event in events]),
            Column("instance", "String", [event.name.instance for event in events]),
            Column("body", "String", [event.body for event in events]),
        )
        self._store.insert(Insert("task_event", columns, len(events)), f"task-{secrets.token_hex(8)}")
        with self._guard:
            self._read_ms = 0


def now_ms() -> int:
    """Unix time in ms, as events are stamped."""
    return time.time_ns() // 1_000_000


def _busy(task: Task) -> str:
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(task.ends / 1000))
    return (
        f"{task.owner} profiles this instance until {until} (task {task.id:016x}); one task at a time:"
        " extend that one or stop it"
    )


def _need_running(task: Task, now: int) -> None:
    if not task.runs(now):
        raise ValueError(f"task {task.id:016x} is {task.state(now)}; create another one")


def _news(report: wire.TaskReport, host: int, tasks: Mapping[int, Task], now: int) -> Event | None:
    task = tasks.get(report.task)
    if task is None or task.refused:
        return None
    not_traced = tuple((item.process, item.why) for item in report.not_traced)
    before = task.traced.get(host)
    if before is not None:
        first = not before.since and report.traced_ms > 0
        same = (before.processes, before.not_traced) == (report.processes, not_traced)
        last = max(event.at for event in task.events if event.kind == "traced" and event.host == host)
        if not first and (same or now - last < _REPEAT_MS):
            return None
    said = body(since=report.traced_ms, processes=report.processes, not_traced=not_traced)
    return Event(now, task.id, "traced", host, "", task.name, said)


def _told(task: Task) -> wire.Task:
    rules = [
        wire.Rule(
            path=rule.path, min_duration_ms=rule.min_duration_ms, status_4xx=rule.status4xx, status_5xx=rule.status5xx
        )
        for rule in task.rules
    ]
    return wire.Task(
        id=task.id, service=task.name.service, instance=task.name.instance, ends_ms=task.ended, rules=rules
    )
