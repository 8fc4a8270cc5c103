"""The agent's Unix socket, root's alone: a connection is a window, asked for and answered in lines of JSON.

Request                                                       Answer
{"ask":"open","times":"all","selection":{...},"follow":PID}   {"pid":PID,"version":1}
{"ask":"peek"}                                                the profile since it was opened, or taken last
{"ask":"take"}                                                the same, and the next one starts here
{"ask":"connections","edge":ID}                               {"sides":[...],"version":1}; null: it looks no more
{"ask":"status"}                                              the agent's mode, tasks and delivery; needs no window
anything else                                                 {"error":"..."} and the end of the connection
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import stat
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from hopscope.agent import AgentError
from hopscope.agent.asked import AskedWindow
from hopscope.agent.watch import Watch
from hopscope.agent.window import Times
from hopscope.edges.model import VERSION
from hopscope.edges.selection import Selection

CONNECTIONS = 32
REQUEST_BYTES = 64 * 1024
SLOW = 10.0
"""Seconds after which a reader that has not taken its answer is let go."""

log = logging.getLogger(__name__)


class LocalSocket:
    """Answers at `listener` until it is closed."""

    def __init__(self, watch: Watch, listener: socket.socket) -> None:
        self._watch = watch
        self._lock = threading.Lock()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._closed = False
        self._listener = listener
        self._thread = threading.Thread(target=self._accept, name="hopscope-socket", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends all connections; twice is harmless."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            served = list(self._open.items())
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for _, connection in served:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in (self._thread, *(thread for thread, _ in served)):
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                if self._closed or len(self._open) >= CONNECTIONS:
                    _send(connection, {"error": f"the agent already serves {CONNECTIONS}; close a top or profile"})
                    connection.close()
                    continue
                thread = threading.Thread(target=self._serve, args=(connection,), name="hopscope-asked", daemon=True)
                self._open[thread] = connection
            thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with connection:
                self._answer(connection)
        except OSError as error:
            log.info("a top or profile went away: %s", error.strerror or error)
        finally:
            with self._lock:
                del self._open[threading.current_thread()]

    def _answer(self, connection: socket.socket) -> None:
        window = None
        lines = _Lines(connection)
        try:
            while (line := lines.next()) is not None:
                request = _request(line)
                if request.get("ask") == "open" and window is None:
                    window = self._opened(request)
                    _send(connection, {"pid": os.getpid(), "version": VERSION})
                elif request.get("ask") == "status":
                    _send(connection, {**self._watch.status().to_dict(), "version": VERSION})
                elif request.get("ask") in ("peek", "take") and window is not None:
                    _send(connection, (window.take() if request["ask"] == "take" else window.peek()).to_dict())
                elif request.get("ask") == "connections" and window is not None:
                    sides = [side.to_dict() for side in window.connections(_edge(request))]
                    _send(connection, {"sides": sides, "version": VERSION})
                else:
                    raise ValueError("the agent answers status, or open, then peek, take and connections")
        except (ValueError, AgentError) as error:
            _send(connection, {"error": str(error)})
        finally:
            if window is not None:
                window.close()

    def _opened(self, request: dict[str, Any]) -> AskedWindow:
        times, follow, chosen = request.get("times", "all"), request.get("follow"), request.get("selection", {})
        if times not in get_args(Times) or not isinstance(follow, int | None) or not isinstance(chosen, dict):
            raise ValueError("times is all, windows or off; follow a process id; selection an object")
        return AskedWindow(self._watch, Selection.from_dict(chosen), times, follow)


class _Lines:
    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._read = b""

    def next(self) -> bytes | None:
        """The next line; None at the end. Raises ValueError when it is too long."""
        while b"\n" not in self._read:
            if len(self._read) > REQUEST_BYTES:
                raise ValueError(f"a request has at most {REQUEST_BYTES} bytes")
            self._connection.settimeout(None)
            more = self._connection.recv(REQUEST_BYTES)
            if not more:
                return None
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return line


def _request(line: bytes) -> dict[str, Any]:
    request = json.loads(line)
    if not isinstance(request, dict):
        raise ValueError("a request is an object")
    return request


def _edge(request: dict[str, Any]) -> str | None:
    edge = request.get("edge")
    if not isinstance(edge, str | None):
        raise ValueError("edge is an id, or null")
    return edge


def _send(connection: socket.socket, answer: dict[str, Any]) -> None:
    connection.settimeout(SLOW)
    connection.sendall(json.dumps(answer).encode() + b"\n")


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A socket at `path` for as long as the block runs. Raises AgentError when the path is not to be had."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _make_way(path)
            listener.bind(str(path))
            # Nobody can connect before it listens, so nobody slips in before it is root's alone.
            path.chmod(0o600)
            listener.listen(CONNECTIONS)
            inode = path.stat().st_ino
        except OSError as error:
            remedy = "run as root" if isinstance(error, PermissionError) else "choose another --socket"
            raise AgentError(f"cannot listen on {path}: {error.strerror or error}; {remedy}") from error
        try:
            yield listener
        finally:
            # Another agent may have taken the path meanwhile.
            if path.exists() and path.stat().st_ino == inode:
                path.unlink()


def _make_way(path: Path) -> None:
    """Removes what an agent left that is gone. Raises AgentError when one is there, or something else is."""
    if not path.exists():
        return
    if not stat.S_ISSOCK(path.stat().st_mode):
        raise AgentError(f"{path} is not a socket; remove it, or choose another --socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(SLOW)
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
        pid = struct.unpack("3i", probe.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
    raise AgentError(
        f"an agent (pid {pid}) is already at {path}: hopscope top and hopscope profile use it; "
        f"for a second one choose another --socket"
    )
