"""When the kernel's tables are read, and for whom: windows that are open, tasks, and subscribers of whole seconds."""

from __future__ import annotations

import os
import random
import select
import socket
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager

from hopscope.agent import AgentError
from hopscope.agent.assemble import Assembly, Mark, mark
from hopscope.agent.connections import Owner
from hopscope.agent.discovery import discovery
from hopscope.agent.inspecting import NOBODY, Inspected, Subject
from hopscope.agent.kernel import Limits
from hopscope.agent.probes import choose, describe
from hopscope.agent.processes import Processes
from hopscope.agent.processes.survey import Survey
from hopscope.agent.recorder import Recorder
from hopscope.agent.seconds import Second, idle
from hopscope.agent.session import Session
from hopscope.agent.tasks import Progress, Task, Traced
from hopscope.agent.window import OpenWindow, Times
from hopscope.agent.wishes import Wish
from hopscope.edges.selection import Selection
from hopscope.edges.status import AgentStatus, Delivery, TaskStatus
from hopscope.libbpf import LibbpfError, uninterrupted
from hopscope.settings import AgentSettings, Mode

Callback = Callable[[Second], None]

PERIOD, POLL = 0.5, 0.1
"""Seconds: calls are timed in one stretch of each period; the ring's fill is looked at this often."""


