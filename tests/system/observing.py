"""How a test looks: probes in the kernel while it works, then the whole picture, idle edges and its own too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hopscope.client.profiling import Recording, Selection, recording
from hopscope.edges.model import Edge, Profile, Side, Value

EVERYTHING = Selection(all=True, own=True)


class Observation:
    """Ticks once a while, as the agent does, until it is asked for the picture."""

    def __init__(self, running: Recording, every: float) -> None:
        self._running, self._every = running, every
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._tick, daemon=True)
        self._thread.start()

    def _tick(self) -> None:
        while not self._over.wait(self._every):
            with self._lock:
                self._running.tick()

    def picture(self) -> Profile:
        """What happened since the start or the last picture."""
        with self._lock:
            return self._running.window(EVERYTHING)

    def stop(self) -> None:
        """Ends the ticking."""
        self._over.set()
        self._thread.join()


@contextmanager
def observing(every: float = 0.25, times: bool = True) -> Iterator[Observation]:
    """Probes in the kernel for as long as the block runs."""
    with recording(times) as running:
        observation = Observation(running, every)
        try:
            yield observation
        finally:
            observation.stop()


def edges_to(picture: Profile, port: int) -> list[Edge]:
    """The edges whose service port is `port`."""
    return [edge for edge in picture.edges if edge.server.address.endswith(f":{port}")]


def edge_to(picture: Profile, port: int) -> Edge:
    """The only edge whose service port is `port`."""
    found = edges_to(picture, port)
    assert len(found) == 1, [(e.client, e.server, e.connections) for e in found]
    return found[0]


def value(side: Side | None, metric: str) -> Value:
    """A metric of a side that must have been seen."""
    assert side is not None
    return side.metrics[metric]
