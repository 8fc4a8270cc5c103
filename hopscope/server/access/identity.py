"""Caller asks: a name, shown as the owner of what is done, and a role."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["read", "admin", "agent"]
ROLES: tuple[Role, ...] = ("read", "admin", "agent")
"""May ask; may also change (tasks); may only report."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. The name is shown as the owner of what the caller does."""

    name: str
    role: Role


LOCAL = Caller("local", "admin")
"""Everybody on this host, as long as nothing was set up to tell them apart."""
ANYBODY = Caller("anybody", "admin")
"""Everybody at all: `insecure`, beyond loopback, without tokens."""
RESERVED = frozenset({LOCAL.name, ANYBODY.name})


class Unknown(Exception):
    """Nobody that we know; one line with what to do."""


class NotAllowed(Exception):
    """Known, and of a role that may not do this; one line with what to do."""
