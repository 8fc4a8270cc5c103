"""Do both halves do their work as services of a systemd that runs, from `make install-services` to the journal?"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hanging import hung
from listening import TALK

CHECKOUT = Path(__file__).parents[2]
MACHINE = Path(__file__).with_name("machine.sh")
SYSTEMD = Path("/lib/systemd/systemd")
LIBRARIES = ":".join(f"/opt/checkout/{Path(part).relative_to(CHECKOUT)}" for part in sys.path if ".venv/lib" in part)
# As in /opt/hopscope after `pip install`: neither half sees the homes.
PROGRAM = f"""#!/bin/sh
export LD_LIBRARY_PATH=/opt/python/lib PYTHONPATH=/opt/checkout:{LIBRARIES} PYTHONDONTWRITEBYTECODE=1
exec /opt/python/bin/python{sys.version_info.major}.{sys.version_info.minor} -m hopscope.cli "$@"
"""
BOTH = ("hopscope-server", "hopscope-agent")
NAMESPACES = ("--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup", "--fork", "--kill-child")


@dataclass
class Machine:
    """Namespaces with a systemd in them. `first`: its process as the host counts."""

    first: int

    def run(self, *command: str, given: str = "", check: bool = True) -> str:
        enter = ["nsenter", "--target", str(self.first), "--all", "--root", "--wd", "--", *command]
        done = subprocess.run(enter, input=given, capture_output=True, text=True, timeout=120, check=False)
        assert not check or done.returncode == 0, (command, done.stdout[-2000:], done.stderr[-2000:])
        return done.stdout

    def journal(self) -> str:
        return self.run("journalctl", "--no-pager", "-u", BOTH[0], "-u", BOTH[1], check=False)

    def put(self, path: str, text: str) -> None:
        self.run("sh", "-c", f'mkdir -p "$(dirname {path})" && cat > {path} && chmod 755 {path}', given=text)

    def shown(self, unit: str, *names: str) -> dict[str, str]:
        said = self.run("systemctl", "show", unit, *(f"--property={name}" for name in names))
        return dict(line.split("=", 1) for line in said.splitlines())

    def written(self, port: str) -> int:
        """Calls that were written to a port in the last minutes, as the server has them."""
        found = json.loads(self.run("/opt/hopscope/bin/hopscope", "edges", "--json"))["edges"]
        sides = [it["client_side"] for it in found if it["server"]["address"] == f"127.0.0.1:{port}"]
        return sum(side["write"]["count"] for side in sides if side)

    def on_the_host(self, inner: int) -> int:
        """A process of the machine as the host counts."""
        for status in Path("/proc").glob("[0-9]*/status"):
            try:
                numbers = re.search(r"^NSpid:\t(.*)$", status.read_text(), re.MULTILINE)
            except OSError:
                continue
            same = Path(f"/proc/{self.first}/ns/pid").readlink()
            if numbers and numbers[1].split()[1:] == [str(inner)] and (status.parent / "ns/pid").readlink() == same:
                return int(status.parent.name)
        raise AssertionError(f"no process {inner}")


def await_(what: Callable[[], Any], seconds: float) -> Any:
    give_up = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.3)
    return found


@pytest.fixture
def machine(folder: Path, root: None) -> Iterator[Machine]:
    if not SYSTEMD.exists() and not os.environ.get("CI"):
        pytest.skip("needs systemd")
    mounted = Path("/sys/fs/cgroup/unified")
    group = (mounted if mounted.is_dir() else mounted.parent) / folder.name
    group.mkdir()
    python = sys.base_prefix
    boot = ["unshare", *NAMESPACES, str(MACHINE), str(folder), str(CHECKOUT), python]
    with (folder / "said").open("w") as said:
        join = ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "boot", *boot]
        process = subprocess.Popen(join, stdout=said, stderr=said)
    try:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        first = await_(lambda: process.poll() is None and children.read_text().split(), 10)
        found = Machine(int(first[0]))
        await_(lambda: SYSTEMD.name in Path(f"/proc/{found.first}/comm").read_text(), 20)
        ready = ("systemctl", "is-system-running")
        await_(lambda: found.run(*ready, check=False).strip() in ("running", "degraded"), 30)
        yield found
    except (AssertionError, ProcessLookupError, FileNotFoundError):
        print((folder / "said").read_text()[-4000:])
        raise
    finally:
        process.kill()
        process.wait()
        await_(lambda: not any((inner / "cgroup.procs").read_text() for inner in [group, *group.rglob("*/")]), 20)
        for inner in sorted(group.rglob("*/"), reverse=True):
            inner.rmdir()
        group.rmdir()


@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("nsenter") is None, reason="needs util-linux")
def test_from_installation_to_the_journal(machine: Machine) -> None:
    machine.put("/opt/hopscope/bin/hopscope", PROGRAM)
    machine.run("make", "-s", "-C", "/opt/checkout", "install-services")
    here = "[Service]\nBindPaths=/hostproc:/proc\nWatchdogSec=5\nRestartSec=1\n"
    machine.put("/etc/systemd/system/hopscope-agent.service.d/here.conf", here)
    machine.run("systemd-sysusers")
    machine.run("systemctl", "daemon-reload")
    # Returns when both said that they are ready.
    machine.run("systemctl", "start", *BOTH)
    for unit, user in zip(BOTH, ("hopscope", ""), strict=True):
        shown = machine.shown(unit, "ActiveState", "User", "NRestarts")
        assert shown == {"ActiveState": "active", "User": user, "NRestarts": "0"}, machine.journal()

    machine.put("/tmp/talk", f"#!/usr/bin/python3\n{TALK}")
    machine.run("systemd-run", "--unit", "talk", "--property=StandardOutput=file:/tmp/port", "/tmp/talk")
    port = await_(lambda: machine.run("cat", "/tmp/port", check=False).strip(), 10)
    before = await_(lambda: (found := machine.written(port)) > 20 and found, 20)

    # What was stored is there after a restart, and the agent goes on: the workload calls fifty times a second.
    machine.run("systemctl", "restart", BOTH[0])
    assert machine.written(port) >= before
    await_(lambda: machine.written(port) > before + 200, 30)

    # An agent that hangs is ended and comes back.
    agent = machine.shown(BOTH[1], "MainPID")["MainPID"]
    with hung(machine.on_the_host(int(agent))):
        await_(lambda: "Watchdog timeout" in machine.journal(), 60)
    await_(lambda: machine.shown(BOTH[1], "NRestarts")["NRestarts"] == "1", 60)
    await_(lambda: machine.shown(BOTH[1], "ActiveState")["ActiveState"] == "active", 60)
    await_(lambda: machine.shown(BOTH[1], "MainPID")["MainPID"] not in (agent, "0"), 60)

    machine.run("systemctl", "stop", *BOTH)
    for unit in BOTH:
        shown = machine.shown(unit, "ActiveState", "Result", "ExecMainStatus")
        assert shown == {"ActiveState": "inactive", "Result": "success", "ExecMainStatus": "0"}, machine.journal()
    said = machine.journal()
    assert "agents on 127.0.0.1:11800, API on http://127.0.0.1:8080" in said and "ended by SIGTERM" in said
    assert "Watchdog timeout" in said and "Fatal Python error: Aborted" in said
