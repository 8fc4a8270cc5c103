"""A door: an address that is listened on, and who comes in by it."""

from __future__ import annotations

import ipaddress
import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime

from hopscope.server import ServerError
from hopscope.server.access.identity import ANYBODY, LOCAL, Caller, NotAllowed, Role, Unknown
from hopscope.server.access.tokens import Tokens

log = logging.getLogger(__name__)

_QUIET_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Keys:
    """What opens a door: tokens of `roles`, and whether there is an `other` way (a client's certificate, a proxy)."""

    roles: frozenset[Role]
    other: bool
    remedy: str


class Door:
    """Lets in who shows a token. As long as there is no key at all, everybody of this host is let in, or with
    `insecure` everybody. Raises ServerError when it would stand open to others."""

    def __init__(self, name: str, host: str, tokens: Tokens, keys: Keys, insecure: bool) -> None:
        self._tokens, self._keys = tokens, keys
        self.loopback = _is_loopback(host)
        self._nobody_there = LOCAL if self.loopback else ANYBODY if insecure else None
        self._guard = threading.Lock()
        self._refused: Counter[str] = Counter()
        self._said, self._unsaid = 0.0, 0
        if self._nobody_there is None and not self.locked:
            raise ServerError(
                f"{name} = {host} is reachable from elsewhere and would let everybody in: {keys.remedy}; or --insecure "
                "if that is meant"
            )

    @property
    def locked(self) -> bool:
        """Whether there is a key."""
        return self._keys.other or self._tokens.any(self._keys.roles)

    @property
    def refused(self) -> dict[str, int]:
        """How often nobody was let in, by cause."""
        with self._guard:
            return dict(self._refused)

    def enter(self, bearer: str | None, peer: str) -> Caller:
        """Caller comes in with this token, or without. `peer`: for the log. Raises Unknown, NotAllowed."""
        if bearer is not None:
            return self._shown(bearer, peer)
        if self._nobody_there is not None and not self.locked:
            return self._nobody_there
        self.refuse("no token", peer)
        raise Unknown("a token is needed; on the server, hopscope token create NAME makes one")

    def _shown(self, bearer: str, peer: str) -> Caller:
        token = self._tokens.find(bearer)
        if token is None:
            self.refuse("unknown token", peer)
            raise Unknown("nobody knows this token; hopscope token list shows those there are, by name")
        if token.expired(time.time()):
            self.refuse("expired token", peer)
            ended = datetime.fromtimestamp(token.expires or 0, UTC)
            raise Unknown(f"the token {token.name} ended at {ended:%Y-%m-%dT%H:%M:%SZ}; create another")
        if token.role not in self._keys.roles:
            self.refuse("role", peer)
            raise NotAllowed(f"the token {token.name} is of role {token.role}; here it takes {self.wanted}")
        return Caller(token.name, token.role)

    @property
    def wanted(self) -> str:
        """The roles that come in, for people."""
        return " or ".join(sorted(self._keys.roles))

    def refuse(self, cause: str, peer: str) -> None:
        """Counts somebody who was not let in; the log gets a line now and then, never a token."""
        with self._guard:
            self._refused[cause] += 1
            now = time.monotonic()
            if self._said and now - self._said < _QUIET_SECONDS:
                self._unsaid += 1
                return
            unsaid, self._unsaid, self._said = self._unsaid, 0, now
        more = f", and {unsaid} others since the last such line" if unsaid else ""
        log.warning("not let in from %s: %s%s", peer, cause, more)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
