"""A proxy that has asked users who they are, and says so in a header."""

from __future__ import annotations

import ipaddress

from starlette.datastructures import Headers

from hopscope.server.access.identity import Caller, NotAllowed, Unknown
from hopscope.settings import ServerSettings, networks

_LONGEST = 128


class Proxy:
    """Believed when it comes from one of `settings.trusted_proxy`."""

    def __init__(self, settings: ServerSettings) -> None:
        self._networks = networks(settings.trusted_proxy or "")
        self._user, self._role = settings.proxy_user_header, settings.proxy_role_header

    @property
    def headers(self) -> frozenset[bytes]:
        """Their names in lower case: what nobody else may send."""
        return frozenset(name.lower().encode() for name in (self._user, self._role) if name)

    def is_at(self, peer: str) -> bool:
        """Whether this is the proxy's address."""
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in self._networks)

    def says(self, headers: Headers) -> Caller | None:
        """Whom it names; None if it names nobody. Raises Unknown, NotAllowed."""
        if self._user is None or (name := headers.get(self._user, "").strip()) == "":
            return None
        if len(name) > _LONGEST or not name.isprintable():
            raise Unknown(f"the proxy's {self._user} is not a name of up to {_LONGEST} printable characters")
        role = headers.get(self._role, "").strip().lower() if self._role else ""
        if role in ("", "read"):
            return Caller(name, "read")
        if role == "admin":
            return Caller(name, "admin")
        raise NotAllowed(f"the proxy's {self._role} says {role[:_LONGEST]!r}; known are read and admin")
