"""What came out of the ring since the last tick."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.kernel import Kernel
from hopscope.agent.processes import Processes

Records = list[tuple[str, bytes]]


def hear(kernel: Kernel, processes: Processes) -> Records:
    """The ring's records, oldest first. Processes hear of their own at once."""
    layouts, others = kernel.layouts, []
    for kind, record in kernel.drain():
        if kind == "RECORD_EXEC":
            processes.observe_exec_record(np.frombuffer(record, layouts["exec_record"], 1)[0])
        elif kind in ("RECORD_FORK", "RECORD_EXIT"):
            process = np.frombuffer(record, layouts["process_record"], 1)[0]
            processes.observe_process_record(kind == "RECORD_FORK", process)
        elif kind == "RECORD_MOVED":
            processes.observe_move(np.frombuffer(record, layouts["process_record"], 1)[0])
        else:
            others.append((kind, record))
    return others


def closing_records(kernel: Kernel, records: Records) -> npt.NDArray[Any]:
    """Those of them, in one array."""
    closed = b"".join(record for kind, record in records if kind == "RECORD_CLOSED")
    return np.frombuffer(closed, kernel.layouts["closed_record"])


def sort(kernel: Kernel, records: Records) -> tuple[npt.NDArray[Any], list[Any]]:
    """Closing records in one array, and the beginnings of TLS handshakes.

    Connections for which the ring had no room when they closed are among the closing records.
    """
    layouts = kernel.layouts
    found, hello = closing_records(kernel, records), layouts["hello_record"]
    begun = [record.ljust(hello.itemsize, b"\0") for kind, record in records if kind == "RECORD_HELLO"]
    hellos = [np.frombuffer(record, hello, 1)[0] for record in begun]
    finished = kernel.finished()
    if not len(finished):
        return found, hellos
    late = np.zeros(len(finished), layouts["closed_record"])
    late["index"], late["slot"] = finished, kernel.slots.live[finished]
    late["connection"] = kernel.slots.cold[finished]
    kernel.free_slots(finished)
    return np.concatenate((found, late)), hellos
