"""Where the time of a line's requests goes: a closed sum over both proxies. Pure.

    whole = downstream + client_proxy + network + server_proxy + app + not_explained

as far as both sides report; with the client's side alone `upstream` stands for network, server_proxy and app, with the
server's alone the whole is what its proxy saw. Averages are per request of the side that the whole is from. Law: the
parts' averages add up to the whole's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hopscope.edges.histogram import Triple, bounds
from hopscope.server.analysis.mesh_lines import Line, Numbers, Part


@dataclass(frozen=True, slots=True)
class Split:
    """One part. `side`: whose log it is from, None of a difference, which has no histogram; that is of the requests
    which have the part."""

    part: str
    side: str | None
    average_ns: float
    histogram: tuple[Triple, ...]


def split(line: Line) -> tuple[Split, ...]:
    """The parts of a line, the whole first; empty without a request that was timed."""
    client, server = _timed(line.client_side), _timed(line.server_side)
    if client is not None:
        return tuple(_of_client(client, server))
    if server is not None:
        return tuple(_of_server(server))
    return ()


def triples(part: Part) -> tuple[Triple, ...]:
    """The buckets of a part that hold something."""
    return tuple((*bounds(index), count) for index, count in sorted(part.histogram.items()))


def _timed(side: Numbers | None) -> Numbers | None:
    return side if side is not None and "whole" in side.parts else None


def _part(numbers: Numbers, name: str) -> Part:
    return numbers.parts.get(name) or Part()


def _each(numbers: Numbers, name: str) -> float:
    """Per request, those without the part included."""
    return _part(numbers, name).total / numbers.parts["whole"].count


def _of_client(client: Numbers, server: Numbers | None) -> Iterator[Split]:
    whole, upstream = _each(client, "whole"), _each(client, "upstream")
    downstream, proxy = _each(client, "downstream"), _each(client, "proxy")
    yield _shown("whole", "client", whole, client, "whole")
    yield _shown("downstream", "client", downstream, client, "downstream")
    yield _shown("client_proxy", "client", proxy, client, "proxy")
    yield _shown("upstream", "client", upstream, client, "upstream")
    explained = downstream + proxy
    if server is None:
        explained += upstream
    else:
        # Of each request that was sent: the server's averages, for the requests that the client sent upstream.
        share = _part(client, "upstream").count / client.parts["whole"].count
        inside, app = share * _each(server, "proxy"), share * _each(server, "upstream")
        # What the server's proxy waited for the request to arrive is the network's, too. It cannot be less than
        # nothing; where the two sides saw different requests, the rest is not explained.
        network = max(0.0, upstream - inside - app - share * _each(server, "unexplained"))
        yield Split("network", None, network, ())
        yield _shown("server_proxy", "server", inside, server, "proxy")
        yield _shown("app", "server", app, server, "upstream")
        explained += network + inside + app
    yield Split("not_explained", None, whole - explained, ())


def _of_server(server: Numbers) -> Iterator[Split]:
    whole, downstream = _each(server, "whole"), _each(server, "downstream")
    proxy, app = _each(server, "proxy"), _each(server, "upstream")
    yield _shown("whole", "server", whole, server, "whole")
    yield _shown("downstream", "server", downstream, server, "downstream")
    yield _shown("server_proxy", "server", proxy, server, "proxy")
    yield _shown("app", "server", app, server, "upstream")
    yield Split("not_explained", None, whole - downstream - proxy - app, ())


def _shown(name: str, side: str, average: float, numbers: Numbers, part: str) -> Split:
    return Split(name, side, average, triples(_part(numbers, part)))
