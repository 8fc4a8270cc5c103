"""The shared library: found, typed, its log captured."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import current_thread, main_thread
from typing import Any

LOG_LINES = 12
_DEBUG = 2  # enum libbpf_print_level
_log: list[str] = []


class LibbpfError(Exception):
    """What libbpf or the kernel refused, in one sentence. `errno` is 0 where there is none; `log` the log's tail."""

    def __init__(self, message: str, number: int = 0, log: str = "") -> None:
        super().__init__(message)
        self.errno, self.log = number, log


def _keep(level: int, fmt: bytes, arguments: int | None) -> int:
    if level == _DEBUG:
        return 0
    buffer = ctypes.create_string_buffer(65536)
    _libc().vsnprintf(buffer, len(buffer), fmt, ctypes.c_void_p(arguments))
    _log.append(buffer.value.decode(errors="replace"))
    del _log[:-200]
    return 0


_capture = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)(_keep)


@cache
def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


_POINTERS = (
    "bpf_object__open_file",
    "bpf_object__next_program",
    "bpf_object__next_map",
    "bpf_program__attach",
    "bpf_program__name",
    "bpf_program__section_name",
    "bpf_map__name",
    "bpf_map__initial_value",
    "bpf_object__btf",
    "btf__raw_data",
    "btf__load_vmlinux_btf",
    "btf__type_by_id",
    "btf__name_by_offset",
    "bpf_program__attach_iter",
    "bpf_program__attach_perf_event",
)


@cache
def library() -> Any:
    """libbpf, loaded once. Raises LibbpfError when it is missing."""
    try:
        lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError as error:
        raise LibbpfError("libbpf.so.1 is missing: apt-get install libbpf1", errno.ENOENT) from error
    for name in _POINTERS:
        getattr(lib, name).restype = ctypes.c_void_p
    lib.libbpf_set_print(_capture)
    return lib


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Keeps Ctrl-C until the end: an exception in a callback from C would be lost."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or current_thread() is not main_thread():
        yield
        return
    interrupted: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupted.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupted:
        raise KeyboardInterrupt


def take_log() -> str:
    """The log since the last call, its tail."""
    text = "".join(_log)
    _log.clear()
    return "\n".join(text.rstrip().splitlines()[-LOG_LINES:])


_CAUSES = {
    errno.EPERM: "not permitted: run as root",
    errno.ENOENT: "the kernel has no such hook",
    errno.EOPNOTSUPP: "the kernel does not support this hook",
    errno.EINVAL: "the kernel does not accept it",
    errno.EACCES: "the verifier refuses it",
    errno.ENOMEM: "out of memory",
}


def failed(what: str, number: int) -> LibbpfError:
    """The error for a negative return or errno, with its cause in plain words."""
    number = abs(number) or ctypes.get_errno()
    cause = _CAUSES.get(number, os.strerror(number))
    if number == errno.EPERM and os.geteuid() == 0:
        cause = "not permitted even to root: the kernel is locked down, or does not let this kind of program in"
    return LibbpfError(f"{what}: {cause}", number, take_log())
