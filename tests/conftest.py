"""What every test may rely on."""

import os
import signal

import pytest

# A shell that starts the tests in the background has SIGINT ignored, and what they start would not hear it either.
signal.signal(signal.SIGINT, signal.default_int_handler)


def need_root() -> None:
    """Skips without root; in CI that is a failure: a kernel test that cannot run proves nothing."""
    if os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail("kernel tests need root")
        pytest.skip("needs root")


@pytest.fixture
def root() -> None:
    """As need_root."""
    need_root()
