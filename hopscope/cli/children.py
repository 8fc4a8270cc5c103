"""The two halves as children of `hopscope run`: started, ended with it, and the server half without root."""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

from hopscope.settings import ServerSettings, SettingsError

PR_SET_PDEATHSIG = 1
LAST_WORDS = 4096


def start(half: str, arguments: list[str], log: IO[bytes] | None) -> subprocess.Popen[bytes]:
    """Starts `hopscope agent` or `hopscope server`; what it says goes to `log`, or to our own stderr.

    In a group of its own, so that Ctrl-C reaches only us and we end it in order.
    """
    call = [sys.executable, "-m", "hopscope.cli", half, "--child", *arguments]
    return subprocess.Popen(call, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)


class Half:
    """One of the two halves at work. `quiet`: what it says is kept for its last words instead of shown."""

    def __init__(self, name: str, arguments: list[str], quiet: bool) -> None:
        self.name = name
        self._log = tempfile.TemporaryFile() if quiet else None  # noqa: SIM115 - lives as long as the half
        self._child = start(name, arguments, self._log)

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._child.poll() is not None

    @property
    def last_words(self) -> str:
        """The last line it said, and how it ended."""
        said = []
        if self._log is not None:
            size = os.fstat(self._log.fileno()).st_size
            text = os.pread(self._log.fileno(), LAST_WORDS, max(0, size - LAST_WORDS)).decode(errors="replace")
            said = [line.removeprefix("hopscope: ") for line in text.splitlines() if line.strip()]
        code = self._child.poll()
        how = f"exit code {code}" if code is None or code >= 0 else signal.Signals(-code).name
        return (said[-1] if said else f"it ended with {how} and said nothing").strip()

    def stop(self, seconds: float = 5) -> None:
        """Ends it: asks first, insists after `seconds`."""
        if not self.ended:
            self._child.terminate()
            try:
                self._child.wait(seconds)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()


def end_with_parent() -> None:
    """Has the kernel send us SIGTERM when our parent dies, even by kill -9. Call it after `become`, which clears it."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent or parent == 1:
        os.kill(os.getpid(), signal.SIGTERM)


def become(settings: ServerSettings) -> None:
    """Gives up root for `settings.user`, who gets the data folder and the socket's. Raises SettingsError."""
    if os.geteuid() != 0 or settings.user is None:
        return
    try:
        user = pwd.getpwnam(settings.user)
    except KeyError as error:
        raise SettingsError(
            f"there is no user {settings.user!r}; useradd -r {settings.user}, or another --user"
        ) from error
    _hand_over(settings.data_dir, user)
    if settings.socket is not None:
        _hand_over_if_new(settings.socket.parent, user)
    os.initgroups(user.pw_name, user.pw_gid)
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)
    os.environ["HOME"] = str(settings.data_dir)
    try:
        Path.cwd().stat()
    except OSError:
        # The storage engine wants to know where it stands; the caller's folder may be root's alone.
        os.chdir("/")


def _hand_over_if_new(folder: Path, user: pwd.struct_passwd) -> None:
    """The socket's folder is only given away when nobody else can be using it: it may be /run or /tmp."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir()
        os.chown(folder, user.pw_uid, user.pw_gid)
    except FileExistsError:
        return
    except OSError as error:
        raise SettingsError(f"cannot prepare {folder}: {error.strerror}; another --socket, or none") from error


def _hand_over(folder: Path, user: pwd.struct_passwd) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        owner = folder.stat().st_uid
        if owner == 0 and not any(folder.iterdir()):
            os.chown(folder, user.pw_uid, user.pw_gid)
            return
    except OSError as error:
        raise SettingsError(f"cannot prepare {folder}: {error.strerror}; choose another --data-dir") from error
    if owner != user.pw_uid:
        # Not taken over: a folder with something in it may be anybody's.
        raise SettingsError(
            f"{folder} is not {user.pw_name}'s; chown -R {user.pw_name} {folder}, or another --data-dir"
        )
