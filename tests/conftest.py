"""What every test may rely on."""

import os

import pytest


@pytest.fixture
def root() -> None:
    """Skips without root; in CI that is a failure: a kernel test that cannot run proves nothing."""
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("kernel tests need root")
        pytest.skip("needs root")
