"""What the kernel made of a connection's first messages: its protocol, and whether a TLS handshake was seen. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PROTOCOL_MASK, SECURE, LIKELY, DECIDED = 0xFF, 1 << 24, 1 << 30, 1 << 31
"""Parts of slot.protocol; protocols.bpf.h has the same names."""


@dataclass(frozen=True, slots=True)
class Label:
    """`protocol` and `security` as the JSON says them."""

    protocol: str = "unknown"
    security: str = "unknown"


UNKNOWN = Label()


def label_of(state: int, names: Mapping[int, str], closed: bool = False) -> Label:
    """The label that slot.protocol stands for; `names` is enum protocol as BTF has it.

    While a connection lives only what is decided counts, so that a label never changes. Of a closed one, for which
    nothing more can come, two consistent messages are enough.
    """
    if not state & DECIDED and not (closed and state & LIKELY):
        return UNKNOWN
    name = names.get(state & PROTOCOL_MASK, "PROTOCOL_UNKNOWN").removeprefix("PROTOCOL_").lower()
    if name == "unknown":
        return UNKNOWN
    if name == "tls":
        return Label("unknown", "tls")
    return Label(name, "tls" if state & SECURE else "none")
