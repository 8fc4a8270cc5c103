"""A data folder moved into a ClickHouse: what waits in its spool first, then the tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing

from hopscope.server import ServerError
from hopscope.server.folder import InUse, owned
from hopscope.server.ingest import Ingest
from hopscope.server.ledger import Ledger
from hopscope.server.spool import Spool
from hopscope.server.storage.address import parse
from hopscope.server.storage.clickhouse import ClickHouse
from hopscope.server.storage.embedded import Embedded
from hopscope.server.storage.moving import Progress, move
from hopscope.server.storage.schema import prepare
from hopscope.server.storage.tables.kept import Retention
from hopscope.settings import ServerSettings


def migrate(settings: ServerSettings, to: str) -> Iterator[Progress]:
    """Moves the data of settings.data_dir. Raises ServerError, StoreError; then it may be called again."""
    folder, retention, address = settings.data_dir, Retention.of(settings), parse(to)
    if not (folder / "store").is_dir():
        raise ServerError(f"there are no data in {folder}; another --from")
    with ExitStack() as stack:
        try:
            stack.enter_context(owned(folder, make=False))
        except InUse as error:
            raise ServerError(f"a server works with {folder}; end it first, agents keep their reports") from error
        source = Embedded(folder)
        stack.callback(source.close)
        target = ClickHouse(address)
        stack.callback(target.close)
        identity = prepare(source, retention)
        prepare(target, retention)
        ledger = Ledger(folder / "stored")
        stack.callback(ledger.close)
        with closing(Ingest(source, Spool(folder / "spool"), ledger, alone=True)) as ingest:
            ingest.replay()
        yield from move(source, target, identity, folder / "moved.json", str(address))
