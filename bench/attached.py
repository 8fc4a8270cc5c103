"""What can be attached while something is measured: empty programs, and hopscope in each of its modes."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager

from bench.measure import ROOT, State
from hopscope.agent.kernel import Kernel, Limits
from hopscope.agent.probes import Choice, choose
from hopscope.libbpf import Object, Program

EMPTY = ("on_send_length", "on_recv_length", "on_sendmsg_locked", "on_copy_datagram")
PERIOD, SHARE = 0.5, 0.1


@contextmanager
def empty_object(hooks: Collection[str]) -> Iterator[dict[str, Program]]:
    """Empty programs on those of these hooks that a send and a receive pass, by their names."""
    loaded = Object.open(ROOT / "build" / "workloads" / "empty.x86.o")
    present = {name: program for name, program in loaded.programs.items() if name in hooks}
    for program in present.values():
        program.set_autoload(True)
    links = []
    try:
        loaded.load()
        links += [program.attach() for program in present.values()]
        yield present
    finally:
        for link in links:
            link.close()
        loaded.close()


def empty(count: int) -> State:
    """The first `count` of the empty programs, on the hooks of rung L2."""
    return lambda: empty_object(EMPTY[:count])


class Hopscope:
    """hopscope's programs, loaded for each measurement as an agent does; user space does not tick meanwhile."""

    def __init__(self, rung: str | None = None, slots: int = 16384) -> None:
        self.choice: Choice = choose(only=rung)
        self._slots = slots

    def _state(
        self, ready: Callable[[Kernel], None], end: Callable[[], None] = lambda: None, trace_all: bool = True
    ) -> State:
        @contextmanager
        def state() -> Iterator[Kernel]:
            kernel = Kernel(self.choice, Limits(slots=self._slots, trace_all=trace_all))
            try:
                ready(kernel)
                yield kernel
            finally:
                end()
                kernel.close()

        return state

    def counts(self) -> State:
        """Counts, bytes and RTT; no times."""
        return self._state(lambda kernel: kernel.take_times(False))

    def every_call(self) -> State:
        """Every call timed."""
        return self._state(lambda kernel: kernel.take_times(True))

    def windows(self) -> State:
        """Calls timed a tenth of the time."""
        stop = threading.Event()
        threads: list[threading.Thread] = []

        def begin(kernel: Kernel) -> None:
            stop.clear()
            threads.append(threading.Thread(target=_toggle, args=(kernel, stop)))
            threads[-1].start()

        def end() -> None:
            stop.set()
            threads.pop().join()

        return self._state(begin, end)

    def untraced(self) -> State:
        """Attached, but no process is wanted."""
        return self._state(lambda kernel: kernel.take_times(False), trace_all=False)


def _toggle(kernel: Kernel, stop: threading.Event) -> None:
    while not stop.wait(random.uniform(0, PERIOD * (1 - SHARE))):
        kernel.take_times(True)
        stop.wait(PERIOD * SHARE)
        kernel.take_times(False)
        stop.wait(PERIOD * (1 - SHARE) / 2)
