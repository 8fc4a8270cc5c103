"""A mesh for the tests that only look at one."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.demo.oracle import demo


@pytest.fixture(autouse=True)
def _root(root: None) -> None:
    """Every test here needs root."""


@pytest.fixture(scope="module")
def mesh() -> Iterator[None]:
    """A demo without agent and server; pages come at 20 a second until a test says otherwise."""
    if os.geteuid() == 0:
        demo("clean")
        demo("up", "--no-server")
    yield
    if os.geteuid() == 0:
        demo("clean")
