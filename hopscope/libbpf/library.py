"""The shared library: found, typed, its log captured."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
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


_YOUNGEST = ("bpf_map__set_autocreate", "bpf_prog_test_run_opts", "bpf_program__set_autoload")
"""Of the functions that we use those that came last; 1.0 has them all."""
_PACKAGE = "apt-get install libbpf1 (1.0 or newer)"


@cache
def library() -> Any:
    """libbpf, loaded once. Raises LibbpfError when it is missing or too old."""
    try:
        lib = ctypes.CDLL("libbpf.so.1", use_errno=True)
    except OSError as error:
        try:
            ctypes.CDLL("libbpf.so.0")
        except OSError:
            raise LibbpfError(f"libbpf.so.1 is missing: {_PACKAGE}", errno.ENOENT) from error
        raise LibbpfError(f"libbpf is too old, here is only libbpf.so.0: {_PACKAGE}", errno.ENOENT) from error
    if missing := [name for name in (*_POINTERS, *_YOUNGEST) if not hasattr(lib, name)]:
        raise LibbpfError(f"libbpf.so.1 is too old, it has no {missing[0]}: {_PACKAGE}", errno.ENOENT)
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


WITHOUT_ROOT = "not permitted: run as root"
"""What an error ends with whose cause is that the caller is not root."""
_ENOTSUPP = 524
"""include/linux/errno.h: of the kernel alone, but bpf(2) returns it."""
_CAUSES = {
    errno.EPERM: WITHOUT_ROOT,
    errno.ENOENT: "the kernel has no such hook",
    errno.EOPNOTSUPP: "the kernel does not support this hook",
    _ENOTSUPP: "the kernel does not support this hook",
    errno.EINVAL: "the kernel does not accept it",
    errno.EACCES: "the verifier refuses it",
    errno.ENOMEM: "out of memory",
}


_LOCKDOWN = Path("/sys/kernel/security/lockdown")


def _locked_down() -> bool:
    """Whether the kernel keeps its memory from everybody's programs (kernel_lockdown(7))."""
    try:
        return "[confidentiality]" in _LOCKDOWN.read_text()
    except OSError:
        return False


def failed(what: str, number: int) -> LibbpfError:
    """The error for a negative return or errno, with its cause in plain words."""
    number = abs(number) or ctypes.get_errno()
    cause = _CAUSES.get(number, os.strerror(number))
    if number in _CAUSES and _locked_down():
        cause = (
            "the kernel is locked down and lets no program read its memory: boot it without lockdown=confidentiality"
        )
        return LibbpfError(f"{what}: {cause}", number, take_log())
    if number == errno.EPERM and os.geteuid() == 0:
        cause = "not permitted even to root: the kernel is locked down, or does not let this kind of program in"
    return LibbpfError(f"{what}: {cause}", number, take_log())
