"""What came out of the ring since the last tick."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from hopscope.agent.kernel import Kernel
from hopscope.agent.processes import Processes


def drain(kernel: Kernel, processes: Processes) -> tuple[npt.NDArray[Any], list[Any]]:
    """Closing records in one array, and the beginnings of TLS handshakes. Processes hear of their own records at once.

    Connections for which the ring had no room when they closed are among the closing records.
    """
    layouts, hellos = kernel.layouts, []
    closed: list[bytes] = []
    for kind, record in kernel.drain():
        if kind == "RECORD_CLOSED":
            closed.append(record)
        elif kind == "RECORD_HELLO":
            hellos.append(np.frombuffer(record, layouts["hello_record"], 1)[0])
        elif kind == "RECORD_EXEC":
            processes.observe_exec_record(np.frombuffer(record, layouts["exec_record"], 1)[0])
        elif kind in ("RECORD_FORK", "RECORD_EXIT"):
            process = np.frombuffer(record, layouts["process_record"], 1)[0]
            processes.observe_process_record(kind == "RECORD_FORK", process)
    found = np.frombuffer(b"".join(closed), layouts["closed_record"])
    finished = kernel.finished()
    if not len(finished):
        return found, hellos
    late = np.zeros(len(finished), layouts["closed_record"])
    late["index"], late["slot"] = finished, kernel.slots.live[finished]
    late["connection"] = kernel.slots.cold[finished]
    kernel.free_slots(finished)
    return np.concatenate((found, late)), hellos
