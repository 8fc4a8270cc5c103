"""The demo's folder below /run: who holds it, what the running demo says of itself, and how all of it is removed."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

from hopscope.demo import DemoError, cgroups
from hopscope.demo.topology import RUN

STATE, PID = RUN / "mesh.json", RUN / "supervisor.pid"
CONTROL = RUN / "control.sock"


def take() -> int:
    """Makes the folder ours alone, as a locked descriptor, and removes what an earlier demo left. Raises DemoError."""
    for _ in range(3):
        RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
        try:
            held = _hold()
        except FileNotFoundError:
            continue
        if held is None:
            raise DemoError("a demo is running already; hopscope demo down ends it")
        if _remove_left(held):
            draft = PID.with_suffix(".new")
            draft.write_text(str(os.getpid()))
            draft.rename(PID)
            return held
    raise DemoError(f"{RUN} keeps changing hands; is another demo starting?")


def _hold() -> int | None:
    # The folder, locked; None while another holds it. Raises FileNotFoundError.
    held = os.open(RUN, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        return None
    return held


def _remove_left(held: int) -> bool:
    # The folder may have been removed by its last holder between our open and our lock.
    if not RUN.exists() or not os.path.samestat(os.fstat(held), RUN.stat()):
        os.close(held)
        return False
    for item in RUN.iterdir():
        shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
    end_members()
    return True


def end_members() -> None:
    """Kills what still runs in the demo's cgroups, and removes these. Raises DemoError when that takes over 10 s."""
    where, until = cgroups.find(), time.monotonic() + 10
    while left := cgroups.members(where):
        for pid in left:
            _kill(pid, signal.SIGKILL)
        if time.monotonic() > until:
            raise DemoError(f"processes {sorted(left)} of an earlier demo do not end")
        time.sleep(0.02)
    cgroups.remove(where)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def held() -> bool:
    """Whether a demo holds the folder."""
    try:
        ours = _hold()
    except FileNotFoundError:
        return False
    if ours is not None:
        os.close(ours)
    return ours is None


def end(patience: float = 15) -> bool:
    """Ends a running demo: asks first, insists when it does not listen. Returns whether there was one."""
    if not held():
        return False
    number, until = signal.SIGTERM, 0.0
    while held():
        if time.monotonic() > until and PID.exists():
            _kill(int(PID.read_text()), number)
            number, until = signal.SIGKILL, time.monotonic() + patience
        time.sleep(0.05)
    return True


def clean() -> None:
    """Removes whatever any demo left: processes, cgroups, files. Raises DemoError."""
    end()
    end_members()
    if RUN.exists():
        shutil.rmtree(RUN)


def publish(state: dict[str, Any]) -> None:
    """Writes what the running demo says of itself."""
    draft = STATE.with_suffix(".new")
    draft.write_text(json.dumps(state))
    draft.rename(STATE)


def published() -> dict[str, Any]:
    """What the running demo says of itself. Raises DemoError when there is none."""
    try:
        if held():
            state: dict[str, Any] = json.loads(STATE.read_text())
            return state
    except FileNotFoundError:
        raise DemoError("the demo is not up yet; try again") from None
    raise DemoError("no demo is running; hopscope demo up starts one")


def prepare(path: Path, owner: int) -> None:
    """A folder of a container's own."""
    path.mkdir(mode=0o755, parents=True)
    os.chown(path, owner, owner)
