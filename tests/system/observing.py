"""How a test looks: a watch on this host while the test works, and the whole picture, idle edges and its own too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from hopscope.agent.watch import Watch
from hopscope.agent.window import OpenWindow
from hopscope.edges.model import Edge, Profile, Side, Value
from hopscope.settings import AgentSettings


@contextmanager
def observing(times: Literal["all", "windows", "off"] = "all", slots: int = 16384) -> Iterator[OpenWindow]:
    """A window that is open for as long as the block runs; `take` has the picture."""
    with Watch(AgentSettings(slots=slots)) as watch:
        yield watch.open(times)


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
