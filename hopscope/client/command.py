"""A command that is held back until the probes are ready, and watched to its end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from hopscope.client.failure import HopscopeError

# The shell stops itself and, once it is let go, becomes the command: no byte of it was unseen.
_HOLD = 'kill -STOP $$; exec "$@"'


class HeldCommand:
    """A command that has not started yet. Raises HopscopeError when there is no such command."""

    def __init__(self, command: Sequence[str], stdout: IO[str] | None = None) -> None:
        if not command or shutil.which(command[0]) is None:
            raise HopscopeError(f"there is no command {command[0] if command else ''!r}; give its path", 127)
        self.command = tuple(command)
        self._process = subprocess.Popen(["/bin/sh", "-c", _HOLD, "sh", *command], stdout=stdout)
        self.pid = self._process.pid
        # Not reaped: Popen does that.
        os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def release(self) -> None:
        """Lets it start."""
        os.kill(self.pid, signal.SIGCONT)

    def ended(self, seconds: float) -> bool:
        """Waits for its end, at most so long; whether it came."""
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end(self) -> None:
        """Ends it when it has not ended: asks first, then insists. One that is still held has done nothing."""
        if self._process.poll() is None:
            self._process.terminate()
            self.release()
            if not self.ended(3):
                self._process.kill()
                self._process.wait()

    @property
    def exit_code(self) -> int | None:
        """As a shell says it: 128 + signal when one ended it; None while it runs."""
        code = self._process.poll()
        return 128 - code if code is not None and code < 0 else code


def exists(pid: int) -> bool:
    """Whether there is such a process."""
    return Path(f"/proc/{pid}").exists()
