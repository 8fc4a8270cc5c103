"""Ids: 64 bits over what makes a thing itself, stable over restarts."""

from __future__ import annotations

from hashlib import blake2b


def _id(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(errors="surrogateescape"), digest_size=8).hexdigest()


def group_id(host: str, cgroup: str, executable: str, script: str = "") -> str:
    """Id of a process group, 16 hex digits."""
    return _id("group", host, cgroup, executable, script)


def edge_id(client: str, dialed: str, transport: str = "tcp") -> str:
    """Id of an edge, 16 hex digits: the client's group id or its address, and the address and port that it dialed."""
    return _id("edge", client, dialed, transport)


def host_id(host: str) -> str:
    """Id of a host, 16 hex digits."""
    return _id("host", host)


def listener_id(process: str, address: str) -> str:
    """Id of what listens at an address, 16 hex digits; `process` is a group's id."""
    return _id("listener", process, address)
