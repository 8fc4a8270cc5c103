"""What the server wants: asked once a second. Without its answer what runs goes on until its end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import grpc

from hopscope.agent import AgentError
from hopscope.agent.inspecting import Inspected, Subject
from hopscope.agent.reporters.inspected import message
from hopscope.agent.tasks import Progress, Task
from hopscope.agent.watch import Watch
from hopscope.edges.identity import host_id
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

log = logging.getLogger(__name__)

METHOD = "/hopscope.v1.Collector/Tasks"
EVERY, DEADLINE, OLDER_SERVER = 1.0, 2.0, 30.0
"""Seconds: between two questions, for an answer, until a server that does not know the question is asked again."""


class Asker:
    """Has `watch` trace and inspect what the server says, until it is closed. `boot`: the reporter's."""

    def __init__(self, channel: grpc.Channel, watch: Watch, boot: int) -> None:
        self._call: Callable[..., bytes] = channel.unary_unary(METHOD)
        self._watch = watch
        self._host, self._boot = int(host_id(watch.host), 16), boot
        self._skew = 0.0
        self._tasks: dict[int, Task] = {}
        self._inspections: dict[Subject, float] = {}
        self._inspecting = False
        self._refused: str | None = None
        self._answered = True
        self._due = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hopscope-tasks", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Asks no more; the tasks end with the watch. Twice is harmless."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._closing.wait(self._pause()):
            now = time.monotonic()
            if now >= self._due:
                self._due = now + EVERY
                self._ask()
            self._carry_out()

    def _pause(self) -> float:
        ends = [task.ends - time.time() for task in self._tasks.values()]
        return max(0.0, min([self._due - time.monotonic(), *ends]))

    def _ask(self) -> None:
        reports = [self._report(it) for it in self._watch.progress()]
        inspected = [message(it, self._skew) for it in self._inspected()]
        request = wire.TasksRequest(
            host=self._host, boot=self._boot, mode=self._watch.mode, reports=reports, inspects=True, inspected=inspected
        )
        sent = time.time()
        # A server that hangs holds up no task's end.
        patience = min([DEADLINE, *(max(0.1, task.ends - sent) for task in self._tasks.values())])
        try:
            reply = wire.TasksReply.FromString(self._call(request.SerializeToString(), timeout=patience))
        except grpc.RpcError as error:
            self._unanswered(error)
            return
        except ValueError:
            return  # the channel is closed under us: the agent ends
        if not self._answered:
            log.info("the server says again which tasks run")
        self._answered = True
        if reply.now_ms:
            self._skew = reply.now_ms / 1000 - (sent + time.time()) / 2
        self._tasks = {
            said.id: Task(said.id, said.service, said.instance, said.ends_ms / 1000 - self._skew)
            for said in reply.tasks
        }
        before = self._inspections.keys()
        self._inspections = {
            Subject(f"{said.id:016x}", said.process): said.ends_ms / 1000 - self._skew for said in reply.inspections
        }
        if self._inspections.keys() - before:
            # Somebody waits before a screen.
            self._due = 0.0

    def _inspected(self) -> list[Inspected]:
        now = time.time()
        subjects = [subject for subject, ends in self._inspections.items() if ends > now]
        if not subjects and not self._inspecting:
            return []
        self._inspecting = bool(subjects)
        try:
            return self._watch.inspect(subjects)
        except AgentError as error:
            return [Inspected(subject, None, now, why_not=str(error)) for subject in subjects]

    def _unanswered(self, error: grpc.RpcError) -> None:
        code = error.code()
        if code is grpc.StatusCode.UNIMPLEMENTED:
            self._due = time.monotonic() + OLDER_SERVER
        if self._answered:
            why = f"{code.name}: {error.details()}"
            if code is grpc.StatusCode.UNIMPLEMENTED:
                why = "it is of a version that knows no tasks"
            log.warning("the server does not say which tasks run, those that do go on until their end: %s", why)
        self._answered = False

    def _carry_out(self) -> None:
        now = time.time()
        self._tasks = {number: task for number, task in self._tasks.items() if task.ends > now}
        before = {progress.task.id for progress in self._watch.progress()}
        try:
            self._watch.trace(self._tasks.values())
            refused = None
        except AgentError as error:
            refused = str(error)
            if refused != self._refused:
                log.error("tasks cannot be carried out: %s", refused)
        self._refused = refused
        for number in self._tasks.keys() - before:
            log.info("task %016x begins: %s", number, self._tasks[number].instance)
            # The server hears of it at once.
            self._due = 0.0
        for number in before - self._tasks.keys():
            log.info("task %016x has ended", number)

    def _report(self, progress: Progress) -> wire.TaskReport:
        not_traced = dict(progress.not_traced)
        if self._refused is not None:
            not_traced["every process"] = self._refused
        return wire.TaskReport(
            task=progress.task.id,
            traced_ms=int((progress.since + self._skew) * 1000) if progress.since else 0,
            processes=progress.groups if progress.since else 0,
            not_traced=[wire.NotTraced(process=who, why=why) for who, why in not_traced.items()],
        )
