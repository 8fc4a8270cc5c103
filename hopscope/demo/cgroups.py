"""A cgroup for each container, in the hierarchy that the agent reads and in the one that limits the CPU."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from hopscope.demo import DemoError

NAME = "hopscope-demo"


@dataclass(frozen=True, slots=True)
class Hierarchies:
    """Where this machine keeps cgroups. `cpu` is a v1 mount, the v2 one, or None with `why`."""

    unified: Path | None
    cpu: Path | None
    why: str = ""

    @property
    def roots(self) -> tuple[Path, ...]:
        """The demo's own folder in each, once."""
        found = dict.fromkeys(mount / NAME for mount in (self.unified, self.cpu) if mount is not None)
        return tuple(found)


def find() -> Hierarchies:
    """The hierarchies, as /proc/mounts tells them."""
    unified = cpu = None
    for line in Path("/proc/mounts").read_text().splitlines():
        _, mount, kind, options, *_ = line.split()
        if kind == "cgroup2":
            unified = unified or Path(mount)
        elif kind == "cgroup" and "cpu" in options.split(","):
            cpu = cpu or Path(mount)
    if cpu is None and unified is not None and "cpu" in (unified / "cgroup.subtree_control").read_text().split():
        cpu = unified
    return Hierarchies(unified, cpu, "" if cpu else "no cgroup hierarchy here hands its cpu controller down")


def create(path: str, where: Hierarchies) -> tuple[str, ...]:
    """A container's cgroups below the demo's, as their `cgroup.procs` files. Raises DemoError."""
    made = []
    for root in where.roots:
        folder = root / path
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if root.parent == where.cpu == where.unified:
                for above in (root, *reversed(folder.relative_to(root).parents[:-1])):
                    (root / above / "cgroup.subtree_control").write_text("+cpu")
        except OSError as error:
            raise DemoError(f"cannot make the cgroup {folder}: {error.strerror}") from error
        made.append(str(folder / "cgroup.procs"))
    return tuple(made)


def limit_cpu(path: str, where: Hierarchies, period_us: int, quota_us: int | None) -> None:
    """Lets a container run so many µs in each period; None: as much as it wants. Raises DemoError."""
    if where.cpu is None:
        raise DemoError(f"not supported, because {where.why}")
    folder = where.cpu / NAME / path
    if where.cpu == where.unified:
        (folder / "cpu.max").write_text(f"{quota_us or 'max'} {period_us}")
        return
    (folder / "cpu.cfs_period_us").write_text(str(period_us))
    (folder / "cpu.cfs_quota_us").write_text(str(quota_us or -1))


def members(where: Hierarchies) -> set[int]:
    """The processes in the demo's cgroups."""
    found = set()
    for root in where.roots:
        for file in root.rglob("cgroup.procs"):
            found |= {int(pid) for pid in file.read_text().split()}
    return found


def remove(where: Hierarchies) -> None:
    """Removes the demo's cgroups; all processes must have left. Raises DemoError."""
    for root in where.roots:
        for folder, _, _ in os.walk(root, topdown=False):
            try:
                Path(folder).rmdir()
            except OSError as error:
                raise DemoError(f"cannot remove the cgroup {folder}: {error.strerror}") from error
