"""What became of a profiling task: a fold over its events. Pure.

Law: the same events give the same tasks, in whichever order and however often they are read. Of two tasks of one
instance that exclude each other the earlier is valid; the other is refused, also when two servers took both at once.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from hopscope.server.analysis.entities import Name

Kind = Literal["created", "extended", "stopped", "traced", "kept"]
State = Literal["waiting", "running", "finished", "stopped", "refused"]
STATES: tuple[State, ...] = ("waiting", "running", "finished", "stopped", "refused")
LEAST_SECONDS, MOST_SECONDS = 5, 86_400
MOST_RULES, LONGEST_PATH, MOST_MS = 8, 512, 600_000


@dataclass(frozen=True, slots=True, order=True)
class Event:
    """One line of a task's history. `at`: Unix ms of the server that wrote it; `host`: an agent's, of `traced`."""

    at: int
    task: int
    kind: Kind
    host: int
    who: str
    name: Name
    body: str

    @property
    def said(self) -> Mapping[str, Any]:
        """What its body holds."""
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True, slots=True)
class Rule:
    """Which exchanges are kept: all conditions that are given. `path`: a regular expression, "" any."""

    path: str = ""
    min_duration_ms: int = 0
    status4xx: bool = False
    status5xx: bool = False


@dataclass(frozen=True, slots=True)
class Traced:
    """How a task goes on a host. `since`: Unix ms, 0 not yet."""

    since: int
    processes: int
    not_traced: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Task:
    """A task as its events tell it. Times: Unix ms. `kept_until`: its seconds up to then are kept longer."""

    id: int
    name: Name
    owner: str
    created: int
    ends: int
    seconds: int
    rules: tuple[Rule, ...]
    stopped: int | None = None
    stopped_by: str | None = None
    refused: str | None = None
    traced: dict[int, Traced] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    kept_until: int = 0

    @property
    def traced_at(self) -> int | None:
        """Since when the first of its agents traces."""
        return min((host.since for host in self.traced.values() if host.since), default=None)

    @property
    def ended(self) -> int:
        """When it ended or will end."""
        return self.created if self.refused else self.ends if self.stopped is None else self.stopped

    def runs(self, now: int) -> bool:
        """Whether it is to be carried out."""
        return self.created <= now < self.ended

    def state(self, now: int) -> State:
        """What became of it."""
        if self.refused:
            return "refused"
        if self.stopped is not None and self.stopped <= now:
            return "stopped"
        if now >= self.ends:
            return "finished"
        return "waiting" if self.traced_at is None else "running"


def fold(events: Iterable[Event]) -> dict[int, Task]:
    """All tasks by id, the earliest first."""
    found: dict[int, Task] = {}
    rest: dict[int, list[Event]] = defaultdict(list)
    for event in sorted(set(events)):
        if event.kind != "created":
            rest[event.task].append(event)
        elif event.task not in found:
            found[event.task] = _created(event)
    latest: dict[Name, Task] = {}
    for task in found.values():
        before = latest.get(task.name)
        if before is not None and before.created <= task.created < before.ended:
            task.refused = f"{before.owner} profiles this instance already (task {before.id:016x})"
        for event in rest[task.id]:
            _add(task, event)
        if not task.refused:
            latest[task.name] = task
    return found


def _created(event: Event) -> Task:
    seconds = int(event.said["seconds"])
    rules = tuple(Rule(**rule) for rule in event.said["rules"])
    ends = event.at + 1000 * seconds
    return Task(event.task, event.name, event.who, event.at, ends, seconds, rules, events=[event])


def _add(task: Task, event: Event) -> None:
    if event.kind == "kept":
        task.kept_until = max(task.kept_until, event.said["until"])
        return
    if event.kind == "traced":
        task.events.append(event)
        said = event.said
        before = task.traced.get(event.host)
        # The first moment counts: an agent that starts again traces anew.
        since = min(filter(None, (before.since if before else 0, said["since"])), default=0)
        task.traced[event.host] = Traced(since, said["processes"], tuple(map(tuple, said["not_traced"])))
        return
    if task.refused or not task.created <= event.at < task.ended:
        return  # it came too late
    task.events.append(event)
    if event.kind == "stopped":
        task.stopped, task.stopped_by = event.at, event.who
    else:
        task.seconds += int(event.said["seconds"])
        task.ends += 1000 * int(event.said["seconds"])


def body(**said: Any) -> str:
    """What an event says beside its columns."""
    return json.dumps(said, sort_keys=True)


def described(event: Event) -> str:
    """An event's particulars, for people."""
    said = event.said
    if event.kind == "created":
        return f"for {said['seconds']} s" + (f", {len(said['rules'])} rules" if said["rules"] else "")
    if event.kind == "extended":
        return f"by {said['seconds']} s"
    if event.kind == "traced":
        left = "".join(f"; not {name}: {why}" for name, why in said["not_traced"])
        return f"{said['processes']} processes{left}"
    return ""


def checked_seconds(seconds: int) -> int:
    """A duration that a task may have. Raises ValueError."""
    if not LEAST_SECONDS <= seconds <= MOST_SECONDS:
        raise ValueError(f"a duration of {seconds} s; from {LEAST_SECONDS} s to {MOST_SECONDS // 3600} h are possible")
    return seconds


def checked_rules(rules: Sequence[Mapping[str, Any]]) -> tuple[Rule, ...]:
    """The rules of a new task. Raises ValueError that says which one is wrong, and where."""
    if len(rules) > MOST_RULES:
        raise ValueError(f"{len(rules)} rules; a task has at most {MOST_RULES}")
    made: list[Rule] = []
    for number, given in enumerate(rules, 1):
        rule = Rule(**{name: value for name, value in given.items() if value is not None})
        if len(rule.path) > LONGEST_PATH:
            raise ValueError(f"rule {number}: a path of {len(rule.path)} characters; at most {LONGEST_PATH}")
        try:
            re.compile(rule.path)
        except re.error as error:
            where = "" if error.pos is None else f" at {error.pos}"
            raise ValueError(f"rule {number}: the path is no regular expression: {error.msg}{where}") from error
        if not 0 <= rule.min_duration_ms <= MOST_MS:
            raise ValueError(
                f"rule {number}: a duration of {rule.min_duration_ms} ms; from 0 to {MOST_MS} are possible"
            )
        if rule in made:
            raise ValueError(f"rule {number} is the same as rule {made.index(rule) + 1}")
        made.append(rule)
    return tuple(made)
