"""Is what is told of a process and of its host what the operating system says of them?"""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from pathlib import Path

import pytest

from hopscope.agent import host
from hopscope.agent.cgroups import CONTAINER
from hopscope.agent.discovery.file import FileDiscovery
from hopscope.agent.discovery.host import HostDiscovery
from hopscope.agent.processes import Processes
from hopscope.agent.processes.facts import language_of, read_facts, user_of
from hopscope.agent.processes.survey import SETTLED, Survey


def said(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_the_host() -> None:
    known = host.attributes()
    named = dict(line.split("=", 1) for line in Path("/etc/os-release").read_text().splitlines() if "=" in line)
    assert known["os"] == named["PRETTY_NAME"].strip('"')
    assert known["kernel"] == f"Linux {said('uname', '-r')}" and known["architecture"] == said("uname", "-m")
    assert known["processors"] == said("nproc", "--all")
    memory = int(Path("/proc/meminfo").read_text().split("MemTotal:")[1].split()[0])
    assert abs(int(known["memory_bytes"]) / 1024 / memory - 1) < 0.01


def test_a_process_and_its_container(tmp_path: Path) -> None:
    facts = read_facts(os.getpid(), CONTAINER)
    assert facts is not None
    place = {"instance": "pod-1", "attributes": {"image": "example/app:1", "namespace": "shop"}}
    file = tmp_path / "discovery.json"
    file.write_text(json.dumps({"version": 1, "cgroups": {facts.cgroup.rstrip("/") or "/x": place}}))
    survey = Survey(Processes("host-a", FileDiscovery(file, HostDiscovery("host-a"))))
    own, until = None, time.monotonic() + SETTLED + 1
    while own is None and time.monotonic() < until:  # we may be younger than who is told of
        survey.look()
        own = next((group for group in survey.groups if os.getpid() in group.end.pids), None)
        time.sleep(0.05)
    assert own is not None
    attributes = dict(own.attributes)
    assert attributes.pop("language") == "python" and attributes.pop("user") == pwd.getpwuid(os.getuid()).pw_name
    assert attributes == (place["attributes"] if own.end.instance == "pod-1" else {})


@pytest.mark.skipif(os.getuid() != 0, reason="needs root to be somebody else")
@pytest.mark.parametrize(("who", "name"), [("nobody", "nobody"), (54321, "54321")])
def test_whose_a_process_is(who: str | int, name: str) -> None:
    with subprocess.Popen(["/bin/sleep", "60"], user=who) as process:
        try:
            assert user_of(process.pid) == name
        finally:
            process.kill()
    assert user_of(process.pid) is None


@pytest.mark.parametrize(
    ("executable", "language"),
    [
        (sys.executable, "python"),
        ("/usr/bin/python3.11", "python"),
        ("/usr/lib/jvm/bin/java", "java"),
        ("/usr/bin/node", "javascript"),
        ("/bin/dash", "shell"),
        ("/usr/sbin/php-fpm8.2", "php"),
        ("/usr/sbin/nginx", None),
        ("/usr/bin/javac", None),
    ],
)
def test_what_a_program_is_written_in(executable: str, language: str | None) -> None:
    assert language_of(executable) == language
