"""All processes of this host as groups, those without a connection, too: what a task may be created for."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from hopscope.agent.connections import Owner
from hopscope.agent.processes import Processes
from hopscope.agent.processes.command_line import shown
from hopscope.agent.processes.facts import language_of, start_of, user_of
from hopscope.edges.model import End, Group

EVERY, RAREST, SHARE = 5.0, 30.0, 0.01
"""Seconds between two looks, at least and at most; the share of a processor that they may take in between."""
SETTLED = 2.0
"""Seconds that a group's oldest member must be alive to be told of: commands of scripts come and go by the thousand."""
MEMBERS = 64
_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD, include/linux/sched.h."""


class Survey:
    """The groups as of the last look."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._known: dict[int, tuple[int, str]] = {}
        self._due = 0.0
        self.members: dict[int, Owner] = {}
        """The living processes, kernel threads left out."""
        self.groups: tuple[Group, ...] = ()

    def look_when_due(self, now: float) -> bool:
        """Looks if it is time, by a monotonic clock, and says whether it did."""
        if now < self._due:
            return False
        before = time.thread_time()
        self.look()
        self._due = now + min(max(EVERY, (time.thread_time() - before) / SHARE), RAREST)
        return True

    def distrust(self) -> None:
        """Nothing was heard of processes for a while: nothing is believed that was known before, and a look is due."""
        self._processes.observe_silence()
        self._known.clear()
        self._due = 0.0

    def look(self) -> None:
        """Looks now."""
        living = dict(self._living())
        for tgid, seen in living.items():
            if self._known.get(tgid) != seen:
                self._processes.observe_change(tgid)
        self._known = living
        self._processes.observe_living(living)
        owners = ((tgid, self._processes.owner_of(tgid)) for tgid in living)
        self.members = {tgid: owner for tgid, owner in owners if owner is not None}
        self.groups = tuple(self._groups())

    def _living(self) -> Iterator[tuple[int, tuple[int, str]]]:
        """Start and name of each process."""
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                stat = (entry / "stat").read_text(errors="replace")
            except OSError:
                continue  # gone meanwhile
            name, _, rest = stat.partition("(")[2].rpartition(")")
            state, flags = rest.split()[0], int(rest.split()[6])
            if not flags & _KERNEL_THREAD and state not in "ZXx":
                yield int(entry.name), (start_of(stat), name)

    def _groups(self) -> Iterator[Group]:
        members: dict[str, list[int]] = {}
        for tgid, owner in self.members.items():
            members.setdefault(owner.id, []).append(tgid)
        booted = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
        newest = (time.clock_gettime(time.CLOCK_BOOTTIME) - SETTLED) * 1e9
        for tgids in members.values():
            tgids.sort(key=lambda tgid: self._known[tgid])
            if self._known[tgids[0]][0] > newest:
                continue
            owner, facts = self.members[tgids[0]], self._processes.facts_of(tgids[0])
            if facts is None:
                continue
            end = End(
                owner.id, owner.name, owner.service, owner.instance, owner.container, tuple(tgids[:MEMBERS]), "", None,
                owner.cgroup, owner.layer, dict(owner.labels) or None,
            )  # fmt: skip
            started = round(booted + self._known[tgids[0]][0] / 1e9)
            own = {"language": language_of(facts.executable), "user": user_of(tgids[0])}
            attributes = {**owner.attributes, **{name: text for name, text in own.items() if text}}
            yield Group(end, shown(facts.arguments), facts.executable, started, attributes)
