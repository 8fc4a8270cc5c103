"""hopscope's own two halves beside the mesh: the agent, told which cgroup is which pod, and the server."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

from hopscope.demo import DemoError, bootstrap, cgroups, discovery, namespaces
from hopscope.demo.topology import RUN

LOGS = {"server": RUN / "server.log", "agent": RUN / "agent.log"}

Half = subprocess.Popen[bytes]


def start(where: cgroups.Hierarchies) -> dict[str, Half]:
    """Starts both; they load while the mesh is built. Raises DemoError."""
    server = ["--data-dir", str(RUN / "data"), "--socket", str(bootstrap.ACCESS_LOG_SOCKET)]
    agent = ["--config", str(discovery.SETTINGS), "--server", f"unix:{bootstrap.ACCESS_LOG_SOCKET}"]
    return {"server": _spawn("server", server, where), "agent": _spawn("agent", agent, where)}


def _spawn(half: str, arguments: list[str], where: cgroups.Hierarchies) -> Half:
    # In a cgroup of the demo's, so that `clean` finds it.
    groups = cgroups.create(f"hopscope/{half}", where)
    with LOGS[half].open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "hopscope.cli", half, "--child", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=namespaces.birth(None, groups),
            start_new_session=True,
        )


def wait_ready(running: dict[str, Half], seconds: float) -> None:
    """Returns when both accept connections. Raises DemoError with the last words of the one that does not."""
    until = time.monotonic() + seconds
    for half, path in (("server", bootstrap.ACCESS_LOG_SOCKET), ("agent", discovery.AGENT_SOCKET)):
        while not _accepts(path):
            ended = running[half].poll() is not None
            if ended or time.monotonic() > until:
                words = LOGS[half].read_text(errors="replace").strip().splitlines() or ["it said nothing"]
                state = "ended" if ended else "is not ready"
                raise DemoError(f"the {half} {state}: {words[-1]}; --no-server runs the mesh alone")
            time.sleep(0.02)
    # The sidecars' user reports its access logs here.
    bootstrap.ACCESS_LOG_SOCKET.chmod(0o666)


def _accepts(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as caller:
        try:
            caller.connect(str(path))
        except OSError:
            return False
    return True


def stop(running: dict[str, Half], seconds: float = 8) -> None:
    """Ends the agent first, so that its last report still finds the server."""
    for half in ("agent", "server"):
        process = running.get(half)
        if process is not None:
            process.terminate()
            try:
                process.wait(seconds)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
