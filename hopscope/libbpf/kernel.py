"""What the running kernel's own type information says."""

from __future__ import annotations

import ctypes
from functools import cache
from pathlib import Path

from hopscope.libbpf.library import LibbpfError, library

_ENUM, _FUNC, _TYPEDEF = 6, 12, 8


@cache
def _vmlinux() -> ctypes.c_void_p:
    btf = library().btf__load_vmlinux_btf()
    if not btf:
        raise LibbpfError(
            f"this kernel has no type information ({Path('/sys/kernel/btf/vmlinux')}): CONFIG_DEBUG_INFO_BTF"
        )
    return ctypes.c_void_p(btf)


def _type(type_id: int) -> tuple[int, int, int]:
    words = (ctypes.c_uint32 * 3).from_address(library().btf__type_by_id(_vmlinux(), type_id))
    return words[0], words[1], words[2]


def btf_func_args(name: str) -> int | None:
    """Number of arguments of a kernel function, or of a tracepoint's `btf_trace_` type (one more than it passes)."""
    lib = library()
    type_id = lib.btf__find_by_name_kind(_vmlinux(), name.encode(), _FUNC)
    if type_id < 0:
        type_id = lib.btf__find_by_name_kind(_vmlinux(), name.encode(), _TYPEDEF)
        if type_id < 0:
            return None
        _, _, type_id = _type(type_id)  # typedef to pointer
    _, _, prototype = _type(type_id)
    return _type(prototype)[1] & 0xFFFF


def btf_enum(name: str) -> dict[str, int]:
    """Constants of a kernel enum by name; empty when the kernel has none of that name."""
    lib = library()
    type_id = lib.btf__find_by_name_kind(_vmlinux(), name.encode(), _ENUM)
    if type_id < 0:
        return {}
    address = lib.btf__type_by_id(_vmlinux(), type_id)
    count = _type(type_id)[1] & 0xFFFF
    pairs = (ctypes.c_uint32 * (2 * count)).from_address(address + 12)
    found = {}
    for i in range(count):
        text = ctypes.string_at(lib.btf__name_by_offset(_vmlinux(), pairs[2 * i]))
        found[text.decode()] = pairs[2 * i + 1]
    return found
