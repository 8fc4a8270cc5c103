"""One connection as the process at one of its ends uses it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Connection:
    """`local`, `remote`: ip:port, as the socket has them; `pid` None: no process has used it yet; `state`: the kernel's
    name. `troubles`: what is wrong with it, the worst first; `ended`: how, None while it is open.

    Calls and bytes are those since `counted_since`: since it opened, or since the agent met one that was open already,
    whose `opened_at` is None. `bytes_rate`: both directions, per second since the look before.

    The rest is the connection's own, from its first segment on, as TCP_INFO has it; None: not read. Limited times are
    part of the busy one. `lost`: segments that it ever held for lost. `unacked_bytes`: sent or waiting to be sent;
    `unread_bytes`: arrived, not taken yet.
    """

    local: str
    remote: str
    pid: int | None
    process: str
    state: str
    troubles: tuple[str, ...]
    label: str
    ended: str | None
    opened_at: datetime | None
    closed_at: datetime | None
    counted_since: datetime
    write_calls: int
    write_bytes: int
    read_calls: int
    read_bytes: int
    bytes_rate: float | None = None
    srtt_us: int | None = None
    rttvar_us: int | None = None
    min_rtt_us: int | None = None
    segments_out: int | None = None
    retransmitted: int | None = None
    retransmitted_bytes: int | None = None
    lost: int | None = None
    out_of_order: int | None = None
    zero_window_probes: int | None = None
    unacked_bytes: int | None = None
    unread_bytes: int | None = None
    busy_us: int | None = None
    rwnd_limited_us: int | None = None
    sndbuf_limited_us: int | None = None
