"""Where services of the tests have their files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    # The path of a Unix socket is at most 107 bytes long.
    with tempfile.TemporaryDirectory(prefix="hopscope-", dir="/var/tmp") as name:
        Path(name).chmod(0o755)
        yield Path(name)
