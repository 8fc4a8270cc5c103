"""How long programs run, as the kernel measures it while asked to (BPF_ENABLE_STATS, Linux 5.8)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

from hopscope.libbpf.library import failed, library
from hopscope.libbpf.objects import Program

_RUN_TIME = 0  # enum bpf_stats_type
_INFO_BYTES, _RUN_TIME_AT, _MISSES_AT = 256, 192, 208  # struct bpf_prog_info: run_time_ns, run_cnt, recursion_misses


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


def _words(program: Program, at: int, count: int) -> list[int]:
    info = (ctypes.c_uint8 * _INFO_BYTES)()
    length = ctypes.c_uint32(_INFO_BYTES)
    if error := library().bpf_obj_get_info_by_fd(program.fd, ctypes.byref(info), ctypes.byref(length)):
        raise failed(f"information on {program.name}", error)
    return list((ctypes.c_uint64 * count).from_buffer(info, at))


def run_time(program: Program) -> tuple[int, int]:
    """Nanoseconds that a loaded program ran, and how often. Raises LibbpfError."""
    ns, runs = _words(program, _RUN_TIME_AT, 2)
    return ns, runs


def missed(program: Program) -> int:
    """Hits that the kernel let pass, because the program was under way on that processor (recursion_misses).

    The other run may be of a task that was preempted in it. Zero also where the kernel does not count them (before
    5.12). Raises LibbpfError.
    """
    return _words(program, _MISSES_AT, 1)[0]
