"""Which instances there are, and whether one can be profiled now."""

from __future__ import annotations

from hopscope.server.analysis.entities import Name, instance_of, meant, name_of
from hopscope.server.query.heard import Heard
from hopscope.server.query.reader import Reader

LATELY = 130
"""Seconds for which a process counts as alive after its agent's last word on it: it says one each minute."""
SILENT_MS = 15_000
"""An agent that reports each second and was not heard for so long is silent; its queue may be slow for some."""


class Alive:
    """Reads the tables. Each method raises StoreError, and ValueError that says what is wrong."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._heard = Heard(reader.store)

    def meant(self, instance: str) -> Name:
        """The instance that an id or a name means."""
        name = instance_of(instance)
        if name is not None and self._reader.processes_of(name):
            return name
        return meant(instance, self._hosts_of())

    def need(self, name: Name, now: float) -> None:
        """Raises ValueError when no process of the instance was seen lately or nobody watches it."""
        told = self._hosts_of()[name]
        heard = self._heard.moments(now)
        alive = [host for host, last in told.items() if host in heard and last + LATELY >= heard[host][0]]
        named = self._reader.hosts()
        if not alive:
            seconds = min((heard[host][0] - last for host, last in told.items() if host in heard), default=None)
            seen = (
                "none of its agents is known any more" if seconds is None else f"its last one was seen {seconds} s ago"
            )
            raise ValueError(f"{name.service}/{name.instance} has no process: {seen}")
        silent = {host: now - heard[host][1] / 1000 for host in alive if 1000 * now - heard[host][1] > SILENT_MS}
        if len(silent) == len(alive):
            host, seconds_silent = min(silent.items(), key=lambda it: it[1])
            raise ValueError(f"the agent on {named.get(host, host)} is silent for {seconds_silent:.0f} s")

    def silent_seconds(self, hosts: set[int], now: float) -> float | None:
        """For how long the one of some agents that was heard last is silent; None: it is not."""
        heard = self._heard.moments(now)
        latest = max((heard[host][1] for host in hosts if host in heard), default=None)
        if latest is None or 1000 * now - latest <= SILENT_MS:
            return None
        return round(now - latest / 1000, 1)

    def _hosts_of(self) -> dict[Name, dict[int, int]]:
        """For each instance the last word on its processes, by host: Unix seconds of the host's clock."""
        return self._reader.remembered.read("hosts of instances", ("process", "agent"), self._read_hosts_of)

    def _read_hosts_of(self) -> dict[Name, dict[int, int]]:
        named = self._reader.hosts()
        found: dict[Name, dict[int, int]] = {}
        for row in self._reader.store.query(
            "SELECT host, service, instance, toUnixTimestamp(max(last)) AS last FROM process GROUP BY host, service,"
            " instance"
        ):
            found.setdefault(name_of(row, named), {})[row["host"]] = row["last"]
        return found
