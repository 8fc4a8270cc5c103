"""The word on a line, from transport, protocol and security: one table for terminal, page and API."""

from __future__ import annotations

_WORDS = {
    "http": "HTTP",
    "http2": "HTTP/2",
    "grpc": "gRPC",
    "mysql": "MySQL",
    "postgresql": "PostgreSQL",
    "redis": "Redis",
    "kafka": "Kafka",
    "mongodb": "MongoDB",
}


def label(transport: str, protocol: str, security: str) -> str:
    """`HTTP`, `HTTPS`, `gRPC (TLS)`, `TCP`, `TCP (TLS)`, `mTLS`, ..."""
    word = _WORDS.get(protocol)
    if word is None:
        return "mTLS" if security == "mtls" else transport.upper() + (" (TLS)" if security == "tls" else "")
    if security in ("tls", "mtls"):
        return "HTTPS" if protocol == "http" else f"{word} ({'mTLS' if security == 'mtls' else 'TLS'})"
    return word
