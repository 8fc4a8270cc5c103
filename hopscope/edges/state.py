"""What state an edge is in, why, and at which end: healthy, slow or failing. Pure.

Law: a state stands on counts of this window alone, and each reason names its count and the end that it points to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hopscope.edges.histogram import index_of, percentile
from hopscope.edges.model import Connections, Edge, Side

Name = Literal["failing", "slow", "healthy"]
NAMES: tuple[Name, ...] = ("failing", "slow", "healthy")
"""The worst first."""

FAILED_SHARE = RESET_SHARE = 0.01
"""Of the connects, of the closed connections."""
RESENT_SHARE, RESENT_LEAST = 0.01, 3
"""Of the segments; TCP's own probing sends one or two again on a healthy path."""
DROPPED_LEAST = 3
HELD_BACK_SHARE, HELD_BACK_LEAST_US = 0.2, 10_000
"""Of the time in which there was something to send."""
SYN_RETRY_NS = 900_000_000
"""The kernel sends a SYN again after a second: a handshake of that length lost one."""
SYN_RETRY_BUCKET = index_of(SYN_RETRY_NS)
"""In it and above it lie all such handshakes."""
QUEUEING_TIMES, QUEUEING_LEAST_US, NETWORK_US = 10, 100_000, 300
"""Round trip over the shortest one, when it is also that long; not on a path too short to be a network, where the
smoothed round trip is mostly the peer's delayed acknowledgement."""


@dataclass(frozen=True, slots=True)
class State:
    """The state of an edge, and a clause for each reason.

    `brief`: the first reason in its metric's word, short enough for the label on a line: `3.1 % retransmit`.
    """

    name: Name
    reasons: tuple[str, ...] = ()
    brief: str = ""


ERROR_SHARE = RETRY_SHARE = 0.01
"""Of the requests."""
ERRORS_LEAST = RETRIES_LEAST = 3
LONG_NS = 1_000_000_000
"""A request of which somebody who waits for a page takes notice."""


_Reason = tuple[str, str]
"""A clause, and the same in its metric's word."""


def state(edge: Edge) -> State:
    """The state of an edge in its window."""
    return state_of(edge.connections, _sides(edge))


def state_of(connections: Connections, sides: Sequence[tuple[str, Side]]) -> State:
    """The same of what an edge measured; `sides`: those that were seen, with their names, the client first."""
    failing, slow = list(_failing(connections, sides)), list(_slow(sides))
    name: Name = "failing" if failing else "slow" if slow else "healthy"
    reasons = (*failing, *slow)
    return State(name, tuple(clause for clause, _ in reasons), reasons[0][1] if reasons else "")


def name_of(connections: Connections, sides: Callable[[], Sequence[tuple[str, Side]]]) -> Name:
    """The name of the state alone; the sides are only asked for if it needs them."""
    if next(_refused(connections), None):
        return "failing"
    seen = sides()
    if next(_failing(connections, seen), None):
        return "failing"
    return "slow" if next(_slow(seen), None) else "healthy"


def of_requests(
    requests: int, errors: int, causes: Mapping[str, int], retries: int, p99_ns: float | None, what: str = "requests"
) -> State:
    """The state of requests that an access log counted, or of connections, which is `what` then. `causes` of the
    errors: status or response flag."""
    reasons: list[_Reason] = []
    if errors >= max(ERRORS_LEAST, ERROR_SHARE * requests):
        worst = sorted(causes, key=lambda cause: (-causes[cause], cause))[:3]
        why = f" ({', '.join(f'{causes[cause]} {cause}' for cause in worst)})" if worst else ""
        reasons.append((f"{errors} of {requests} {what} failed{why}", f"{errors / requests:.1%} errors"))
    failing = bool(reasons)
    if retries >= max(RETRIES_LEAST, RETRY_SHARE * requests):
        again = f"{retries} retr{'ies' if retries != 1 else 'y'}"
        reasons.append((f"{requests} {what} took {again}", again))
    if p99_ns is not None and p99_ns >= LONG_NS:
        seconds = f"{p99_ns / 1e9:.1f} s"
        reasons.append((f"1 of 100 {what} takes {seconds} or longer", f"p99 {seconds}"))
    name: Name = "failing" if failing else "slow" if reasons else "healthy"
    return State(name, tuple(clause for clause, _ in reasons), reasons[0][1] if reasons else "")


