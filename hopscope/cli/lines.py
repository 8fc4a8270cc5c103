"""One edge as one line: the columns of `profile`, `show` and `top`, their order, words and units."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from hopscope.cli.figures import amount, duration, shorten, size
from hopscope.cli.verdicts import Verdict, verdict
from hopscope.edges.histogram import percentile
from hopscope.edges.model import Edge, End, Side, Value

STATES = ("failing", "slow", "healthy")


@dataclass(frozen=True, slots=True)
class Line:
    """An edge, the seconds it was watched, and what state it is in."""

    edge: Edge
    seconds: float
    state: Verdict


def line(edge: Edge, seconds: float) -> Line:
    """The line of an edge."""
    return Line(edge, seconds, verdict(edge))


def lines(edges: Iterable[Edge], seconds: float) -> list[Line]:
    """All lines, the worst first, then by bytes."""
    return sorted((line(edge, seconds) for edge in edges), key=lambda it: (_badness(it), -(moved(it) or 0)))


def _badness(it: Line) -> int:
    return STATES.index(it.state.name) if it.state.name in STATES else len(STATES)


def who(end: End) -> str:
    """What an end is called: its process, or its address when it is elsewhere."""
    return end.process or end.address


def server_name(edge: Edge) -> str:
    """The server's name with the port that was dialed."""
    port = edge.server.address.rpartition(":")[2]
    return f"{edge.server.process}:{port}" if edge.server.process else edge.server.address


def name(edge: Edge, width: int | None = None) -> str:
    """`wrk → nginx:8080`, both halves shortened to fit."""
    client, server = who(edge.client), server_name(edge)
    if width is None or len(client) + len(server) + 3 <= width:
        return f"{client} → {server}"
    room = max(2, width - 3)
    left = max(room // 2, room - len(server)) if len(client) > room // 2 else len(client)
    return f"{shorten(client, left)} → {_shorter(edge, room - left)}"


def _shorter(edge: Edge, width: int) -> str:
    whole = server_name(edge)
    host, _, port = whole.rpartition(":")
    if len(whole) <= width or width < len(port) + 4:
        return shorten(whole, width)
    return f"{shorten(host, width - len(port) - 1)}:{port}"


def _sides(it: Line) -> list[Side]:
    return [side for side in (it.edge.client_side, it.edge.server_side) if side is not None]


def _near(it: Line) -> Side | None:
    return it.edge.client_side or it.edge.server_side


def value(side: Side | None, metric: str) -> Value | None:
    """A metric of a side; None where it was not measured."""
    return side.metrics.get(metric) if side else None


def _bytes(it: Line, at_client: str, at_server: str) -> int | None:
    client, server = value(it.edge.client_side, at_client), value(it.edge.server_side, at_server)
    return client.bytes if client is not None else server.bytes if server is not None else None


def sent(it: Line) -> int | None:
    """Bytes from client to server, as the client counted them, else the server."""
    return _bytes(it, "write", "read")


def received(it: Line) -> int | None:
    """Bytes from server to client."""
    return _bytes(it, "read", "write")


def moved(it: Line) -> int | None:
    """Bytes both ways."""
    known = [number for number in (sent(it), received(it)) if number is not None]
    return sum(known) if known else None


def _calls(it: Line) -> int | None:
    found = [measured.count for metric in ("write", "read") if (measured := value(_near(it), metric))]
    return sum(found) if found else None


def _both(metric: str) -> Callable[[Line], float | None]:
    def total(it: Line) -> float | None:
        found = [measured.count for side in _sides(it) if (measured := side.metrics.get(metric))]
        return sum(found) if found else None

    return total


def rtt(it: Line) -> float | None:
    """Smoothed round trip in ns, from the client's own tcp_sock, else the server's."""
    for side in _sides(it):
        if side.tcp.get("srtt"):
            return side.tcp["srtt"] * 1000
        measured = side.metrics.get("write_rtt")
        if measured is not None and measured.time_ns and measured.timed:
            return measured.time_ns / measured.timed
    return None


def _time(metric: str, share: float) -> Callable[[Line], float | None]:
    def at(it: Line) -> float | None:
        for side in _sides(it):
            measured = side.metrics.get(metric)
            if measured is not None and measured.histogram:
                return percentile(measured.histogram, share)
        return None

    return at


def _rate(of: Callable[[Line], float | None]) -> Callable[[Line], float | None]:
    def per_second(it: Line) -> float | None:
        number = of(it)
        return None if number is None or it.seconds <= 0 else number / it.seconds

    return per_second


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, the number it sorts by, how that is written, and what it means."""

    heading: str
    width: int
    number: Callable[[Line], float | None]
    text: Callable[[float | None], str]
    sentence: str


COLUMNS = (
    Column("CONN", 4, lambda it: it.edge.connections.active, amount, "connections open at the end"),
    Column("CALLS/s", 7, _rate(_calls), amount, "reads and writes that moved bytes, at the client if it is here"),
    Column("SENT/s", 6, _rate(sent), size, "bytes from client to server"),
    Column("RCVD/s", 6, _rate(received), size, "bytes from server to client"),
    Column("RTT", 5, rtt, duration, "smoothed round trip"),
    Column("RETR", 4, _both("retransmit"), amount, "segments sent again, both sides"),
    Column("DROP", 4, _both("drop"), amount, "packets the kernel dropped, both sides"),
    Column("STATE", 7, lambda it: -_badness(it), amount, "healthy, slow or failing"),
    Column("W p50", 6, _time("write", 0.5), duration, "time of a write, half are faster"),
    Column("W p99", 6, _time("write", 0.99), duration, "time of a write, 99 of 100 are faster"),
    Column("R p50", 6, _time("read", 0.5), duration, "time of a read without waiting"),
    Column("R p99", 6, _time("read", 0.99), duration, "time of a read, 99 of 100 are faster"),
    Column("C p99", 6, _time("connect", 0.99), duration, "handshake at the client, 99 of 100 are faster"),
    Column("OPEN", 4, lambda it: it.edge.connections.opened, amount, "connections opened"),
    Column("CLOS", 4, lambda it: it.edge.connections.closed, amount, "connections closed"),
    Column("FAIL", 4, lambda it: sum(it.edge.connections.failed.values()), amount, "connects that failed"),
    Column("RST", 4, _both("reset"), amount, "connections reset, both sides"),
    Column("SENT", 6, sent, size, "bytes from client to server, in all"),
    Column("RCVD", 6, received, size, "bytes from server to client, in all"),
)
ALWAYS = 8
"""So many columns are shown on the narrowest terminal."""
LABEL_WIDTH, NAME_WIDTH = 6, 20


def written(column: Column, it: Line) -> str:
    """A line's text in a column."""
    return it.state.name if column.heading == "STATE" else column.text(column.number(it))


def fitting(width: int, label: int = LABEL_WIDTH, wish: int = NAME_WIDTH) -> tuple[tuple[Column, ...], int]:
    """The columns that fit into `width` characters, one space between them, and what is left for the name.

    The name gets `wish` characters before a further column is shown.
    """
    left = width - label - 1 - sum(column.width + 1 for column in COLUMNS[:ALWAYS])
    number = ALWAYS
    while number < len(COLUMNS) and left - COLUMNS[number].width - 1 >= max(wish, NAME_WIDTH):
        left -= COLUMNS[number].width + 1
        number += 1
    return COLUMNS[:number], max(8, left)
