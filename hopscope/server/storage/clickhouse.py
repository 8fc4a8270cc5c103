"""A ClickHouse of one node or a cluster, over HTTP: any node takes rows and questions for all of them."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from hopscope.server.storage import text
from hopscope.server.storage.address import Address
from hopscope.server.storage.blocks import columns
from hopscope.server.storage.native import block
from hopscope.server.storage.rolling import steps
from hopscope.server.storage.store import Insert, StoreError

_CONNECT_SECONDS, _ANSWER_SECONDS = 3.0, 60.0
_INSERT = {
    **text.INSERT,
    # Each share is on its node's disk when the answer comes, not in a queue of the node that was asked.
    "distributed_foreground_insert": 1,
}
# A subquery or the right side of a JOIN is asked once and sent to each node, instead of each node asking all others.
_QUESTION = {**text.QUESTION, "distributed_product_mode": "global"}


class ClickHouse:
    """A Store on other machines. Raises StoreError when a node does not answer or they are not one cluster."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._client = httpx.Client(
            headers={"X-ClickHouse-User": address.user, "X-ClickHouse-Key": address.password},
            timeout=httpx.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS),
            verify=_trusted(address),
            # A proxy of the environment is meant for the way out, not for the store.
            trust_env=False,
        )
        self._nodes: tuple[str, ...] = address.nodes
        try:
            self._nodes = self._known_nodes()
            for node in self._nodes:
                self._at(node, {}, f"CREATE DATABASE IF NOT EXISTS `{address.database}`".encode())
        except StoreError:
            self.close()
            raise

    @property
    def cluster(self) -> str | None:
        """See Store."""
        return self._address.cluster

    @property
    def changes(self) -> None:
        """See Store."""
        return None

    @property
    def recent(self) -> None:
        """See Store."""
        return None

    def command(self, sql: str) -> None:
        """See Store."""
        for node in self._nodes:
            self._at(node, {"database": self._address.database}, sql.encode())

    def insert(self, insert: Insert, token: str) -> None:
        """See Store."""
        for one in steps(insert):
            names = [column.name for column in one.columns]
            self.insert_native(one.table, names, block(one.columns, one.rows), token)

    def insert_native(self, table: str, columns: Sequence[str], data: bytes, token: str) -> None:
        """Stores blocks of the Native format in one table. Raises StoreError."""
        given = {
            **_INSERT,
            "database": self._address.database,
            "insert_deduplication_token": token,
            "query": f"INSERT INTO {table} ({', '.join(columns)}) FORMAT Native",
        }
        self._at_any(given, data)

    def each(self, sql: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """See Store."""
        given = {**text.QUESTION, "database": self._address.database, "default_format": "JSONCompact"}
        return {node: text.rows(self._at(node, given, sql.encode())) for node in self._nodes}

    def query(self, sql: str, **parameters: Any) -> Sequence[Mapping[str, Any]]:
        """See Store."""
        return text.rows(self._answer(sql, "JSONCompact", parameters))

    def columns(self, sql: str, **parameters: Any) -> Mapping[str, Any]:
        """See Store."""
        try:
            return columns(self._answer(sql, "Native", parameters))
        except ValueError as error:
            raise StoreError(text.line(error)) from error

    def _answer(self, sql: str, form: str, parameters: Mapping[str, Any]) -> bytes:
        given: dict[str, Any] = {
            **_QUESTION,
            "database": self._address.database,
            "default_format": form,
            # An error in the middle of an answer is then the answer.
            "wait_end_of_query": 1,
        }
        sql, left = text.with_numbers(sql, parameters)
        given |= {f"param_{name}": str(text.parameter(value)) for name, value in left.items()}
        return self._at_any(given, sql.encode())

    def close(self) -> None:
        """See Store."""
        self._client.close()

    def _at_any(self, given: Mapping[str, Any], content: bytes) -> bytes:
        """Asks the first node that answers. What is asked may have been done already by one that broke off: it is a
        question, or an insert with its token."""
        for node in self._nodes[:-1]:
            try:
                return self._at(node, given, content)
            except _Away:
                continue
        return self._at(self._nodes[-1], given, content)

    def _at(self, node: str, given: Mapping[str, Any], content: bytes) -> bytes:
        url = f"{'https' if self._address.tls else 'http'}://{node}/"
        try:
            answer = self._client.post(url, params=dict(given), content=content)
        except httpx.TransportError as error:
            raise _Away(f"{node} does not answer: {text.line(error) or type(error).__name__}") from error
        except RuntimeError as error:
            raise StoreError("the store is closed") from error
        if answer.status_code in (401, 403):
            raise StoreError(f"{node} refuses the user {self._address.user}: wrong name or password")
        if answer.status_code != 200:
            raise StoreError(f"{node}: {text.line(answer.text)}")
        return answer.content

    def _known_nodes(self) -> tuple[str, ...]:
        """All nodes that have a share. Raises StoreError."""
        address = self._address
        found = text.rows(
            self._at_any(
                {"default_format": "JSONCompact"},
                b"SELECT cluster, host_name, shard_num, replica_num FROM system.clusters ORDER BY ALL",
            )
        )
        names = ", ".join(sorted({row["cluster"] for row in found} - {"default"})) or "none"
        if address.cluster is None:
            if len(address.nodes) > 1:
                raise StoreError(f"several nodes need ?cluster=NAME; in remote_servers of {address.nodes[0]}: {names}")
            return address.nodes
        members = [row for row in found if row["cluster"] == address.cluster]
        if not members:
            raise StoreError(f"{address.nodes[0]} knows no cluster {address.cluster!r}; in remote_servers: {names}")
        if any(row["replica_num"] > 1 for row in members):
            raise StoreError(
                f"cluster {address.cluster} has replicas, which is not supported: tables are not replicated; "
                "name a cluster of shards with one replica each"
            )
        if len(address.nodes) == len(members):
            return address.nodes
        if len(address.nodes) == 1:
            return tuple(_with_port(row["host_name"], address.nodes[0]) for row in members)
        raise StoreError(
            f"cluster {address.cluster} has {len(members)} nodes and the URL names {len(address.nodes)}; name all, or "
            "one when all have the same HTTP port"
        )


class _Away(StoreError):
    """The node did not answer."""


def _with_port(host: str, example: str) -> str:
    return f"[{host}]:{_port(example)}" if ":" in host else f"{host}:{_port(example)}"


def _port(node: str) -> str:
    return node.rpartition(":")[2]


def _trusted(address: Address) -> ssl.SSLContext | bool:
    if not address.tls or address.ca is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(address.ca))
    except (OSError, ssl.SSLError) as error:
        raise StoreError(f"cannot read the certificates {address.ca}: {text.line(error)}") from error
