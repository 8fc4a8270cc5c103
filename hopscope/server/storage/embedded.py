"""ClickHouse inside this process: one directory, a session for each question and each insert under way."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# The engine's allocator keeps freed pages for five seconds by default: at 400 k rows/s those were 200 MB. It reads this
# when it is loaded.
os.environ.setdefault("JE_MALLOC_CONF", "dirty_decay_ms:0,muzzy_decay_ms:0")

from chdb import session

from hopscope.server.storage import text
from hopscope.server.storage.blocks import columns
from hopscope.server.storage.changes import Changes
from hopscope.server.storage.native import block
from hopscope.server.storage.recent import Recent
from hopscope.server.storage.rolling import SECONDS, moments, steps
from hopscope.server.storage.store import Insert, StoreError
from hopscope.server.storage.tables.kept import RESOLUTIONS
from hopscope.server.storage.tokens import forget_unfinished

# The engine would read a config.xml of the directory we happen to be started in. The pools are those of a machine with
# two cores: by default it starts about 150 threads. Statistics of columns are for joins that we do not ask for. While a
# part is written each of the forty streams of a table of lines has a block in memory, by default of 1 MB.
_CONFIG = """<clickhouse>
  <logger><level>none</level></logger>
  <mark_cache_size>67108864</mark_cache_size>
  <merge_tree>
    <auto_statistics_types></auto_statistics_types>
    <max_compress_block_size>131072</max_compress_block_size>
    <min_compress_block_size>65536</min_compress_block_size>
  </merge_tree>
  <background_pool_size>2</background_pool_size>
  <background_merges_mutations_concurrency_ratio>1</background_merges_mutations_concurrency_ratio>
  <background_schedule_pool_size>4</background_schedule_pool_size>
  <background_common_pool_size>2</background_common_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <background_buffer_flush_schedule_pool_size>1</background_buffer_flush_schedule_pool_size>
  <background_distributed_schedule_pool_size>1</background_distributed_schedule_pool_size>
  <background_message_broker_schedule_pool_size>1</background_message_broker_schedule_pool_size>
</clickhouse>
"""
_DATABASE = "hopscope"
_MERGING, _BEHIND = "MergeMutate", 5
_QUESTION = ", ".join(f"{name} = {value}" for name, value in text.QUESTION.items())


class Embedded:
    """A Store in a directory of this process's own. Open it after the last fork: a child would hang in the engine.

    Raises StoreError when the directory is damaged or another process has it.
    """

    def __init__(self, directory: Path) -> None:
        session_kind: Any = session.Session
        config = directory / "clickhouse.xml"
        config.write_text(_CONFIG)
        self._session_of: Callable[[], Any] = lambda: session_kind(f"{directory / 'store'}?config-file={config}")
        forget_unfinished(directory / "store")
        try:
            self._writer = self._session_of()
            self._writer.query(f"CREATE DATABASE IF NOT EXISTS {_DATABASE} ENGINE = Atomic")
            self._writer.query(f"USE {_DATABASE}")
        except RuntimeError as error:
            raise StoreError(f"cannot open the store in {directory}: {text.line(error)}") from error
        self._writing = threading.Lock()
        # A group has nine inserts. Each holds its rows several times over, and two of them keep two cores busy.
        self._inserting = ThreadPoolExecutor(len(RESOLUTIONS) + 1, "hopscope-insert")
        self._idle: list[Any] = []
        self._guard = threading.Lock()
        self._changes = Changes()
        self._recent = Recent(self._newest)

    @property
    def cluster(self) -> None:
        """See Store."""
        return None

    @property
    def changes(self) -> Changes:
        """See Store."""
        return self._changes

    @property
    def recent(self) -> Recent:
        """See Store."""
        return self._recent

    def command(self, sql: str) -> None:
        """See Store."""
        try:
            with self._writing, _said():
                self._writer.query(sql)
            _merge_behind()
        finally:
            self._recent.forget()
            self._changes.all_changed()

    def insert(self, insert: Insert, token: str) -> None:
        """See Store."""
        name, seconds = moments(insert)
        try:
            with self._recent.inserting(name, seconds, token) as stored:
                # Side by side, for each step waits for syncs of its own.
                under_way = [self._inserting.submit(self._insert, one, token) for one in steps(insert)]
                wait(under_way)
                of_seconds, *_ = [done.result() for done in under_way]
                stored(of_seconds)
        finally:
            # Whether or not it failed: some of its rows may be there.
            self._changes.told(name, seconds)

    def _insert(self, one: Insert, token: str) -> bytes:
        """The bytes of its rows."""
        given = ", ".join(f"{name} = {value}" for name, value in text.INSERT.items())
        sql = (
            f"INSERT INTO {one.table} ({', '.join(column.name for column in one.columns)})"
            f" SETTINGS insert_deduplication_token = '{token}', {given}"
        )
        data = block(one.columns, one.rows)
        with self._session() as mine, _said(), mine.send_insert(sql, "Native") as sending:
            sending.append(data)
            sending.finish()
        return data

    def _newest(self, name: str) -> int:
        (row,) = self.query(f"SELECT toUnixTimestamp(max(ts)) AS second FROM {name}{SECONDS}")
        return int(row["second"])

    def native(self, sql: str) -> bytes:
        """The answer as blocks of the Native format; empty when it has no row. Raises StoreError."""
        with self._session() as mine, _said():
            data: bytes = mine.query(sql, "Native").bytes()
        return data

    def each(self, sql: str) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """See Store."""
        return {"": self.query(sql)}

    def query(self, sql: str, **parameters: Any) -> Sequence[Mapping[str, Any]]:
        """See Store."""
        return text.rows(self._answer(sql, "JSONCompact", parameters))

    def columns(self, sql: str, **parameters: Any) -> Mapping[str, Any]:
        """See Store."""
        with _said():
            return columns(self._answer(sql, "Native", parameters))

    def _answer(self, sql: str, form: str, parameters: Mapping[str, Any]) -> bytes:
        given = {name: text.parameter(value) for name, value in parameters.items()}
        with self._session() as mine, _said():
            answer: bytes = mine.query(f"{sql} SETTINGS {_QUESTION}", form, params=given).bytes()
        return answer

    def close(self) -> None:
        """See Store."""
        self._inserting.shutdown()
        with self._guard:
            sessions, self._idle = self._idle, []
        for idle in sessions:
            idle.close()
        with self._writing:
            self._writer.close()

    @contextmanager
    def _session(self) -> Iterator[Any]:
        # A session in the middle of an insert refuses questions, and two questions on one wait for each other.
        with self._guard:
            mine = self._idle.pop() if self._idle else None
        if mine is None:
            with _said():
                mine = self._session_of()
                mine.query(f"USE {_DATABASE}")
        try:
            yield mine
        finally:
            with self._guard:
                self._idle.append(mine)


def _merge_behind() -> None:
    """Merges give way. They are half of all that a server computes, and nobody waits for one; at this priority they
    still have a quarter of a core that others want. The engine starts their threads with the first table."""
    for thread in Path("/proc/self/task").iterdir():
        try:
            if (thread / "comm").read_text().strip() == _MERGING:
                os.setpriority(os.PRIO_PROCESS, int(thread.name), _BEHIND)
        except (FileNotFoundError, ProcessLookupError):
            # It has ended.
            continue


@contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except (RuntimeError, ValueError) as error:
        raise StoreError(text.line(error)) from error
