"""What a process holds in the kernel, and whether it is still there."""

from __future__ import annotations

import ctypes
from pathlib import Path

from hopscope.libbpf.library import library

Ids = frozenset[tuple[str, int]]
_KINDS = {"prog_id": "prog", "map_id": "map", "link_id": "link"}


def held_by(pid: int) -> Ids:
    """Programs, maps and links that a process has descriptors of."""
    found = set()
    for info in Path(f"/proc/{pid}/fdinfo").iterdir():
        for line in info.read_text().splitlines():
            name, _, number = line.partition(":")
            if name in _KINDS:
                found.add((_KINDS[name], int(number)))
    return frozenset(found)


def in_kernel() -> Ids:
    """All programs, maps and links of this kernel."""
    found = set()
    for kind in _KINDS.values():
        following, number = getattr(library(), f"bpf_{kind}_get_next_id"), ctypes.c_uint32(0)
        while following(number, ctypes.byref(number)) == 0:
            found.add((kind, number.value))
    return frozenset(found)
