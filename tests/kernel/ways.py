"""The workload that moves bytes in each way there is: its program, compiled when it is older than its sources."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests" / "workloads"


def compiled() -> Path:
    """The program. Raises FileNotFoundError without a compiler."""
    program = ROOT / "build" / "ways"
    sources = sorted(SOURCES.glob("*.c"))
    newest = max(path.stat().st_mtime for path in (*sources, SOURCES / "ways.h"))
    if not program.exists() or program.stat().st_mtime < newest:
        compiler = shutil.which("gcc")
        if compiler is None:
            raise FileNotFoundError("gcc is missing: apt-get install gcc libc6-dev")
        program.parent.mkdir(exist_ok=True)
        made = program.with_suffix(f".{os.getpid()}")
        flags = ["-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]
        subprocess.run([compiler, *flags, "-o", made, *sources], check=True)
        made.rename(program)
    return program
