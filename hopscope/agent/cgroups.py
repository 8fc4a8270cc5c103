"""Cgroups: from the kernel's number to a path, from a path to a container or a systemd unit."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/sys/fs/cgroup")
CONTAINER = re.compile(r"(?:^|[/:-])([0-9a-f]{64})(?:\.scope)?(?=/|$)")
"""Docker (`/docker/<id>`, `docker-<id>.scope`), containerd and CRI-O, podman (`libpod-<id>.scope`), kubelet's pods."""
_UNIT = re.compile(r"/([^/]+)\.(service|scope)(?=/|$)")


def container_of(path: str) -> str | None:
    """The container's id, 64 hex digits; None outside of containers."""
    found = CONTAINER.findall(path)
    return found[-1] if found else None


def unit_of(path: str) -> str | None:
    """The systemd unit's name without its ending; None where there is none. A user's session is none."""
    found = [name for name, _ in _UNIT.findall(path)]
    unit = found[-1].replace("\\x2d", "-") if found else None
    return None if unit is None or re.match(r"session-|user@|init$", unit) else unit


def unified_root(root: Path = ROOT) -> Path:
    """Where the hierarchy is whose numbers the kernel gives: beside the old ones on hybrid hosts."""
    return root / "unified" if (root / "unified").is_dir() else root


def has_old_hierarchies(root: Path = ROOT) -> bool:
    """Whether processes may be in cgroups, for example a container's, that the kernel's numbers say nothing of."""
    return unified_root(root) != root or not (root / "cgroup.procs").exists()


class CgroupPaths:
    """Paths by the number that bpf_get_current_cgroup_id gives, which is the folder's inode."""

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or unified_root()
        self._paths: dict[int, str] = {}

    def all(self) -> dict[int, str]:
        """Those that there are now."""
        return dict(self._walk())

    def path(self, number: int) -> str | None:
        """The path below the root; None when it is not known (any more)."""
        if number not in self._paths:
            self._paths.update(self._walk())
            self._paths.setdefault(number, "")
        return self._paths[number] or None

    def _walk(self) -> Iterator[tuple[int, str]]:
        for folder, _, _ in os.walk(self._root):
            try:
                yield os.stat(folder).st_ino, "/" + os.path.relpath(folder, self._root).removeprefix(".")  # noqa: PTH116
            except OSError:
                continue  # removed while we walk
