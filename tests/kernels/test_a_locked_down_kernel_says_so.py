"""On a kernel that keeps its memory from programs, is there one line that says so?"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.kernel.counting import SLOWER


def test_one_line_and_no_success() -> None:
    """Under `make kernels`, which starts a kernel like that."""
    lockdown = Path("/sys/kernel/security/lockdown")
    if not lockdown.exists() or "[confidentiality]" not in lockdown.read_text():
        pytest.skip("this kernel is not locked down")
    command = [sys.executable, "-m", "hopscope.cli", "profile", "--duration", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20 * SLOWER)
    print(done.stderr)
    assert done.returncode != 0
    assert len(done.stderr.strip().splitlines()) == 1
    assert "the kernel is locked down and lets no program read its memory" in done.stderr
