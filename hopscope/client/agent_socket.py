"""A window asked of an agent that already runs, over its Unix socket."""

from __future__ import annotations

import errno
import json
import socket
from pathlib import Path
from typing import Any, BinaryIO

from hopscope.client.failure import HopscopeError
from hopscope.edges.connection import ConnectionsSeen
from hopscope.edges.model import VERSION, Profile
from hopscope.edges.selection import Selection
from hopscope.edges.status import AgentStatus

LONGEST_ANSWER = 1 << 30
PATIENCE = 30.0
"""Seconds that an agent may take for an answer."""


class AgentWindow:
    """A window of the agent behind `connection`. Raises HopscopeError when the agent refuses or is gone."""

    def __init__(self, connection: socket.socket, selection: Selection, times: str, follow: int | None) -> None:
        self._connection = connection
        self._connection.settimeout(PATIENCE)
        self._file = connection.makefile("rb")
        request = {"ask": "open", "times": times, "selection": selection.to_dict()}
        try:
            self.pid = int(self._asked(request | ({"follow": follow} if follow is not None else {}))["pid"])
        except HopscopeError:
            self.close()
            raise

    def peek(self) -> Profile:
        """Everything since it was opened, or taken last."""
        return Profile.from_dict(self._asked({"ask": "peek"}))

    def take(self) -> Profile:
        """The same, and the next one starts here."""
        return Profile.from_dict(self._asked({"ask": "take"}))

    def connections(self, edge: str | None) -> tuple[ConnectionsSeen, ...]:
        """Those behind an edge as they are now, a side at a time; None: nobody looks any more."""
        answer = self._asked({"ask": "connections", "edge": edge})
        return tuple(ConnectionsSeen.from_dict(side) for side in answer["sides"])

    def status(self) -> AgentStatus:
        """What the agent does now."""
        return _status(self._asked({"ask": "status"}))

    def close(self) -> None:
        """Ends the window; twice is harmless."""
        self._file.close()
        self._connection.close()

    def _asked(self, request: dict[str, Any]) -> dict[str, Any]:
        return _asked(self._connection, self._file, request)


def _asked(connection: socket.socket, file: BinaryIO, request: dict[str, Any]) -> dict[str, Any]:
    try:
        connection.sendall(json.dumps(request).encode() + b"\n")
        line = file.readline(LONGEST_ANSWER)
    except OSError as error:
        raise HopscopeError(f"the agent does not answer: {error.strerror or error}; is it stopped?") from error
    if not line.endswith(b"\n"):
        raise HopscopeError("the agent ended meanwhile; start hopscope agent again, or run without it")
    answer = json.loads(line)
    if "error" in answer:
        raise HopscopeError(f"the agent says: {answer['error']}")
    if answer.get("version") != VERSION:
        raise HopscopeError("the agent is of another version; restart it")
    found: dict[str, Any] = answer
    return found


def _status(answer: dict[str, Any]) -> AgentStatus:
    return AgentStatus.from_dict({name: value for name, value in answer.items() if name != "version"})


def status(path: Path) -> AgentStatus | None:
    """What the agent at `path` does; None when there is none. Raises HopscopeError."""
    connection = connect(path)
    if connection is None:
        return None
    with connection, connection.makefile("rb") as file:
        return _status(_asked(connection, file, {"ask": "status"}))


def connect(path: Path) -> socket.socket | None:
    """A connection to the agent at `path`; None when no agent is there. Raises HopscopeError when it is not ours."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(PATIENCE)
    try:
        connection.connect(str(path))
    except OSError as error:
        connection.close()
        if error.errno in (errno.EACCES, errno.EPERM):
            raise HopscopeError(f"the agent at {path} answers root only; run as root (sudo)") from error
        return None
    return connection