def _failing(connections: Connections, sides: Sequence[tuple[str, Side]]) -> Iterator[_Reason]:
    yield from _refused(connections)
    for where, side in sides:
        reset = side.metrics.get("reset")
        closed = max(connections.closed, 1)
        if reset is not None and reset.count and reset.count >= RESET_SHARE * closed:
            of = max(closed, reset.count)
            clause = f"{reset.count} of {of} closed by a reset from {_senders(where, reset.reasons)}"
            yield clause, _times(reset.count, "reset")
            break  # both ends see the same reset
    for where, side in sides:
        if probes := int(side.tcp.get("zero_window_probes", 0)):
            clause = f"the {_other(where)} does not read: {_times(probes, 'zero-window probe')} from the {where}"
            yield clause, "zero window"


def _refused(connections: Connections) -> Iterator[_Reason]:
    failed = sum(connections.failed.values())
    if failed and failed >= FAILED_SHARE * (failed + connections.opened):
        causes = [f"{count} {cause}" for cause, count in sorted(connections.failed.items())]
        why = next(iter(connections.failed)) if len(causes) == 1 else ", ".join(causes)
        worst = max(sorted(connections.failed), key=lambda cause: connections.failed[cause])
        yield (
            f"{failed} of {failed + connections.opened} connects failed ({why})",
            f"{connections.failed[worst]} {worst}",
        )


def _senders(where: str, reasons: object) -> str:
    # What is local to the end that saw it is named by that end.
    names = {
        "peer": f"the {_other(where)}",
        "local application": f"the {where}",
        "local kernel": f"the {where}'s kernel",
    }
    known = sorted(reasons) if isinstance(reasons, dict) else []
    return " and ".join(names.get(reason, reason) for reason in known) or "an unknown end"


def _slow(sides: Sequence[tuple[str, Side]]) -> Iterator[_Reason]:
    for where, side in sides:
        resent, out = side.metrics.get("retransmit"), side.tcp.get("segments_out", 0)
        if resent is not None and resent.count >= max(RESENT_LEAST, RESENT_SHARE * out):
            known = out >= resent.count
            share = f", {resent.count / out:.1%} of its segments" if known else ""
            brief = f"{100 * resent.count / out:.1f} % retransmit" if known else f"{resent.count} retransmit"
            yield f"the {where} sent {_times(resent.count, 'segment')} again{share}", brief
        drop = side.metrics.get("drop")
        if drop is not None and drop.count >= DROPPED_LEAST:
            why = ", ".join(sorted(name for name in drop.reasons or {} if not name.startswith("tidy_up")))
            clause = f"the kernel dropped {_times(drop.count, 'packet')} of the {where}" + (f" ({why})" if why else "")
            yield clause, _times(drop.count, "drop")
        yield from _held_back(where, side)
        least, now = side.tcp.get("min_rtt", 0), side.tcp.get("srtt", 0)
        if least >= NETWORK_US and now >= max(QUEUEING_LEAST_US, QUEUEING_TIMES * least):
            clause = f"packets queue on the way: round trip {now / 1000:.0f} ms, at its best {least / 1000:.1f} ms"
            yield clause, f"RTT {now / 1000:.0f} ms"
        connect = side.metrics.get("connect")
        if connect is not None and (percentile(connect.histogram or (), 0.99) or 0) >= SYN_RETRY_NS:
            yield "handshakes take a second or more: a SYN or its answer is lost", "connect over 1 s"


def _held_back(where: str, side: Side) -> Iterator[_Reason]:
    busy = side.tcp.get("busy", 0)
    for name, word, what in (
        ("rwnd_limited", "window", f"the {_other(where)} reads too slowly: its window held the {where} back"),
        ("sndbuf_limited", "send buffer", f"the {where}'s send buffer is too small: it held it back"),
    ):
        held = side.tcp.get(name, 0)
        if busy and held >= max(HELD_BACK_LEAST_US, HELD_BACK_SHARE * busy):
            share = min(1.0, held / busy)
            yield f"{what} {share:.0%} of the time", f"{word} {100 * share:.0f} %"


def _sides(edge: Edge) -> list[tuple[str, Side]]:
    both = (("client", edge.client_side), ("server", edge.server_side))
    return [(where, side) for where, side in both if side is not None]


def _other(where: str) -> str:
    return "server" if where == "client" else "client"


def _times(number: int, what: str) -> str:
    return f"{number} {what}{'s' if number != 1 else ''}"
