"""What an engine must do to be a store, and when it may fail."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from hopscope.server.storage.changes import Changes
from hopscope.server.storage.native import Column
from hopscope.server.storage.recent import Recent


class StoreError(Exception):
    """The engine refused or failed, in one line. What it was given may be given again, with the same token."""


@dataclass(frozen=True, slots=True)
class Insert:
    """Rows of one table, as columns of equal length."""

    table: str
    columns: tuple[Column, ...]
    rows: int


class Store(Protocol):
    """ClickHouse SQL behind three verbs. Safe to use from several threads. SQL names tables without their database.

    `cluster`: the name of the nodes that share the tables; None: one node has them whole. `changes`: when
    its rows last changed; `recent`: those that came last; None: others write to it, too, and nothing that was read may
    be kept.
    """

    @property
    def cluster(self) -> str | None: ...

    @property
    def changes(self) -> Changes | None: ...

    @property
    def recent(self) -> Recent | None: ...

    def command(self, sql: str) -> None:
        """Runs a statement that answers nothing, on each node. Raises StoreError."""

    def insert(self, insert: Insert, token: str) -> None:
        """Stores the rows, on disk when it returns; those of a table NAME_1s in its roll-ups, too. The same table and
        token again: nothing happens; after a failure or a crash in between, what was missing is added, in the roll-ups
        too. Raises StoreError."""

    def each(self, sql: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """What each node by itself answers, by its name. Raises StoreError."""

    def query(self, sql: str, **parameters: Any) -> Sequence[Mapping[str, Any]]:
        """The rows of an answer by column name; `{name:Type}` in the SQL stands for a parameter. Raises StoreError."""

    def columns(self, sql: str, **parameters: Any) -> Mapping[str, Any]:
        """The same by columns, each as in native.Column; empty when there is no row. Raises StoreError."""

    def close(self) -> None:
        """Ends the work with the engine; twice is harmless."""
