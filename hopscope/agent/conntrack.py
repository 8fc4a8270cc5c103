"""The port that a client dialed before REDIRECT, from the connection tracking of the server's network namespace.

Only asked for connections whose client is not on this host; the file is read at most once a second for each namespace.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from hopscope.agent.connections import Connection, ip_text

BYTES = 4_000_000
"""Of a table larger than this the rest is not looked at."""
_TUPLES = re.compile(r"src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)")
_REDIRECTS = 65536

Table = dict[tuple[str, int], tuple[int, int]]


class Conntrack:
    """What was dialed by initiators that REDIRECT or DNAT sent elsewhere."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        self._proc = proc
        self._tables: dict[int, tuple[float, Table]] = {}

    def dialed_port(self, connection: Connection) -> int | None:
        """The port in the initiator's first packet; None if it is the one accepted at, or the table is not readable."""
        if not connection.tgid:
            return None
        read, table = self._tables.get(connection.netns, (0.0, {}))
        found = table.get((ip_text(connection.remote), connection.remote_port))
        if found is None and time.monotonic() - read > 1:
            table = self._read(connection.tgid)
            self._tables[connection.netns] = time.monotonic(), table
            found = table.get((ip_text(connection.remote), connection.remote_port))
        if found is None or found[1] != connection.local_port:
            return None
        return found[0]

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
        if len(both) == 2 and both[0][3] != both[1][2] and len(table) < _REDIRECTS:
            table[both[0][0], int(both[0][2])] = int(both[0][3]), int(both[1][2])
    return table
