"""What is known of instances beside their fields: of their hosts, and what all their processes have in common."""

from __future__ import annotations

from collections.abc import Sequence

from hopscope.server.analysis.entities import Instance, Name, name_of
from hopscope.server.query.alive import LATELY
from hopscope.server.query.reader import Reader


def attributes_of(reader: Reader, held: Sequence[Instance]) -> dict[Name, dict[str, str]]:
    """The attributes of instances. Raises StoreError."""
    hosts, wanted = reader.hosts(), {it.name: it for it in held}
    common: dict[Name, dict[str, str]] = {}
    for row in reader.store.query(
        "SELECT host, service, instance, attributes, toUnixTimestamp(last) AS told FROM process FINAL"
        " WHERE last >= toDateTime({since:UInt32})",
        since=max(0, min((it.last for it in held), default=0) - LATELY),
    ):
        name = name_of(row, hosts)
        if name in wanted and row["told"] + LATELY >= wanted[name].last:
            own = row["attributes"]
            common[name] = dict(common.get(name, own).items() & own.items())
    of_hosts = {row["id"]: row["attributes"] for row in reader.agents()}
    return {name: {**of_hosts.get(it.host, {}), **common.get(name, {})} for name, it in wanted.items()}
