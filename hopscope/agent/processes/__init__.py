"""Who a process is: its group, also when it is gone before anybody asks."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hopscope.agent.connections import Owner
from hopscope.edges.identity import group_id

_INTERPRETERS = re.compile(r"^(python|pypy|node|ruby|perl|bash|sh|dash|java|php)[\d.]*$")
_CONTAINER = re.compile(r"([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one process."""

    tgid: int
    executable: str
    arguments: tuple[str, ...]
    cgroup: str
    comm: str


def script_of(executable: str, arguments: Sequence[str]) -> str:
    """The script or module that an interpreter runs; empty for other programs."""
    if not _INTERPRETERS.match(os.path.basename(executable)):  # noqa: PTH119 - a path of another process, maybe gone
        return ""
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in ("-m", "-jar"):
            return next(rest, "")
        if argument in ("-c", "-e"):
            return argument
        if not argument.startswith("-"):
            return argument
    return ""


def read_facts(tgid: int) -> Facts | None:
    """What /proc says; None when the process is gone."""
    base = Path(f"/proc/{tgid}")
    try:
        comm = (base / "comm").read_text(errors="replace").strip()
        command = (base / "cmdline").read_bytes().decode(errors="surrogateescape").rstrip("\0")
        cgroups = (base / "cgroup").read_text().splitlines()
    except OSError:
        return None
    try:
        executable = str((base / "exe").readlink()).removesuffix(" (deleted)")
    except OSError:
        executable = comm
    cgroup = max((line.split(":", 2)[2] for line in cgroups), key=len, default="/")
    arguments = tuple(command.split("\0")) if command else ()
    executable = called_as(executable, arguments[0] if arguments else "", base / "root")
    return Facts(tgid, executable, arguments, cgroup, comm)


def called_as(executable: str, word: str, root: Path = Path("/")) -> str:
    """The path of a program under the name it was called by, where that name is a link beside it.

    `redis-server` is a link to `redis-check-rdb`, every command of a small image one to `busybox`. `word`: what it was
    called. `root`: where its paths begin.
    """
    name = os.path.basename(word.split(" ", 1)[0])  # noqa: PTH119 - a path of another process, maybe gone
    path = Path(executable)
    if not name or name == path.name or not path.is_absolute():
        return executable
    try:
        target = (root / path.parent.relative_to("/") / name).readlink()
    except OSError:
        return executable
    return str(path.parent / name) if target.name == path.name else executable


class Processes:
    """All processes that were heard of, as far as somebody may still ask for them."""

    def __init__(self, host: str | None = None) -> None:
        self.host = host or socket.gethostname()
        self._facts: dict[int, Facts] = {}
        self._owners: dict[int, Owner] = {}
        self._gone: dict[int, int] = {}
        self._families: list[set[int]] = []
        self._ticks = 0

    def follow(self, family: set[int]) -> None:
        """Has the children of a family join it when they are born; those that end stay in it."""
        self._families.append(family)

    def unfollow(self, family: set[int]) -> None:
        """Lets a family be."""
        self._families = [known for known in self._families if known is not family]

    def observe_exec_record(self, record: Any) -> None:
        """A process became another program."""
        process = record["process"]
        tgid = int(process["tgid"])
        filename = bytes(record["filename"]).split(b"\0")[0].decode(errors="surrogateescape")
        raw = bytes(record["args"])[: int(process["args_length"])].rstrip(b"\0")
        arguments = tuple(raw.decode(errors="surrogateescape").split("\0"))
        comm = bytes(process["comm"]).split(b"\0")[0].decode(errors="replace")
        known = read_facts(tgid)
        cgroup = known.cgroup if known else "/"
        executable = known.executable if known else called_as(os.path.realpath(filename), filename)
        self._facts[tgid] = Facts(tgid, executable, arguments, cgroup, comm)
        self._owners.pop(tgid, None)
        self._gone.pop(tgid, None)

    def observe_process_record(self, fork: bool, record: Any) -> None:
        """A process was born or ended."""
        tgid = int(record["tgid"])
        if fork:
            self._gone.pop(tgid, None)
            self._owners.pop(tgid, None)
            for family in self._families:
                if int(record["parent"]) in family:
                    family.add(tgid)
            parent = self._facts.get(int(record["parent"])) or read_facts(int(record["parent"]))
            if parent is not None:
                self._facts[tgid] = Facts(tgid, parent.executable, parent.arguments, parent.cgroup, parent.comm)
        else:
            self._gone[tgid] = self._ticks

    def owner_of(self, tgid: int) -> Owner | None:
        """The group of a process; None when nothing is known of it."""
        owner = self._owners.get(tgid)
        if owner is None:
            facts = self._facts.get(tgid) or read_facts(tgid)
            if facts is None:
                return None
            self._facts[tgid] = facts
            owner = self._owners[tgid] = self._group(facts)
        return owner

    def _group(self, facts: Facts) -> Owner:
        script = script_of(facts.executable, facts.arguments)
        name = Path(script or facts.executable or facts.comm).name
        container = _CONTAINER.search(facts.cgroup)
        return Owner(
            group_id(self.host, facts.cgroup, facts.executable, script),
            name.removesuffix(".py") or facts.comm,
            instance=self.host,
            container=container.group(1)[:12] if container else None,
            own=facts.tgid == os.getpid(),
            cgroup=facts.cgroup,
        )

    def forget(self) -> None:
        """Once a tick: drops those that ended a while ago."""
        self._ticks += 1
        for tgid in [tgid for tgid, tick in self._gone.items() if self._ticks - tick > 30]:
            del self._gone[tgid]
            self._facts.pop(tgid, None)
            self._owners.pop(tgid, None)
