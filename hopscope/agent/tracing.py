"""Who is traced where not everybody is: wishes become the kernel's tables, at each change and each tick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from hopscope.agent.cgroups import has_old_hierarchies
from hopscope.agent.connections import SERVER, Connection, Owner
from hopscope.agent.discovery import Discovery
from hopscope.agent.filter import Filter
from hopscope.agent.processes.facts import start_of_process
from hopscope.agent.processes.survey import Survey
from hopscope.agent.recorder import Recorder
from hopscope.agent.tables import RESERVED
from hopscope.agent.wishes import Wish

GONE, NONE = "gone before it could be marked", "a kernel thread, or it has ended"
KEEP_REFUSED = 100
"""Processes of each wish of which it is said why they are not traced."""
_NEAR = 1_000_000_000


class Tracing:
    """One session, from the start of the hooks to their stop. Raises LibbpfError. Not thread-safe."""

    def __init__(self, recorder: Recorder, table: Filter, discovery: Discovery, survey: Survey) -> None:
        self._recorder, self._filter, self._discovery, self._survey = recorder, table, discovery, survey
        self._processes = recorder.processes
        self._processes.heard = set()
        self._old_hierarchies = has_old_hierarchies()
        self._known_cgroups: frozenset[int] = frozenset()
        self._places = -1
        self._refused: dict[Wish, dict[str, str]] = {}

    def close(self) -> None:
        """Nobody is wanted any more, and nobody needs to hear of processes; the next session begins with that."""
        self._processes.heard = None
        self._filter.everything(False)
        self._filter.judge(False, False)

    def not_traced(self, wish: Wish) -> dict[str, str]:
        """Processes that are wanted and not traced, as `name (pid)`, and why."""
        return dict(self._refused.get(wish, {}))

    def want(self, wishes: Sequence[Wish]) -> None:
        """From now on these are traced, and no others."""
        new = [wish for wish in wishes if wish not in self._refused]
        self._refused = {wish: self._refused.get(wish, {}) for wish in wishes}
        places = any(wish.by_place for wish in wishes)
        self._filter.everything(any(wish.everything for wish in wishes))
        self._filter.judge(any(wish.name is not None for wish in wishes), places and self._old_hierarchies)
        self._want_cgroups()
        # What cgroups decide is traced before all processes are looked at, which may take a second where they are many.
        self._apply(prime=True)
        if self._needs_judging or self._filter.marks():
            self._survey.look()
            self._processes.heard = set()
            self._judge({*self._survey.members, *self._filter.marks()}, new)
            for wish in new:
                for tgid in (wish.family or set()) - self._survey.members.keys():
                    self._refuse(wish, str(tgid), NONE if start_of_process(tgid) is not None else GONE)
            self._apply(prime=True)

    def tick(self) -> None:
        """What came, went and changed since the last time, as the recorder heard."""
        heard, self._processes.heard = self._processes.heard or set(), set()
        numbers = {self._processes.cgroup_number(tgid) for tgid in heard} - {None}
        elsewhere = self._places != self._processes.places
        unknown = elsewhere or not numbers <= self._known_cgroups
        changed = unknown and self._want_cgroups()
        if self._needs_judging:
            self._judge({*heard, *self._survey.members} if elsewhere else heard)
        self._apply(prime=changed)

    @property
    def _needs_judging(self) -> bool:
        return self._old_hierarchies or any(wish.by_process for wish in self._refused)

    def _want_cgroups(self) -> bool:
        """Decides for each cgroup, and tells the kernel those that differ from the one above."""
        wishes = [wish for wish in self._refused if wish.by_place and not wish.by_process]
        paths = self._processes.cgroups.all()
        self._known_cgroups, self._places = frozenset(paths), self._processes.places
        host, place = self._processes.host, self._discovery.place
        wanted = {path: any(wish.takes_place(path, place(path), host) for wish in wishes) for path in paths.values()}
        changed, refused = self._filter.want_cgroups(
            {
                number: wanted[path]
                for number, path in paths.items()
                if wanted[path] != (path != "/" and wanted.get(path.rpartition("/")[0] or "/", False))
            }
        )
        for path in (paths[number] for number in refused):
            for wish in wishes:
                if wish.takes_place(path, place(path), host):
                    self._refuse(wish, f"cgroup {path}", "the cgroup table is full")
        return changed

    def _judge(self, tgids: Iterable[int], new: Sequence[Wish] = ()) -> None:
        """Marks those that are wanted though no cgroup says so, and takes the marks of the others."""
        for tgid in tgids:
            owner = self._processes.owner_of(tgid)
            wish = self._wish_for(tgid, owner) if owner is not None else None
            if owner is None or wish is None:
                self._filter.unmark((tgid,))
            elif (why := self._mark(tgid)) is not None and (why != GONE or wish in new):
                # One that was heard of was traced from its beginning, and is gone by now.
                self._refuse(wish, f"{owner.name} ({tgid})", why)

    def _wish_for(self, tgid: int, owner: Owner) -> Wish | None:
        """Who wants it by its number or name, or by a place that the kernel's cgroup numbers do not tell."""
        facts = self._processes.facts_of(tgid)
        for wish in self._refused:
            if wish.everything or not wish.takes(tgid, owner, self._processes.host):
                continue
            if wish.by_process or facts is None or facts.unified != owner.cgroup:
                return wish
        return None

    def _mark(self, tgid: int) -> str | None:
        facts, why = self._processes.facts_of(tgid), self._filter.mark(tgid)
        if why is None:
            start = start_of_process(tgid)
            if start is None or (facts is not None and facts.start and abs(start - facts.start) > _NEAR):
                self._filter.unmark((tgid,))
                return GONE
        return why

    def _refuse(self, wish: Wish, who: str, why: str) -> None:
        if len(self._refused[wish]) < KEEP_REFUSED:
            self._refused[wish][who] = why

    def _apply(self, prime: bool) -> None:
        self._filter.decide()
        live = self._recorder.kernel.slots.live
        sk, tgid = live["sk"].copy(), live["tgid"].copy()
        left = [
            self._recorder.connections.live.get(at) for at in np.flatnonzero((sk > RESERVED) & (tgid == 0)).tolist()
        ]
        unclaimed = np.array([it.index for it in left if it is not None and self._is_left(it)], np.intp)
        released = np.concatenate((self._filter.untraced(sk, tgid), unclaimed))
        if len(released):
            self._filter.release(released)
        if prime:
            self._recorder.kernel.prime()

    def _is_left(self, connection: Connection) -> bool:
        """Whether it waits for a process of a listener that is no longer traced."""
        if connection.role != SERVER:
            return False
        listener = self._recorder.connections.listener_of(connection)
        return listener is None or not self._filter.traced(np.array([listener.tgid], np.uint32))[0]
