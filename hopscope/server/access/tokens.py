"""The file of tokens: a name, a role and an end for each, and of the token itself only the SHA-256.

A token is 256 random bits, so its hash needs no salt and no slow function: nobody guesses either.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hopscope.server import ServerError
from hopscope.server.access.identity import RESERVED, ROLES, Role
from hopscope.settings import ServerSettings

log = logging.getLogger(__name__)

PREFIX = "hop_"
"""What every token begins with, so that scanners for leaked secrets can find one."""
VERSION = 1
_NAMES = re.compile(r"[\w.@+-]{1,64}", re.ASCII)


class TokenError(ServerError):
    """A token that cannot be made or found, or a file that holds none; one line with what to do."""


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token. `created`, `expires`: Unix seconds; without `expires` it holds until it is revoked."""

    name: str
    role: Role
    sha256: str
    created: int
    expires: int | None

    def expired(self, now: float) -> bool:
        """Whether it has ended."""
        return self.expires is not None and now >= self.expires


def token_file(settings: ServerSettings) -> Path:
    """Where the tokens are."""
    return settings.tokens or settings.data_dir / "tokens.json"


def create(file: Path, name: str, role: Role, now: float, seconds: int | None) -> tuple[str, Token]:
    """Adds a token to the file; returns it, which nothing will show again, and what is kept. Raises TokenError."""
    if not _NAMES.fullmatch(name) or name in RESERVED:
        raise TokenError(
            f"{name!r} cannot be a token's name: 1 to 64 of A-Z a-z 0-9 . _ @ + -, and not local or anybody"
        )
    secret = PREFIX + secrets.token_urlsafe(32)
    made = Token(name, role, _digest(secret), int(now), None if seconds is None else int(now) + seconds)
    with _locked(file):
        tokens = read(file)
        if name in tokens:
            raise TokenError(f"there is a token {name!r} already; hopscope token revoke {name}, or another name")
        _write(file, {**tokens, name: made})
    return secret, made


def revoke(file: Path, name: str) -> Token:
    """Takes a token out of the file; a server that runs notices at once. Raises TokenError."""
    with _locked(file):
        tokens = dict(read(file))
        if (gone := tokens.pop(name, None)) is None:
            known = ", ".join(sorted(tokens)) or "none"
            raise TokenError(f"there is no token {name!r} in {file}; there is: {known}")
        _write(file, tokens)
    return gone


def read(file: Path) -> Mapping[str, Token]:
    """What the file holds, by name; no file holds nothing. Raises TokenError."""
    try:
        text = file.read_text()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise TokenError(f"cannot read the tokens in {file}: {error.strerror}") from error
    try:
        held = json.loads(text)
        if held["version"] != VERSION:
            raise TokenError(
                f"{file} is of version {held['version']}, this hopscope knows {VERSION}; use the newer one"
            )
        return {token.name: token for token in map(_token, held["tokens"])}
    except (KeyError, TypeError, ValueError) as error:
        raise TokenError(f"{file} is not a file of tokens; move it away and create the tokens again") from error


def _token(row: Mapping[str, Any]) -> Token:
    token = Token(**row)
    whole = isinstance(token.created, int) and isinstance(token.expires, int | None)
    if not whole or token.role not in ROLES or not re.fullmatch(r"[0-9a-f]{64}", token.sha256):
        raise ValueError("not a token")
    return token


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode(errors="surrogateescape")).hexdigest()


def _write(file: Path, tokens: Mapping[str, Token]) -> None:
    unfinished = file.with_name(file.name + ".part")
    held = {"version": VERSION, "tokens": [asdict(token) for token in tokens.values()]}
    try:
        with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as writing:
            json.dump(held, writing, indent=1)
            writing.flush()
            os.fsync(writing.fileno())
        unfinished.rename(file)
    except OSError as error:
        raise TokenError(f"cannot write {file}: {error.strerror}; run as its owner or root") from error


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Two that change the file at the same time do it one after the other."""
    try:
        lock = os.open(file.with_name(file.name + ".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    except OSError as error:
        raise TokenError(f"cannot write beside {file}: {error.strerror}; run as its owner or root") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


class Tokens:
    """The file as a running server sees it: read again when it changes. Raises TokenError when it cannot be read.

    A file that is damaged later changes nothing: what was read before holds, and the log says so.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._guard = threading.Lock()
        self._seen = self._looks()
        self._kept = self._by_digest()

    def find(self, secret: str) -> Token | None:
        """The token that this is."""
        # Whoever measures how long a look-up takes learns of hashes at most, and makes no token from them.
        return self._current().get(_digest(secret))

    def any(self, roles: frozenset[Role]) -> bool:
        """Whether there is a token of one of these roles, even one that has ended."""
        return any(token.role in roles for token in self._current().values())

    def _current(self) -> Mapping[str, Token]:
        with self._guard:
            looks = self._looks()
            if looks != self._seen:
                self._seen = looks
                try:
                    self._kept = self._by_digest()
                except TokenError as error:
                    log.error("the tokens read before hold on: %s", error)
            return self._kept

    def _by_digest(self) -> Mapping[str, Token]:
        return {token.sha256: token for token in read(self._file).values()}

    def _looks(self) -> tuple[int, ...] | None:
        try:
            status = self._file.stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns, status.st_size
