"""The kernel's protocol code, compiled once."""

import ctypes

import pytest

from tests.protocols.conversation import library


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    return library(tmp_path_factory.mktemp("protocols"))
