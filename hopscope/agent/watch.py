"""When the kernel's tables are read, and for whom: windows that are open, and subscribers of whole seconds."""

from __future__ import annotations

import random
import select
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

from hopscope.agent import AgentError
from hopscope.agent.assemble import edge, listener
from hopscope.agent.probes import choose, describe
from hopscope.agent.processes import Processes
from hopscope.agent.recorder import Limits, Recorder
from hopscope.edges import merge
from hopscope.edges.model import Profile, Window
from hopscope.libbpf import LibbpfError
from hopscope.settings import AgentSettings

Times = Literal["all", "windows", "off"]
Callback = Callable[[Profile], None]

PERIOD, POLL = 0.5, 0.1
"""Seconds: calls are timed in one stretch of each period; the ring's fill is looked at this often."""


class Watch:
    """The probes in the kernel, read at each whole second, at window edges and when the ring is half full.

    Thread-safe. Raises AgentError when the kernel refuses.
    """

    def __init__(self, settings: AgentSettings, rung: str | None = None) -> None:
        self.settings = settings
        try:
            self._recorder = Recorder(choose(only=rung), Limits(settings.slots, settings.rows), Processes())
        except LibbpfError as error:
            raise AgentError(str(error)) from error
        self._lock = threading.RLock()
        self._windows: list[OpenWindow] = []
        self._callbacks: list[Callback] = []
        self._second: list[Profile] = []
        self._closed = False
        self._last = time.time()
        self._tick()
        self._second.clear()
        self._thread = threading.Thread(target=self._run, name="hopscope-watch", daemon=True)
        self._thread.start()

    def open(self, times: Times = "all", follow: int | None = None) -> OpenWindow:
        """A window that starts now. `follow`: a process whose descendants are wanted as the window's `family`."""
        with self._lock:
            self._need_open()
            self._tick()
            window = OpenWindow(self, times)
            if follow is not None:
                window.family.add(follow)
                self._recorder.processes.follow(window.family)
            self._windows.append(window)
            self._set_timers(time.monotonic())
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
        if threading.current_thread() is not self._thread:
            self._thread.join()
        with self._lock:
            self._recorder.close()

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _need_open(self) -> None:
        if self._closed:
            raise AgentError("this watch is closed")

    def _tick(self) -> None:
        now = time.time()
        found = self._read(self._last, now)
        self._last = now
        self._second.append(found)
        for window in self._windows:
            window._parts.append(found)

    def _read(self, start: float, now: float) -> Profile:
        recorder = self._recorder
        recorder.tick()
        active = Counter(
            id(c.side.edge)
            for c in recorder.ledger.live.values()
            if c.side is not None and c.role == c.side.role and not c.flags & (2 | 16)
        )
        live = {key: id(book) for key, book in recorder.ledger.edges.items()}
        names = {value: name.removeprefix("PROTOCOL_").lower() for value, name in recorder.protocols.items()}
        edges = []
        for book in recorder.take_window():
            number = active[live[book.client_key, book.server_key, book.port]]
            number = number // len(book.sides) if len(book.sides) > 1 else number
            found = edge(book, number, names, recorder.choice.rung.time, recorder.hertz)
            if found is not None:
                edges.append(found)
        return Profile(
            recorder.processes.host,
            Window(datetime.fromtimestamp(start, UTC).isoformat(), round(now - start, 6)),
            tuple(edges),
            tuple(listener(c, *recorder.queue(c)) for c in recorder.ledger.listeners.values() if c.owner),
            {"seconds": {"asked": now - start, "recorded": now - start}},
            describe(recorder.choice),
        )

    def _set_timers(self, now: float) -> None:
        """Timed all the time while a window wants that, in a random stretch of each period otherwise."""
        wishes = {window.times for window in self._windows}
        if "all" in wishes:
            wanted = True
        elif wishes == {"off"} or not self.settings.window_share:
            wanted = False
        else:
            start = random.Random(int(now / PERIOD)).uniform(0, PERIOD * (1 - self.settings.window_share))
            wanted = start <= now % PERIOD < start + PERIOD * self.settings.window_share
        self._recorder.take_times(wanted)

    def _run(self) -> None:
        poll = select.poll()
        poll.register(self._recorder.ring_fd, select.POLLIN)
        due = int(time.time()) + 1.0
        while not self._closed:
            poll.poll(1000 * max(0.0, min(POLL, due - time.time())))
            found = None
            with self._lock:
                if self._closed:
                    return
                self._set_timers(time.monotonic())
                if time.time() >= due:
                    self._tick()
                    due = int(time.time()) + 1.0
                    found, self._second = merge.profiles(self._second), []
                elif self._recorder.ring_half_full():
                    self._tick()
                callbacks = list(self._callbacks) if found is not None else []
            for callback in callbacks:
                if found is not None:
                    callback(found)


class OpenWindow:
    """What is seen from its opening on; several windows do not know of each other."""

    def __init__(self, watch: Watch, times: Times) -> None:
        self._watch = watch
        self.times = times
        self.family: set[int] = set()
        self._parts: list[Profile] = []

    def peek(self) -> Profile:
        """Everything since the window was opened, or taken last."""
        with self._watch._lock:
            self._watch._need_open()
            self._watch._tick()
            merged = merge.profiles(self._parts)
            self._parts = [merged]
            return merged

    def take(self) -> Profile:
        """The same, and the next one starts here."""
        with self._watch._lock:
            merged = self.peek()
            self._parts = []
            return merged

    def close(self) -> None:
        """Ends the window; twice is harmless."""
        with self._watch._lock:
            if self in self._watch._windows:
                self._watch._windows.remove(self)
            self._watch._recorder.processes.unfollow(self.family)
            if not self._watch._closed:
                self._watch._set_timers(time.monotonic())
