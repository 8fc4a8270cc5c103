"""Which connections of many tell most, and what is wrong with each: the worst ones, then the busiest. Pure.

Law: a trouble stands on the connection's own numbers, those of its whole life, with the shares of edges/state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.edges.state import HELD_BACK_LEAST_US, HELD_BACK_SHARE, RESENT_LEAST, RESENT_SHARE

MOST = 100
"""Connections that are told of each side, of however many."""
STATES = (
    "UNKNOWN", "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT1", "FIN_WAIT2", "TIME_WAIT", "CLOSE", "CLOSE_WAIT",
    "LAST_ACK", "LISTEN", "CLOSING", "NEW_SYN_RECV",
)  # fmt: skip
"""By the number, which is the kernel's ABI: include/net/tcp_states.h."""
_CLOSE_WAIT = STATES.index("CLOSE_WAIT")
LONG = 1.0
"""Seconds after which what should happen at once has not happened."""

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of some connections, arrays of one length.

    `truths`: as records.h has them; `closing`: seconds since the first FIN, 0 without one; `idle`: seconds for which
    the process took nothing of what has arrived; `moved`, `lately`: bytes in all, and per second.
    """

    state: Array
    truths: Array
    closing: Array
    idle: Array
    moved: Array
    lately: Array
    hertz: int | None

    def held_back(self, by: str) -> Array:
        """Whose sending something held back for a good part of the time."""
        if self.hertz is None:
            return np.zeros(len(self.state), np.bool_)
        least = HELD_BACK_LEAST_US * self.hertz / 1_000_000
        return np.asarray(self.truths[by] >= np.maximum(least, HELD_BACK_SHARE * self.truths["busy"]))


def troubles(facts: Facts) -> list[tuple[str, Array]]:
    """What may be wrong, the worst first, and with which of the connections it is."""
    truths = facts.truths
    resent = np.maximum(RESENT_LEAST, RESENT_SHARE * truths["segments_out"])
    return [
        ("the peer does not read, its window is closed", truths["probe_backoff"] > 0),
        ("the peer has closed, this end has not", (facts.state == _CLOSE_WAIT) & (facts.closing >= LONG)),
        ("segments are sent again", truths["retransmitted"] >= resent),
        ("what has arrived is not read", (truths["unread"] > 0) & (facts.idle >= LONG)),
        ("the peer reads too slowly", facts.held_back("rwnd_limited")),
        ("the send buffer is too small", facts.held_back("sndbuf_limited")),
    ]


def most_telling(found: list[tuple[str, Array]], facts: Facts, most: int = MOST) -> npt.NDArray[np.intp]:
    """At most so many, those with the worst trouble first, then by bytes lately, then by all bytes. Where there are
    more with a trouble than half of them, the busiest keep the other half."""
    count = len(facts.state)
    worst = np.full(count, len(found))
    for place in range(len(found) - 1, -1, -1):
        worst[found[place][1]] = place
    order = np.lexsort((-facts.moved, -facts.lately, worst))
    if count <= most:
        return order
    busiest = np.lexsort((-facts.moved, -facts.lately))
    bad = order[: min(most // 2, int(np.count_nonzero(worst < len(found))))]
    rest = busiest[~np.isin(busiest, bad)][: most - len(bad)]
    kept = np.zeros(count, np.bool_)
    kept[bad] = kept[rest] = True
    return order[kept[order]]
