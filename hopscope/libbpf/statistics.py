"""How long programs run, as the kernel measures it while asked to (BPF_ENABLE_STATS, Linux 5.8)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from hopscope.libbpf.library import failed, library
from hopscope.libbpf.objects import Program

_RUN_TIME = 0  # enum bpf_stats_type
_INFO_BYTES, _RUN_TIME_AT = 256, 192  # struct bpf_prog_info: run_time_ns, then run_cnt


@contextmanager
def statistics() -> Iterator[None]:
    """The kernel measures all programs for as long as the block runs. Raises LibbpfError."""
    fd = library().bpf_enable_stats(_RUN_TIME)
    if fd < 0:
        raise failed("statistics of programs", fd)
    try:
        yield
    finally:
        os.close(fd)


def run_time(program: Program) -> tuple[int, int]:
    """Nanoseconds that a loaded program ran, and how often. Raises LibbpfError."""
    info = (ctypes.c_uint8 * _INFO_BYTES)()
    length = ctypes.c_uint32(_INFO_BYTES)
    if error := library().bpf_obj_get_info_by_fd(program.fd, ctypes.byref(info), ctypes.byref(length)):
        raise failed(f"information on {program.name}", error)
    ns, runs = (ctypes.c_uint64 * 2).from_buffer(info, _RUN_TIME_AT)
    return int(ns), int(runs)
