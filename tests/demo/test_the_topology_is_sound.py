"""Are names and addresses unique at any scale, and short enough for the kernel?"""

from __future__ import annotations

import pytest

from hopscope.demo import graph
from hopscope.demo.topology import MAX_COPIES, Options, mesh


@pytest.mark.parametrize("scale", [1, 9, MAX_COPIES])
def test_names_and_addresses_are_unique(scale: int) -> None:
    made = mesh(Options(scale=scale))
    assert len(made.pods) == 6 * scale + 2
    for names in (
        [pod.name for pod in made.pods],
        [pod.address for pod in made.pods],
        [pod.link for pod in made.pods if pod.link],
        [container.folder for container in made.containers],
        list(made.names()),
        list(made.names().values()),
    ):
        assert len(set(names)) == len(names)
    # IFNAMSIZ is 16 with its zero, and the delaying fault adds two letters.
    assert max(len(pod.link) for pod in made.pods) <= 13
    # A Unix socket's path has 108 bytes with its zero.
    assert max(len(str(container.folder / "control.sock")) for container in made.containers) < 108


@pytest.mark.parametrize("scale", [1, 3])
def test_the_known_graph_has_every_call(scale: int) -> None:
    edges = list(graph.edges(mesh(Options(scale=scale))))
    # Of each copy: one into the gateway, five between sidecars, five into applications, three out of them, and for the
    # two that look names up, one to the sidecar and one from it to the DNS server.
    assert len(edges) == scale * (1 + 5 + 5 + 3 + 4)
    ends = [(edge.client, edge.server, edge.dialed) for edge in edges]
    assert len(set(ends)) == len(ends)
