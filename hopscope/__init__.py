"""Which process talks to which, over what protocol, how fast, how lossy, and which hop is to blame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hopscope.client import HopscopeError, Profile, diff, load, profile, save
    from hopscope.client.remote import Client

__all__ = ["Client", "HopscopeError", "Profile", "diff", "load", "profile", "save"]


def __getattr__(name: str) -> Any:
    # On first use: `import hopscope` is also what each command of the command line pays.
    if name == "Client":
        from hopscope.client.remote import Client

        return Client
    if name in __all__:
        from hopscope import client

        return getattr(client, name)
    raise AttributeError(f"module 'hopscope' has no attribute {name!r}")
