"""Who a process is: its group, also when it is gone before anybody asks."""

from __future__ import annotations

import os
import socket
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

from hopscope.agent.cgroups import CONTAINER, CgroupPaths
from hopscope.agent.connections import Owner
from hopscope.agent.discovery import Discovery
from hopscope.agent.discovery.host import HostDiscovery
from hopscope.agent.processes.facts import Facts, basename, called_as, read_facts, script_of
from hopscope.edges.identity import group_id

KEEP_GONE = 30
"""Ticks for which a process that ended is remembered: a connection may outlive it."""
_OWN = ("hopscope", "hopscope.cli")
_NEAR = 1_000_000_000


class Processes:
    """All processes that were heard of, as far as somebody may still ask for them."""

    def __init__(self, host: str | None = None, discovery: Discovery | None = None) -> None:
        self.host = host or socket.gethostname()
        self._discovery = discovery or HostDiscovery(self.host)
        self.cgroups = CgroupPaths()
        self.places = 0
        """Grows when processes may belong elsewhere than before."""
        self._facts: dict[int, Facts] = {}
        self._owners: dict[int, Owner] = {}
        self._gone: dict[int, int] = {}
        self._cgroup_of: dict[int, int] = {}
        self._names: dict[tuple[str, str], str] = {}
        self._families: list[set[int]] = []
        self._free_names = False
        self._ticks = 0
        self.heard: set[int] | None = None
        """Where somebody wants to know: processes that were born, became another program or changed their cgroup."""
        self.moved: set[int] = set()
        """Processes whose group may be another one now; whoever keeps owners empties it."""

    def follow(self, family: set[int]) -> None:
        """Has the children of a family join it when they are born; those that end stay in it."""
        self._families.append(family)

    def unfollow(self, family: set[int]) -> None:
        """Lets a family be."""
        self._families = [known for known in self._families if known is not family]

    def warning(self) -> str | None:
        """What is wrong with the source of services and instances."""
        return self._discovery.warning()

    def observe_exec_record(self, record: Any) -> None:
        """A process became another program."""
        process = record["process"]
        tgid = int(process["tgid"])
        filename = bytes(record["filename"]).split(b"\0")[0].decode(errors="surrogateescape")
        raw = bytes(record["args"])[: int(process["args_length"])].rstrip(b"\0")
        arguments = tuple(raw.decode(errors="surrogateescape").split("\0")) if raw else ()
        comm = bytes(process["comm"]).split(b"\0")[0].decode(errors="replace")
        before = self._facts.get(tgid)
        cgroup = before.cgroup if before else ""
        facts = Facts(tgid, filename, arguments, cgroup, comm, int(process["start"]), told=True)
        self._cgroup_of[tgid] = int(process["cgroup"])
        self._facts[tgid] = facts
        self._owners.pop(tgid, None)
        self._gone.pop(tgid, None)
        self.moved.add(tgid)
        self._hear(tgid)

    def observe_process_record(self, fork: bool, record: Any) -> None:
        """A process was born or ended."""
        tgid, parent = int(record["tgid"]), int(record["parent"])
        if not fork:
            self._gone[tgid] = self._ticks
            return
        self._gone.pop(tgid, None)
        self._owners.pop(tgid, None)
        self._hear(tgid)
        for family in self._families:
            if parent in family:
                family.add(tgid)
        known = self._known(parent)  # a child may be gone before anybody asks: its cgroup is its parent's
        if known is not None:
            self._facts[parent] = known
            self._facts[tgid] = replace(known, tgid=tgid, start=int(record["start"]))
            self._cgroup_of[tgid] = int(record["cgroup"])
        else:
            self._facts.pop(tgid, None)

    def observe_move(self, record: Any) -> None:
        """A process went to another cgroup."""
        tgid = int(record["tgid"])
        self._cgroup_of[tgid] = int(record["cgroup"])
        if (before := self._facts.get(tgid)) is not None:
            self._facts[tgid] = replace(before, cgroup="", told=True)
        self._owners.pop(tgid, None)
        self.moved.add(tgid)
        self._hear(tgid)

    def observe_change(self, tgid: int) -> None:
        """A process is no longer what was known of its number, or may not be: nothing of it is believed any more."""
        self._facts.pop(tgid, None)
        self._owners.pop(tgid, None)
        self.moved.add(tgid)

    def observe_silence(self) -> None:
        """Anything may have happened to any process."""
        for table in (self._facts, self._owners, self._gone, self._cgroup_of):
            table.clear()

    def observe_living(self, living: Collection[int]) -> None:
        """These are all there are."""
        for tgid in self._facts.keys() - self._gone.keys() - set(living):
            if not Path(f"/proc/{tgid}").exists():
                self._gone[tgid] = self._ticks

    def facts_of(self, tgid: int) -> Facts | None:
        """What is known of a process that was asked for before."""
        return self._facts.get(tgid)

    def cgroup_number(self, tgid: int) -> int | None:
        """The kernel's number of a process's cgroup, if a record told it."""
        return self._cgroup_of.get(tgid)

    def _hear(self, tgid: int) -> None:
        if self.heard is not None:
            self.heard.add(tgid)

    def _read(self, tgid: int, start: int = 0) -> Facts | None:
        """What /proc says of this process, not of a later one with its number."""
        facts = read_facts(tgid, CONTAINER)
        if facts is not None and start and abs(facts.start - start) > _NEAR:
            return None
        return facts

    def _known(self, tgid: int) -> Facts | None:
        facts = self._facts.get(tgid)
        if facts is None or not facts.told:
            return facts or self._read(tgid)
        # Records are many and askers few, so /proc is read when the first one asks.
        read = self._read(tgid, facts.start)
        if read is None:
            path = called_as(os.path.realpath(facts.executable), facts.executable)
            cgroup = facts.cgroup or self._path(self._cgroup_of.get(tgid, 0))
            return replace(facts, executable=path, cgroup=cgroup, told=False)
        if read.arguments[: len(facts.arguments) - 1] == facts.arguments[:-1]:
            return read
        return replace(read, arguments=facts.arguments)  # it gave itself a title since

    def _path(self, cgroup: int) -> str:
        return (self.cgroups.path(cgroup) if cgroup else None) or "/"

    def owner_of(self, tgid: int, comm: str = "", cgroup: int = 0) -> Owner | None:
        """The group of a process. Of one that is gone unheard the kernel's own word for it, `comm`, must do."""
        owner = self._owners.get(tgid)
        if owner is None:
            facts = self._known(tgid)
            if facts is None:
                if not comm:
                    return None
                facts = Facts(tgid, comm, (), self._path(cgroup), comm)
                self._gone.setdefault(tgid, self._ticks)
            self._facts[tgid] = facts
            owner = self._owners[tgid] = self._group(facts)
        return owner

    def _group(self, facts: Facts) -> Owner:
        identity, script = script_of(facts.executable, facts.arguments)
        group = group_id(self.host, facts.cgroup, facts.executable, identity)
        place = self._discovery.place(facts.cgroup)
        name = script or basename(facts.executable) or facts.comm
        return Owner(
            group,
            self._unique(place.instance, name, group),
            place.service,
            place.instance,
            place.container,
            facts.cgroup,
            facts.tgid == os.getpid() or script in _OWN,
            place.layer,
            place.labels,
            place.attributes,
        )

    def _unique(self, instance: str, name: str, group: str) -> str:
        """The name, with a part of the id where another group of the instance has it already."""
        holder = self._names.setdefault((instance, name), group)
        return name if holder == group else f"{name}-{group[:4]}"

    def forget(self) -> None:
        """Once a tick: drops those that ended a while ago."""
        self._ticks += 1
        for tgid in [tgid for tgid, tick in self._gone.items() if self._ticks - tick > KEEP_GONE]:
            del self._gone[tgid]
            for table in (self._facts, self._owners, self._cgroup_of):
                table.pop(tgid, None)
            self._free_names = True
        if self._free_names and self._ticks % KEEP_GONE == 0:
            # A name goes to another group when nothing is left of the one that had it.
            self._free_names, held = False, {owner.id for owner in self._owners.values()}
            self._names = {key: group for key, group in self._names.items() if group in held}
        if self._discovery.changed():
            self.moved.update(self._owners)
            self._owners.clear()
            self.places += 1
