"""Are the units sound, do both halves work under their limits, and do they tell systemd when they are ready?"""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from listening import HOPSCOPE, TALK, heard, started

from hopscope.settings import AgentSettings, ServerSettings, read

UNITS = Path(__file__).parents[2] / "deploy" / "systemd"
AGENT, SERVER = UNITS / "hopscope-agent.service", UNITS / "hopscope-server.service"
CONFINED = Path(__file__).with_name("confined.py")


def limits(unit: Path, uid: int, *writable: Path) -> list[str]:
    return [sys.executable, str(CONFINED), str(unit), str(uid), *map(str, writable), "--"]


@contextmanager
def conversation(user: str) -> Iterator[str]:
    """Somebody else's process that talks to itself; its port."""
    talking = subprocess.Popen(["/usr/bin/python3", "-c", TALK], stdout=subprocess.PIPE, text=True, user=user)
    assert talking.stdout is not None
    try:
        yield talking.stdout.readline().strip()
    finally:
        talking.kill()
        talking.wait()
        talking.stdout.close()


def profiled(port: str, agent: Path) -> dict[str, Any]:
    command = [*HOPSCOPE, "profile", "--json", "--duration", "2", "--port", port, "--socket", str(agent)]
    made: dict[str, Any] = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=90).stdout)
    return made


@pytest.mark.timeout(300)
def test_the_agent_sees_with_its_limits_what_root_sees(folder: Path, root: None) -> None:
    arguments = ["agent", "--socket", str(folder / "agent.sock"), "--server", "none", "--mode", "always"]
    with conversation("nobody") as port:
        whole = profiled(port, folder / "nobody-there.sock")
        with started([*limits(AGENT, 0, folder), *HOPSCOPE, *arguments], folder) as (agent, manager):
            assert heard(agent, manager, folder) == b"READY=1"
            status = Path(f"/proc/{agent.pid}/status").read_text()
            assert f"CapEff:\t{1 << 39 | 1 << 38 | 1 << 19:016x}" in status and "Seccomp:\t2" in status
            limited = profiled(port, folder / "agent.sock")
            agent.send_signal(signal.SIGTERM)
            assert heard(agent, manager, folder) == b"STOPPING=1"
            assert agent.wait(20) == 0
    (wanted,), (got,) = whole["edges"], limited["edges"]
    assert [got[end]["id"] for end in ("client", "server")] == [wanted[end]["id"] for end in ("client", "server")]
    assert got["id"] == wanted["id"] and got["client_side"]["write"]["count"] > 10
    assert limited["probes"] == whole["probes"]


@pytest.mark.timeout(300)
def test_the_server_works_with_its_limits(folder: Path, root: None) -> None:
    nobody = pwd.getpwnam("nobody")
    data, run = folder / "data", folder / "run"
    for place in (data, run):
        place.mkdir(mode=0o700)
        os.chown(place, nobody.pw_uid, nobody.pw_gid)
    places = ["--data-dir", str(data), "--socket", str(run / "grpc.sock"), "--grpc", "127.0.0.1:0", "--http"]
    command = [*HOPSCOPE, "server", *places, "127.0.0.1:0"]
    with started([*limits(SERVER, nobody.pw_uid, data, run), *command], folder, run) as (server, manager):
        assert heard(server, manager, folder) == b"READY=1"
        url = (folder / "said").read_text().partition("API on ")[2].split("/graphql")[0]
        with urllib.request.urlopen(f"{url}/readyz", timeout=30) as answer:
            assert answer.read() == b"ready\n"
        status = Path(f"/proc/{server.pid}/status").read_text()
        assert f"CapBnd:\t{0:016x}" in status and "Seccomp:\t2" in status and f"Uid:\t{nobody.pw_uid}" in status
        arguments = [
            "--socket",
            str(folder / "agent.sock"),
            "--server",
            f"unix:{run / 'grpc.sock'}",
            "--mode",
            "always",
        ]
        agent = subprocess.Popen([*HOPSCOPE, "agent", *arguments], stderr=subprocess.DEVNULL)
        try:
            give_up = time.monotonic() + 60
            while not (hosts := reported(url)) and time.monotonic() < give_up:
                time.sleep(0.2)
        finally:
            agent.terminate()
            agent.wait(20)
        assert hosts == [socket.gethostname()]
        server.send_signal(signal.SIGTERM)
        assert heard(server, manager, folder) == b"STOPPING=1"
        assert server.wait(20) == 0


def reported(url: str) -> list[str]:
    request = urllib.request.Request(
        f"{url}/graphql", b'{"query": "{ agents { host } }"}', {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return [agent["host"] for agent in json.load(answer)["data"]["agents"]]


def test_the_example_is_read(tmp_path: Path) -> None:
    text = (UNITS / "hopscope.toml").read_text()
    assert read(AgentSettings, UNITS / "hopscope.toml") == AgentSettings()
    assert read(ServerSettings, UNITS / "hopscope.toml") == ServerSettings()
    # With all that is only shown, too.
    own = text.replace('\nserver = "127.0.0.1:11800"', "").replace("# Settings", "#: Settings")
    (tmp_path / "all.toml").write_text("\n".join(line.removeprefix("# ") for line in own.splitlines()))
    assert read(AgentSettings, tmp_path / "all.toml").server_token_file
    assert read(ServerSettings, tmp_path / "all.toml").tls_key


needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None and not os.environ.get("CI"), reason="needs systemd-analyze"
)


def installed(folder: Path) -> Path:
    """What `make install-services` puts into an empty world that has a hopscope."""
    program = folder / "opt" / "bin" / "hopscope"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    where = [f"DESTDIR={folder}", f"PREFIX={folder}/opt"]
    subprocess.run(["make", "-s", "-C", str(UNITS.parents[1]), "install-services", *where], check=True)
    return folder / "etc" / "systemd" / "system"


@needs_systemd
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    units = installed(tmp_path)
    assert (tmp_path / "etc" / "hopscope" / "hopscope.toml").exists()
    assert (tmp_path / "usr" / "lib" / "sysusers.d" / "hopscope.conf").exists()
    for unit in (AGENT, SERVER):
        command = ["systemd-analyze", "verify", "--man=no", str(units / unit.name)]
        checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
        ours = [line for line in checked.stderr.splitlines() if "hopscope" in line]
        assert checked.returncode == 0 and not ours, checked.stderr


@needs_systemd
@pytest.mark.parametrize(("unit", "most"), [(AGENT, 28), (SERVER, 18)])
def test_how_exposed_they_are(tmp_path: Path, unit: Path, most: int) -> None:
    where = installed(tmp_path) / unit.name
    # 10 times systemd's score: 0 is a closed box, 100 is no limit at all.
    command = ["systemd-analyze", "security", "--offline=true", f"--threshold={most}", str(where)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout[-2000:]
