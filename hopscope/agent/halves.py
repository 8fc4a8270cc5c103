"""The kernel's records of connections as Python's values, a whole tick's at once: field by field costs far more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.connections import Connection

TIMES = ("connect_ns", "accept_ns", "accept_queue_ns", "close_ns", "connect_call_ns")

Array = npt.NDArray[Any]
Times = dict[str, int]


def connections_of(indices: Sequence[int], slots: Array, halves: Array) -> list[Connection]:
    """Connections out of their slots and cold halves, which are of one length."""
    peers = zip(halves["peer_slot"].tolist(), halves["peer_generation"].tolist(), strict=True)
    columns = (
        slots["generation"].tolist(),
        slots["tgid"].tolist(),
        halves["role"].tolist(),
        _chunks(halves["local"]),
        halves["local_port"].tolist(),
        _chunks(halves["remote"]),
        halves["remote_port"].tolist(),
        halves["netns"].tolist(),
        halves["flags"].tolist(),
        slots["sk"].tolist(),
        (peer if peer[1] else None for peer in peers),
        halves["cgroup"].tolist(),
        (comm.split(b"\0", 1)[0].decode(errors="replace") for comm in _chunks(halves["comm"])),
    )
    return [Connection(*row) for row in zip(indices, *columns, strict=True)]


def _chunks(column: Array) -> Iterator[bytes]:
    raw = np.ascontiguousarray(column).tobytes()
    size = len(raw) // max(1, len(column))
    return (raw[at : at + size] for at in range(0, len(raw), size or 1))


def times_of(halves: Array) -> list[Times]:
    """How long opening, waiting and closing took."""
    columns = [halves[name].tolist() for name in TIMES]
    return [dict(zip(TIMES, row, strict=True)) for row in zip(*columns, strict=True)]
