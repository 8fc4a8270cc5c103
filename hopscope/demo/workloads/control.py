"""How a workload is asked for its counts and told its faults: one JSON line each way on a Unix socket, no TCP."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

Command = Callable[..., Any]


def serve(path: str, commands: Mapping[str, Command]) -> None:
    """Answers `{"do": name, ...arguments}` from now on, each caller in a thread of its own."""
    Path(path).unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(16)
    Thread(target=_accept, args=(listener, commands), daemon=True).start()


def _accept(listener: socket.socket, commands: Mapping[str, Command]) -> None:
    while True:
        caller, _ = listener.accept()
        Thread(target=_answer, args=(caller, commands), daemon=True).start()


def _answer(caller: socket.socket, commands: Mapping[str, Command]) -> None:
    with caller, caller.makefile("rw") as lines:
        arguments = json.loads(lines.readline() or "{}")
        command = commands.get(arguments.pop("do", ""))
        answer = {"error": "no such command"} if command is None else {"answer": command(**arguments)}
        lines.write(json.dumps(answer) + "\n")
