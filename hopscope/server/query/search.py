"""What has a text in its name."""

from __future__ import annotations

import time
from typing import Any

from hopscope.server.access.identity import Caller
from hopscope.server.analysis.entities import Name, name_of
from hopscope.server.query.projection import Fields
from hopscope.server.query.reader import Reader
from hopscope.server.query.windows import text as moment

MOST, LONGEST = 500, 200
_ADDRESS_SECONDS = 86_400


class Search:
    """Query.search."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self.fields: Fields = {"Query": {"search": self.search}}

    def search(self, _: Caller, text: str, limit: int) -> list[dict[str, Any]]:
        """See `Query.search` in the schema."""
        wanted = text.strip().lower()
        if not 0 < limit <= MOST:
            raise ValueError(f"limit: from 1 to {MOST}")
        if not 0 < len(wanted) <= LONGEST:
            raise ValueError(f"a text of {len(wanted)} characters; from 1 to {LONGEST} can be searched")
        found = self._named(wanted) + self._addresses(wanted, limit)
        # What the text begins comes first, then by kind, then what was seen last.
        order = ("service", "instance", "process", "address")
        found.sort(key=lambda it: (not it["name"].lower().startswith(wanted), order.index(it["kind"]), -it["_last"]))
        return found[:limit]

    def _named(self, wanted: str) -> list[dict[str, Any]]:
        hosts = self._reader.hosts()
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for row in self._reader.store.query(
            "SELECT id, name, host, service, instance, toUnixTimestamp(last) AS told FROM process FINAL"
            " WHERE positionCaseInsensitiveUTF8(name, {text:String}) > 0"
            " OR positionCaseInsensitiveUTF8(service, {text:String}) > 0"
            " OR positionCaseInsensitiveUTF8(instance, {text:String}) > 0 OR service = '' OR instance = ''"
            " ORDER BY told DESC LIMIT 100000",
            text=wanted,
        ):
            owner = name_of(row, hosts)
            for kind, identity, name in (
                ("service", owner.service_id, owner.service),
                ("instance", owner.id, owner.instance),
                ("process", f"{row['id']:016x}", row["name"]),
            ):
                if wanted in name.lower() and (kind, identity) not in found:
                    found[kind, identity] = _found(kind, identity, name, owner, row["told"])
        return list(found.values())

    def _addresses(self, wanted: str, limit: int) -> list[dict[str, Any]]:
        rows = self._reader.store.query(
            "SELECT address, max(last) AS seen, argMax(process, last) AS process FROM ("
            "SELECT server_address AS address, client_process AS process, toUnixTimestamp(last) AS last FROM edge"
            " WHERE last >= toDateTime({since:UInt32}) AND position(server_address, {text:String}) > 0"
            " UNION ALL SELECT client_address, server_process, toUnixTimestamp(last) FROM edge"
            " WHERE last >= toDateTime({since:UInt32}) AND position(client_address, {text:String}) > 0"
            ") WHERE address != '' GROUP BY address ORDER BY seen DESC LIMIT {limit:UInt32}",
            text=wanted, limit=limit, since=int(time.time()) - _ADDRESS_SECONDS,
        )  # fmt: skip
        names = self._reader.names(row["process"] for row in rows)
        made = []
        for row in rows:
            made.append(_found("address", row["address"], row["address"], names.get(row["process"]), row["seen"]))
        return made


def _found(kind: str, identity: str, name: str, owner: Name | None, last: int) -> dict[str, Any]:
    pod = None if kind == "service" else owner
    return {
        "kind": kind,
        "id": identity,
        "name": name,
        "instance": pod.id if pod else None,
        "instance_name": pod.instance if pod else None,
        "service": owner.service_id if owner else None,
        "last_seen": moment(last),
        "_last": last,
    }
