"""When the kernel's tables are read, and for whom: windows that are open, and subscribers of whole seconds."""

from __future__ import annotations

import random
import select
import socket
import threading
import time
from collections.abc import Callable
from typing import Literal

from hopscope.agent import AgentError
from hopscope.agent.assemble import Assembly, Mark, mark
from hopscope.agent.conntrack import Conntrack
from hopscope.agent.discovery import discovery
from hopscope.agent.kernel import Kernel, Limits
from hopscope.agent.probes import choose, describe
from hopscope.agent.processes import Processes
from hopscope.agent.recorder import Recorder
from hopscope.edges.model import Profile
from hopscope.libbpf import LibbpfError, uninterrupted
from hopscope.settings import AgentSettings

Times = Literal["all", "windows", "off"]
Callback = Callable[[Profile], None]

PERIOD, POLL = 0.5, 0.1
"""Seconds: calls are timed in one stretch of each period; the ring's fill is looked at this often."""


class Watch:
    """The probes in the kernel, read at each whole second, at window edges and when the ring is half full.

    Thread-safe. Raises AgentError when the kernel refuses. In on-demand mode the probes are in the kernel only while a
    window is open.
    """

    def __init__(self, settings: AgentSettings, rung: str | None = None) -> None:
        self.settings = settings
        self._lock = threading.RLock()
        self._windows: list[OpenWindow] = []
        self._callbacks: list[Callback] = []
        self._closed = False
        self._recorder: Recorder | None = None
        self._recorded = 0.0
        self._second: Mark | None = None
        self._stretch = (-1, 0.0)
        self._wake = threading.Event()
        host = socket.gethostname()
        self._processes = Processes(host, discovery(settings, host))
        try:
            with uninterrupted():
                self._choice = choose(only=rung)
                self._probes = describe(self._choice)
                if settings.mode == "always":
                    self._start()
        except LibbpfError as error:
            raise AgentError(str(error)) from error
        except KeyboardInterrupt:
            self._stop()
            raise
        self._thread = threading.Thread(target=self._run, name="hopscope-watch", daemon=True)
        self._thread.start()

    def _start(self) -> None:
        try:
            kernel = Kernel(self._choice, Limits(self.settings.slots, self.settings.rows))
        except LibbpfError as error:
            raise AgentError(str(error)) from error
        self._recorder = Recorder(kernel, self._processes, Conntrack().dialed_port)
        self._recorder.tick()
        self._last = time.time()
        self._second = mark(self._recorder, self._last, self._recorded)

    def _stop(self) -> None:
        recorder, self._recorder, self._second = self._recorder, None, None
        if recorder is not None:
            recorder.kernel.close()

    def open(self, times: Times = "all", follow: int | None = None) -> OpenWindow:
        """A window that starts now. `follow`: a process whose descendants are wanted as the window's `family`."""
        with self._lock:
            self._need_open()
            if self._recorder is None:
                self._start()
            self._tick()
            window = OpenWindow(self, times, self._mark())
            if follow is not None:
                window.family.add(follow)
                self._processes.follow(window.family)
            self._windows.append(window)
            self._set_timers(time.monotonic())
        self._wake.set()
        return window

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

    def close(self) -> None:
        """Takes everything out of the kernel; twice is harmless."""
        with self._lock:
            self._closed = True
        self._wake.set()
        if threading.current_thread() is not self._thread:
            self._thread.join()
        with self._lock:
            self._stop()

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
        self._need_recorder().tick()
        now = time.time()
        # A clock that was set back makes no negative time.
        self._recorded += max(0.0, now - self._last)
        self._last = now

    def _mark(self) -> Mark:
        return mark(self._need_recorder(), self._last, self._recorded)

    def _assembly(self, start: Mark) -> Assembly:
        return Assembly(self._need_recorder(), start, self._last, self._recorded)

    def _set_timers(self, now: float) -> None:
        """Timed all the time while a window wants that, in a random stretch of each period otherwise."""
        if self._recorder is None:
            return
        wishes = {window.times for window in self._windows}
        share = self.settings.window_share
        if "all" in wishes or share >= 1:
            wanted = wishes != {"off"}
        elif wishes == {"off"} or not share:
            wanted = False
        else:
            start, end = self._stretch_at(now)
            wanted = start <= now < end
        try:
            self._recorder.kernel.take_times(wanted)
        except LibbpfError as error:
            raise AgentError(str(error)) from error

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
                    self._wake.wait()
                    self._wake.clear()
                    due = int(time.time()) + 1.0
                due = self._step(due)
        finally:
            waiting.close()

    def _step(self, due: float) -> float:
        found, callbacks = None, []
        with self._lock:
            if self._closed or self._recorder is None:
                return due
            self._set_timers(time.monotonic())
            due = min(due, int(time.time()) + 1.0)  # the clock may have been set back
            if time.time() >= due:
                self._tick()
                due = int(time.time()) + 1.0
                callbacks = list(self._callbacks)
                found = self._whole_second(bool(callbacks))
            elif self._recorder.kernel.ring_half_full():
                self._tick()
        if found is not None:
            for callback in callbacks:
                callback(found)
        return due

    def _whole_second(self, wanted: bool) -> Profile | None:
        recorder, start = self._need_recorder(), self._second
        found, gauges = None, None
        if start is not None and wanted:
            assembly = self._assembly(start)
            found, gauges = assembly.profile(self._probes, changed_only=True), assembly.gauges()
        if start is not None:
            recorder.books.release(start.reading)
        self._second = mark(recorder, self._last, self._recorded, gauges)
        return found

    def _leave(self, window: OpenWindow) -> None:
        if window not in self._windows:
            return
        self._windows.remove(window)
        self._processes.unfollow(window.family)
        if self._recorder is not None:
            self._recorder.books.release(window._start.reading)
        if not self._windows and self.settings.mode == "on-demand":
            self._stop()
        elif not self._closed:
            self._set_timers(time.monotonic())


class OpenWindow:
    """What is seen from its opening on; several windows do not know of each other."""

    def __init__(self, watch: Watch, times: Times, start: Mark) -> None:
        self._watch, self._start = watch, start
        self.times = times
        self.family: set[int] = set()
        """The followed process with its descendants, those that ended included."""

    def peek(self) -> Profile:
        """Everything since the window was opened, or taken last."""
        watch = self._watch
        with watch._lock:
            watch._tick()
            return watch._assembly(self._start).profile(watch._probes)

    def take(self) -> Profile:
        """The same, and the next one starts here."""
        watch = self._watch
        with watch._lock:
            found = self.peek()
            watch._need_recorder().books.release(self._start.reading)
            self._start = watch._mark()
            return found

    def close(self) -> None:
        """Ends the window; twice is harmless."""
        with self._watch._lock:
            self._watch._leave(self)
