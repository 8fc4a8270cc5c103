"""One edge as one line: the columns of `profile`, `show` and `top`, their order, words and widths."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hopscope.cli.figures import WRITTEN, shorten
from hopscope.edges import figures
from hopscope.edges.model import Edge, End
from hopscope.edges.state import NAMES, State, state


@dataclass(frozen=True, slots=True)
class Line:
    """An edge, the seconds it was watched, and what state it is in."""

    edge: Edge
    seconds: float
    state: State

    @property
    def badness(self) -> int:
        """0 for the worst state."""
        return NAMES.index(self.state.name)


def lines(edges: Iterable[Edge], seconds: float) -> list[Line]:
    """All lines, the worst first, then by bytes, then by name so that idle ones keep their place."""
    found = (Line(edge, seconds, state(edge)) for edge in edges)
    return sorted(found, key=lambda it: (it.badness, -figures.moved_bytes(it.edge), name(it.edge)))


def who(end: End) -> str:
    """What an end is called: its process, or its address when it is elsewhere."""
    return end.process or end.address


def server_name(edge: Edge) -> str:
    """The server's name with the port that was dialed."""
    port = edge.server.address.rpartition(":")[2]
    if edge.server.process is None or not port.isdecimal():
        return edge.server.process or edge.server.address
    return f"{edge.server.process}:{port}"


def name(edge: Edge, width: int | None = None) -> str:
    """`wrk → nginx:8080`, both halves shortened to fit."""
    client, server = who(edge.client), server_name(edge)
    if width is None or len(client) + len(server) + 3 <= width:
        return f"{client} → {server}"
    room = max(2, width - 3)
    left = max(room // 2, room - len(server)) if len(client) > room // 2 else len(client)
    return f"{shorten(client, left)} → {_shorter(server, room - left)}"


def _shorter(server: str, width: int) -> str:
    host, _, port = server.rpartition(":")
    if len(server) <= width or not host or width < len(port) + 4:
        return shorten(server, width)
    return f"{shorten(host, width - len(port) - 1)}:{port}"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, its width, and the figure it shows; STATE shows none."""

    heading: str
    width: int
    figure: figures.Figure | None

    def number(self, it: Line) -> float | None:
        """What the column is sorted by; the state counts by how bad it is."""
        return self.figure.of(it.edge, it.seconds) if self.figure else float(len(NAMES) - it.badness)

    def text(self, it: Line) -> str:
        """What stands in the column."""
        return WRITTEN[self.figure.unit](self.number(it)) if self.figure else it.state.name

    @property
    def sentence(self) -> str:
        """What the column means."""
        return self.figure.sentence if self.figure else "healthy, slow or failing; what is wrong is said below"


def _column(heading: str, width: int, figure: str) -> Column:
    return Column(heading, width, figures.BY_NAME[figure])


COLUMNS = (
    _column("CONN", 4, "active"),
    _column("CALLS/s", 7, "calls_per_second"),
    _column("SENT/s", 6, "sent_per_second"),
    _column("RCVD/s", 6, "received_per_second"),
    _column("RTT", 5, "rtt"),
    _column("RETR", 4, "retransmits"),
    _column("DROP", 4, "drops"),
    Column("STATE", 7, None),
    _column("W p50", 6, "write_p50"),
    _column("W p99", 6, "write_p99"),
    _column("R p50", 6, "read_p50"),
    _column("R p99", 6, "read_p99"),
    _column("C p99", 6, "connect_p99"),
    _column("OPEN", 4, "opened"),
    _column("CLOS", 4, "closed"),
    _column("FAIL", 4, "failed"),
    _column("RST", 4, "resets"),
    _column("SENT", 6, "sent"),
    _column("RCVD", 6, "received"),
)
ALWAYS = 8
"""So many columns are shown on the narrowest terminal."""
LABEL_WIDTH, NAME_WIDTH = 6, 20


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
