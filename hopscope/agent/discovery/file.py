"""Places out of a JSON file that says which cgroup is which pod. docs/discovery.md describes it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hopscope.agent import AgentError
from hopscope.agent.discovery.host import HostDiscovery
from hopscope.agent.discovery.place import Place
from hopscope.settings import Mode

VERSION = 1
_TEXTS, _MAPS = ("service", "instance", "layer", "container"), ("labels", "attributes")


class FileDiscovery:
    """The file's places, read again when it changes. Raises AgentError when it cannot be read at the start."""

    mode: Mode = "always"

    def __init__(self, path: Path, otherwise: HostDiscovery) -> None:
        self._path, self._otherwise = path, otherwise
        self._warning: str | None = None
        self._stamp = self._stamp_now()
        self._places = read(path)

    def _stamp_now(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def place(self, cgroup: str) -> Place:
        """The place of the longest path that the cgroup is or lies beneath; the host's when there is none."""
        path = cgroup.rstrip("/")
        while path:
            if path in self._places:
                return self._places[path]
            path = path.rpartition("/")[0]
        return self._otherwise.place(cgroup)

    def changed(self) -> bool:
        """Reads the file again if it is another one now; a bad one leaves what was known and sets the warning."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._places, self._warning = read(self._path), None
        except AgentError as error:
            self._warning = f"{error}; going on with what it said before"
            return False
        return True

    def warning(self) -> str | None:
        """What is wrong with the file now."""
        return self._warning


def read(path: Path) -> dict[str, Place]:
    """Places by cgroup path. Raises AgentError that names what is wrong."""
    try:
        data = json.loads(path.read_text())
    except OSError as error:
        raise AgentError(f"cannot read the discovery file {path}: {error.strerror}") from error
    except ValueError as error:
        raise AgentError(f"the discovery file {path} is not JSON: {error}") from error
    if not isinstance(data, dict) or data.get("version") != VERSION or not isinstance(data.get("cgroups"), dict):
        raise AgentError(f'the discovery file {path} must be {{"version": {VERSION}, "cgroups": {{PATH: {{...}}}}}}')
    return {"/" + name.strip("/"): _place(path, name, entry) for name, entry in data["cgroups"].items()}


def _place(path: Path, name: str, entry: Any) -> Place:
    where = f"the discovery file {path}: cgroup {name!r}"
    if not isinstance(entry, Mapping):
        raise AgentError(f"{where}: must be an object")
    if unknown := sorted(set(entry) - {*_TEXTS, *_MAPS}):
        raise AgentError(f"{where}: {unknown[0]!r} is not known; known: {', '.join((*_TEXTS, *_MAPS))}")
    if wrong := [key for key in _TEXTS if not isinstance(entry.get(key), str | None)]:
        raise AgentError(f"{where}: {wrong[0]!r} must be a text")
    if not entry.get("instance"):
        raise AgentError(f"{where}: 'instance' is missing")
    maps = {name: entry.get(name, {}) for name in _MAPS}
    for name, held in maps.items():
        if not isinstance(held, dict) or not all(isinstance(value, str) for value in held.values()):
            raise AgentError(f"{where}: {name!r} must be texts by name")
    return Place(entry.get("service"), entry["instance"], entry.get("container"), entry.get("layer"), **maps)
