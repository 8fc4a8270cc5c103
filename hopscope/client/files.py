"""Profiles on disk: written whole or not at all, read with a word on what is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from hopscope.client.failure import HopscopeError
from hopscope.client.result import Profile
from hopscope.edges import changes, model


def save(profile: model.Profile, path: str | Path) -> None:
    """Writes a profile as JSON. Raises HopscopeError; what was at `path` before stays then."""
    written(Path(path), lambda place: place.write_text(profile.to_json() + "\n"))


def written(path: Path, write: Callable[[Path], object]) -> None:
    """Has `write` fill a file beside `path`, which then takes its place at once. Raises HopscopeError.

    What is no ordinary file, for example a pipe or /dev/stdout, is written as it is: it must not be replaced.
    """
    path = path.resolve()
    try:
        if path.exists() and not path.is_file():
            write(path)
            return
        place = path.with_name(f".{path.name[:200]}.{os.getpid()}")
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o666
        os.close(os.open(place, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        try:
            write(place)
            with place.open("rb") as file:
                os.fsync(file.fileno())
            place.replace(path)
        finally:
            place.unlink(missing_ok=True)
    except OSError as error:
        raise HopscopeError(f"cannot write {path}: {error.strerror or error}; choose another file") from error


def load(path: str | Path) -> Profile:
    """Reads a saved profile. Raises HopscopeError that says what is wrong with it."""
    try:
        text = Path(path).read_text()
    except OSError as error:
        raise HopscopeError(f"cannot read {path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise HopscopeError(f"{path} is no saved profile: it is not text") from error
    try:
        return Profile.of(model.Profile.from_dict(json.loads(text)))
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated")
        raise HopscopeError(
            f"{path} is no whole profile: " + ("it ends too early" if cut else f"line {error.lineno} is not JSON")
        ) from error
    except ValueError as error:
        raise HopscopeError(f"{path}: {error}") from error


def diff(before: model.Profile, after: model.Profile) -> tuple[changes.Change, ...]:
    """Which edges are new, gone or changed, and the figures that changed by more than a tenth."""
    return changes.changes(before, after)