class Watch:
    """The probes in the kernel, read at each whole second, at window edges and when the ring is half full.

    Thread-safe. Raises AgentError when the kernel refuses. In on-demand mode the probes are on their hooks only while a
    window is open or a task runs, and only the processes that these want are traced.
    """

    def __init__(self, settings: AgentSettings, rung: str | None = None) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._windows: list[OpenWindow] = []
        self._callbacks: list[Callback] = []
        self._tasks: dict[int, Traced] = {}
        self._ended: list[Traced] = []
        self._closed = False
        self.delivery: Callable[[], Delivery] | None = None
        """How reporting goes, where there is a reporter."""
        self._recorded = 0.0
        self._second: Mark | None = None
        self._stretch = (-1, 0.0)
        self._wake, self._turned = threading.Event(), threading.Event()
        host = socket.gethostname()
        places = discovery(settings, host)
        self._processes = Processes(host, places)
        self.survey = Survey(self._processes)
        self.mode: Mode = places.mode if settings.mode == "auto" else settings.mode
        self.always = self.mode == "always"
        limits = Limits(settings.slots, settings.rows, trace_all=self.always)
        session: Session | None = None
        try:
            with uninterrupted(), _told():
                choice = choose(only=rung)
                self._probes = describe(choice)
                self._session = session = Session(choice, limits, self._processes, places, self.survey)
                if self.always:
                    self._start()
        except BaseException:
            if session is not None:
                session.close()
            raise
        self._thread = threading.Thread(target=self._run, name="hopscope-watch", daemon=True)
        self._thread.start()

    @property
    def host(self) -> str:
        """The name of this host."""
        return self._processes.host

    @property
    def _recorder(self) -> Recorder | None:
        return self._session.recorder

    def _start(self, wishes: Sequence[Wish] = ()) -> None:
        recorder = self._session.start(wishes)
        self._last = time.time()
        self._second = mark(recorder, self._last, self._recorded)

    def _wishes(self) -> list[Wish]:
        return [*(window.wish for window in self._windows), *(traced.wish for traced in self._tasks.values())]

    def _want(self, wishes: Sequence[Wish]) -> None:
        """In on-demand mode: starts, changes or ends what is traced."""
        if self.always:
            return
        with _told():
            if not wishes:
                self._session.stop()
                self._second = None
            elif self._recorder is None:
                self._start(wishes)
            else:
                self._session.want(wishes)

    def open(self, times: Times = "all", follow: int | None = None, selection: Selection | None = None) -> OpenWindow:
        """A window that starts now. `follow`: a process whose descendants are wanted as the window's `family`.

        `selection` says which processes somebody will ask for, so that in on-demand mode no others are traced.
        """
        pids = {follow} if follow is not None else set(selection.pids) if selection is not None else set()
        wish = Wish.of(selection or Selection(), pids or None)
        with self._lock:
            self._need_open()
            self._processes.follow(pids)
            try:
                self._want([*self._wishes(), wish])
                self._tick()
            except BaseException:
                self._processes.unfollow(pids)
                raise
            window = OpenWindow(self, times, wish, self._mark())
            self._windows.append(window)
            self._set_timers(time.monotonic())
        self._wake.set()
        return window

    def trace(self, tasks: Collection[Task]) -> None:
        """These tasks run now, and no others. Raises AgentError when the kernel refuses."""
        found: Second | None = None
        with self._lock:
            self._need_open()
            before, self._tasks = dict(self._tasks), {}
            for task in tasks:
                traced = self._tasks[task.id] = before.pop(task.id) if task.id in before else Traced.of(task)
                traced.task = task
            new = [traced for traced in self._tasks.values() if not traced.since]
            self._ended += before.values()
            if before and not self._wishes() and not self.always:
                # What came since the last whole second is a part of one.
                self._tick()
                found = self._whole_second(bool(self._callbacks))
            if before or new:
                self._want(self._wishes())
                self._set_timers(time.monotonic())
            for traced in new:
                traced.since = time.time()
            callbacks = list(self._callbacks)
        self._wake.set()
        for callback in callbacks if found is not None else ():
            callback(found)  # type: ignore[arg-type]

    def progress(self) -> list[Progress]:
        """How the running tasks go."""
        with self._lock:
            if self._tasks:
                self.survey.look_when_due(time.monotonic())
            owners = self.survey.members.values()
            found = []
            for traced in self._tasks.values():
                groups = {it.id for it in owners if traced.wish.takes_place(it.cgroup, it, self._processes.host)}
                not_traced = self._session.not_traced(traced.wish)
                found.append(Progress(traced.task, traced.since, len(groups), not_traced))
            return found

    def inspect(self, subjects: Sequence[Subject], window: OpenWindow | None = None) -> list[Inspected]:
        """The connections of edges and processes as of now: of those that tasks ask for, or a window wants. Nobody is
        traced for that who is not already. No subjects: whoever asked looks no more."""
        with self._lock:
            self._need_open()
            inspector = self._session.inspector
            if inspector is None:
                return [Inspected(subject, None, time.time(), why_not=NOBODY) for subject in subjects]
            if subjects:
                self._tick()
            wishes = [traced.wish for traced in self._tasks.values()] if window is None else [window.wish]
            wanted = None if self.always else self._wanted(wishes)
            return inspector.look(subjects, time.time(), time.monotonic_ns(), wanted, window)

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Calls back with the profile of each whole second, from the watching thread; returns what ends it."""
        with self._lock:
            self._need_open()
            self._callbacks.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                if callback in self._callbacks:
                    self._callbacks.remove(callback)

        return unsubscribe

    def status(self) -> AgentStatus:
        """What this watch does now."""
        tasks = tuple(
            TaskStatus(
                f"{it.task.id:016x}",
                it.task.service,
                it.task.instance,
                it.task.ends,
                it.since,
                it.groups,
                it.not_traced,
            )
            for it in self.progress()
        )
        delivery = self.delivery() if self.delivery is not None else None
        return AgentStatus(os.getpid(), self.mode, self._recorder is not None, len(self._windows), tasks, delivery)

    def turns(self, seconds: float) -> bool:
        """Whether the watching thread goes round within so many seconds."""
        self._turned.clear()
        self._wake.set()
        return self._turned.wait(seconds)

    def close(self) -> None:
        """Takes everything out of the kernel; twice is harmless."""
        with self._lock:
            self._closed = True
        self._wake.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        with self._lock:
            self._session.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _need_open(self) -> None:
        if self._closed:
            raise AgentError("this watch is closed")

    def _need_recorder(self) -> Recorder:
        self._need_open()
        if self._recorder is None:
            raise AgentError("this window is closed")
        return self._recorder

    def _tick(self) -> None:
        self._need_recorder()
        with _told():
            self._session.tick()
        now = time.time()
        # A clock that was set back makes no negative time.
        self._recorded += max(0.0, now - self._last)
        self._last = now

    def _mark(self) -> Mark:
        return mark(self._need_recorder(), self._last, self._recorded)

    def _assembly(self, start: Mark, wishes: Sequence[Wish]) -> Assembly:
        not_traced = {who: why for wish in wishes for who, why in self._session.not_traced(wish).items()}
        return Assembly(self._need_recorder(), start, self._last, self._recorded, not_traced)

    def _set_timers(self, now: float) -> None:
        """Timed all the time while a window wants that, in a random stretch of each period otherwise."""
        if self._recorder is None:
            return
        wishes = {window.times for window in self._windows} | ({"all"} if self._tasks else set())
        share = self.settings.window_share
        if "all" in wishes or share >= 1:
            wanted = wishes != {"off"}
        elif wishes == {"off"} or not share:
            wanted = False
        else:
            start, end = self._stretch_at(now)
            wanted = start <= now < end
        with _told():
            self._recorder.kernel.take_times(wanted)

    def _stretch_at(self, now: float) -> tuple[float, float]:
        period, share = int(now / PERIOD), self.settings.window_share
        if self._stretch[0] != period:
            self._stretch = period, random.uniform(0, PERIOD * (1 - share))
        start = period * PERIOD + self._stretch[1]
        return start, start + PERIOD * share

    def _pause(self, due: float) -> float:
        """Seconds until something is to be done: the second ends, a stretch begins or ends, the ring may be full."""
        now = time.monotonic()
        start, end = self._stretch_at(now)
        edge = start - now if now < start else end - now if now < end else (int(now / PERIOD) + 1) * PERIOD - now
        return max(0.0, min(POLL, due - time.time(), edge))

    def _run(self) -> None:
        due = int(time.time()) + 1.0
        # Edge-triggered: the ring counts as readable as long as anything waits in it, which is nearly always.
        waiting, watched = select.epoll(), -1
        try:
            while not self._closed:
                with self._lock:
                    fd = self._recorder.kernel.ring_fd if self._recorder is not None else -1
                if fd != watched and fd >= 0:
                    waiting.close()
                    waiting = select.epoll()
                    waiting.register(fd, select.EPOLLIN | select.EPOLLET)
                watched = fd
                if fd >= 0:
                    waiting.poll(self._pause(due))
                else:
                    # Subscribers hear each second that there is an agent, and which processes there are.
                    self._wake.wait(max(0.0, due - time.time()) if self._callbacks else None)
                    self._wake.clear()
                    due = due if self._callbacks else int(time.time()) + 1.0
                due = self._step(due)
                self._turned.set()
        finally:
            waiting.close()

    def _step(self, due: float) -> float:
        found, callbacks = None, []
        with self._lock:
            if self._closed:
                return due
            self._set_timers(time.monotonic())
            due = min(due, int(time.time()) + 1.0)  # the clock may have been set back
            if time.time() >= due:
                due = int(time.time()) + 1.0
                callbacks = list(self._callbacks)
                if self._recorder is not None:
                    self._tick()
                found = self._whole_second(bool(callbacks))
            elif self._recorder is None:
                return due
            elif self._recorder.kernel.ring_half_full():
                self._tick()
        if found is not None:
            for callback in callbacks:
                callback(found)
        return due

    def _whole_second(self, wanted: bool) -> Second | None:
        """What subscribers hear of the second that ends: in on-demand mode what tasks ask for."""
        if wanted:
            if self._recorder is None:
                self._processes.forget()
            self.survey.look_when_due(time.monotonic())
        recorder, start, found, gauges = self._recorder, self._second, None, None
        if wanted and recorder is None:
            return Second(idle(self._processes.host, time.time(), self._probes), self.survey.groups)
        if recorder is None:
            return None
        if start is not None and wanted:
            tasks = [traced.wish for traced in (*self._tasks.values(), *self._ended)]
            assembly = self._assembly(start, tasks)
            found = assembly.profile(
                self._probes, changed_only=True, wanted=None if self.always else self._wanted(tasks)
            )
            gauges = assembly.gauges()
        if start is not None:
            recorder.books.release(start.reading)
        self._second = mark(recorder, self._last, self._recorded, gauges)
        self._ended = []
        if found is None:
            return None
        return Second(
            found, self.survey.groups, recorder.witnesses.take(time.time(), recorder.connections.live.values())
        )

    def _wanted(self, wishes: Sequence[Wish]) -> Callable[[Owner], bool]:
        host = self._processes.host
        return lambda owner: any(wish.takes_place(owner.cgroup, owner, host) for wish in wishes)

    def _leave(self, window: OpenWindow) -> None:
        if window not in self._windows:
            return
        self._windows.remove(window)
        if self._session.inspector is not None:
            self._session.inspector.look((), 0, 0, None, window)
        self._processes.unfollow(window.family)
        if self._recorder is not None:
            self._recorder.books.release(window._start.reading)
        if not self._closed:
            self._want(self._wishes())
            self._set_timers(time.monotonic())


@contextmanager
def _told() -> Iterator[None]:
    """What the kernel refuses is said as the agent's error."""
    try:
        yield
    except LibbpfError as error:
        raise AgentError(str(error)) from error
