"""One shot without a server: look for a while, say what was seen."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TextIO

from hopscope.client.command import HeldCommand, exists
from hopscope.client.failure import HopscopeError
from hopscope.client.result import Profile
from hopscope.client.watching import Window, watching
from hopscope.edges import model
from hopscope.edges.selection import Selection
from hopscope.settings import AgentSettings

if TYPE_CHECKING:
    from hopscope.agent.window import Times

Progress = Callable[[float], None]
STEP = 0.1


def profile(
    duration: float = 10,
    *,
    pid: int | Sequence[int] = (),
    name: str | None = None,
    port: int | Sequence[int] = (),
    cgroup: str | None = None,
    container: str | None = None,
    all: bool = False,
    own: bool = False,
    times: Times = "all",
    command: Sequence[str] | None = None,
    command_stdout: TextIO | None = None,
    settings: AgentSettings | None = None,
    progress: Progress | None = None,
) -> Profile:
    """Looks at this host for `duration` seconds, or from a command's first byte to its exit. Ctrl-C ends it early.

    The conditions are those of `hopscope profile`; `own` is its `--self`. With `command` only edges of it and of its
    descendants are taken, its exit code is in `completeness["command"]`, and `command_stdout` is where its output goes.
    `progress` hears the share that is done. Raises HopscopeError with what to do.
    """
    chosen = _selection(pid, name, port, cgroup, container, all, own)
    if command is not None:
        return Profile.of(_command(command, command_stdout, chosen, times, settings))
    with watching(chosen, times, settings=settings) as window:
        _wait(duration, progress)
        return Profile.of(window.take())


def _selection(
    pid: int | Sequence[int],
    name: str | None,
    port: int | Sequence[int],
    cgroup: str | None,
    container: str | None,
    all: bool,
    own: bool,
) -> Selection:
    pids = frozenset((pid,) if isinstance(pid, int) else pid)
    ports = frozenset((port,) if isinstance(port, int) else port)
    for number in pids:
        if not exists(number):
            raise HopscopeError(f"there is no process {number}; see ps -e", 2)
    try:
        return Selection(pids, name, ports, cgroup, container, all, own)
    except ValueError as error:
        raise HopscopeError(str(error), 2) from error


def _wait(duration: float, progress: Progress | None) -> None:
    start = time.monotonic()
    try:
        while (passed := time.monotonic() - start) < duration:
            time.sleep(min(STEP, duration - passed))
            if progress is not None:
                progress(min(1.0, (time.monotonic() - start) / duration))
    except KeyboardInterrupt:
        pass  # what was seen so far is the answer


def _command(
    command: Sequence[str], stdout: TextIO | None, chosen: Selection, times: Times, settings: AgentSettings | None
) -> model.Profile:
    held = HeldCommand(command, stdout)
    try:
        with watching(chosen, times, held.pid, settings) as window:
            held.release()
            return _until_end(held, window)
    finally:
        held.end()


def _until_end(held: HeldCommand, window: Window) -> model.Profile:
    interrupted = False
    while True:
        try:
            if held.ended(STEP):
                break
        except KeyboardInterrupt:
            # The terminal sent it to the command, too, which may need a moment; the second one is meant for us.
            if interrupted:
                break
            interrupted = True
    seen = window.take()
    said = {"arguments": list(held.command), "exit_code": held.exit_code}
    return dataclasses.replace(seen, completeness={**seen.completeness, "command": said})
