"""One shot without a server: load the probes, look for a while, say what was seen."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hopscope.edges.model import Edge, Profile, Window


class HopscopeError(Exception):
    """What went wrong and what to do, in one line."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Selection:
    """Which edges are wanted. Empty: those that moved something."""

    pids: frozenset[int] = frozenset()
    name: re.Pattern[str] | None = None
    ports: frozenset[int] = frozenset()
    all: bool = False
    own: bool = False

    def takes(self, edge: Edge) -> bool:
        """Whether an edge is part of the picture."""
        if edge.own and not self.own:
            return False
        ends = (edge.client, edge.server)
        if self.pids and not any(self.pids & set(end.pids) for end in ends):
            return False
        if self.name and not any(end.process and self.name.search(end.process) for end in ends):
            return False
        if self.ports and not any(
            int(end.address.rpartition(":")[2] or 0) in self.ports for end in ends if ":" in end.address
        ):
            return False
        return self.all or bool(self.pids or self.name or self.ports) or _moved(edge)


def _moved(edge: Edge) -> bool:
    sides = [side for side in (edge.client_side, edge.server_side) if side is not None]
    if edge.connections.opened or edge.connections.closed or edge.connections.failed:
        return True
    return any(side.metrics["write"].count or side.metrics["read"].count for side in sides)


@contextmanager
def recording(times: bool = True) -> Iterator[Recording]:
    """The probes in the kernel for as long as the block runs. Raises HopscopeError."""
    from hopscope.agent.probes import choose
    from hopscope.agent.processes import Processes
    from hopscope.agent.recorder import Limits, Recorder
    from hopscope.libbpf import LibbpfError

    try:
        recorder = Recorder(choose(), Limits(), Processes())
    except LibbpfError as error:
        raise HopscopeError(str(error)) from error
    try:
        recorder.take_times(times)
        recorder.tick()
        recorder.take_window()
        yield Recording(recorder)
    finally:
        recorder.close()


class Recording:
    """A running recording: ask it for windows."""

    def __init__(self, recorder: Recorder) -> None:  # noqa: F821 - imported lazily, the agent is an extra
        self._recorder = recorder
        self._from = time.time()

    def tick(self) -> None:
        """Reads the kernel's tables; at least every second."""
        self._recorder.tick()

    def window(self, selection: Selection) -> Profile:
        """What happened since the last window."""
        from hopscope.agent.assemble import edge, listener
        from hopscope.agent.probes import describe

        recorder, start = self._recorder, self._from
        recorder.tick()
        self._from = time.time()
        active = Counter(
            id(c.side.edge)
            for c in recorder.ledger.live.values()
            if c.side is not None and c.role == c.side.role and not c.flags & (2 | 16)
        )
        live = {key: id(book) for key, book in recorder.ledger.edges.items()}
        books = recorder.take_window()
        names = {value: name.removeprefix("PROTOCOL_").lower() for value, name in recorder.protocols.items()}
        edges = []
        for book in books:
            number = active[live[book.client_key, book.server_key, book.port]]
            open_now = number // max(1, len(book.sides)) if len(book.sides) > 1 else number
            found = edge(book, open_now, names, recorder.choice.rung.time, recorder.hertz)
            if found is not None and selection.takes(found):
                edges.append(found)
        return Profile(
            recorder.processes.host,
            Window(datetime.fromtimestamp(start, UTC).isoformat(), round(self._from - start, 3)),
            tuple(edges),
            tuple(listener(c, *recorder.queue(c)) for c in recorder.ledger.listeners.values() if c.owner),
            {"lost": recorder.lost()},
            describe(recorder.choice),
        )


def profile(
    duration: float = 10,
    *,
    pid: Sequence[int] = (),
    name: str | None = None,
    port: Sequence[int] = (),
    all: bool = False,
    own: bool = False,
    times: bool = True,
    progress: Callable[[float], None] | None = None,
) -> Profile:
    """Looks at this host for `duration` seconds. Raises HopscopeError with what to do."""
    try:
        pattern = re.compile(name) if name else None
    except re.error as error:
        raise HopscopeError(f"--name {name!r} is not a regular expression: {error}", 2) from error
    for number in pid:
        if not Path(f"/proc/{number}").exists():
            raise HopscopeError(f"there is no process {number}", 2)
    selection = Selection(frozenset(pid), pattern, frozenset(port), all, own)
    with recording(times) as running:
        end = time.monotonic() + duration
        try:
            while (left := end - time.monotonic()) > 0:
                time.sleep(min(left, 0.2))
                running.tick()
                if progress is not None:
                    progress(min(1.0, 1 - left / duration))
        except KeyboardInterrupt:
            pass  # what was seen so far is shown
        return running.window(selection)


def save(picture: Profile, path: Path) -> None:
    """Writes a profile as JSON."""
    path.write_text(picture.to_json())


def load(path: Path) -> Profile:
    """Reads a saved profile. Raises HopscopeError."""
    try:
        return Profile.from_dict(json.loads(path.read_text()))
    except (OSError, ValueError) as error:
        raise HopscopeError(f"cannot read {path}: {error}") from error
