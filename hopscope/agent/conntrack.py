"""The port that a client dialed before REDIRECT, from the connection tracking of the server's network namespace.

Only asked for connections whose client is not on this host. A port that turned out to be dialed as it is is believed
to be so for a while, for the whole table has to be read to find one connection.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from hopscope.agent.connections import Connection, ip_text

BYTES = 4_000_000
"""Of a table larger than this the rest is not looked at."""
FRESH, DIRECT = 0.5, 60.0
"""Seconds for which a table that was read is good enough; for which a port counts as dialed as it is."""
_TUPLES = re.compile(r"src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)")

Table = dict[tuple[str, int], tuple[int, int]]


class Conntrack:
    """What was dialed by initiators that REDIRECT or DNAT sent elsewhere."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._tables: dict[int, tuple[float, Table]] = {}
        self._direct: dict[tuple[int, int], float] = {}

    def dialed_port(self, connection: Connection, tgid: int) -> int | None:
        """The port in the initiator's first packet; None if it is the one accepted at, or nobody knows.

        `tgid`: a process of the server's namespace, through which the table is read.
        """
        now, port = time.monotonic(), (connection.netns, connection.local_port)
        if now < self._direct.get(port, 0):
            return None
        found = self._table(connection.netns, tgid, now).get((ip_text(connection.remote), connection.remote_port))
        if found is None or found[1] != connection.local_port:
            self._direct[port] = now + DIRECT
            return None
        return found[0]

    def _table(self, netns: int, tgid: int, now: float) -> Table:
        read, table = self._tables.get(netns, (0.0, {}))
        if now - read > FRESH:
            self._tables = {key: kept for key, kept in self._tables.items() if now - kept[0] < FRESH}
            table = self._read(tgid)
            self._tables[netns] = now, table
        return table

    def _read(self, tgid: int) -> Table:
        try:
            with (self._proc / str(tgid) / "net/nf_conntrack").open() as lines:
                return redirected(lines.read(BYTES))
        except OSError:
            return {}


def redirected(text: str) -> Table:
    """Initiator to (dialed port, port that answers), of the TCP connections where the two differ."""
    table: Table = {}
    for line in text.splitlines():
        if " tcp " not in line:
            continue
        both = _TUPLES.findall(line)
        if len(both) == 2 and both[0][3] != both[1][2]:
            table[both[0][0], int(both[0][2])] = int(both[0][3]), int(both[1][2])
    return table
