"""Which engine the settings ask for."""

from __future__ import annotations

import os
from pathlib import Path

from hopscope.server.storage.address import parse
from hopscope.server.storage.clickhouse import ClickHouse
from hopscope.server.storage.embedded import Embedded
from hopscope.server.storage.store import Store, StoreError
from hopscope.settings import ServerSettings


def opened(settings: ServerSettings) -> Store:
    """The store of a server. Raises StoreError."""
    if settings.store is not None:
        return ClickHouse(parse(settings.store))
    _need_wide_vectors()
    return Embedded(settings.data_dir)


def _need_wide_vectors() -> None:
    # The engine is built for x86-64-v3; on an older processor it would end in an illegal instruction.
    flags = Path("/proc/cpuinfo").read_text()
    if os.uname().machine == "x86_64" and " avx2 " not in flags:
        raise StoreError(
            "this processor has no AVX2, which the embedded store needs; run the server on another host, or --store"
        )
