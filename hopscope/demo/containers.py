"""The mesh's processes: each started in its pod's namespace, its cgroups and under its user; and how they are asked."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hopscope.demo import DemoError, bootstrap, cgroups, envoy, folder, namespaces
from hopscope.demo.topology import (
    APP_PORT,
    APP_UID,
    DNS_ADDRESS,
    DNS_PORT,
    GATEWAY_PORT,
    PROXY_UID,
    RUN,
    SERVICES,
    Container,
    Copy,
    Mesh,
    Pod,
)

PYTHON = Path("/usr/bin/python3")
WORKLOADS = RUN / "workloads"
KEEP_ADDRESS = 1
_SOURCES = Path(__file__).parent / "workloads"

Process = subprocess.Popen[bytes]


def path_of(container: Container) -> str:
    """A container's cgroup below the demo's."""
    return f"{container.pod}/{container.name}"


def prepare(mesh: Mesh, where: cgroups.Hierarchies) -> dict[str, tuple[str, ...]]:
    """Folders, programs, configurations and cgroups of all containers. Returns `cgroup.procs` files by cgroup path."""
    if not PYTHON.exists():
        raise DemoError(f"{PYTHON} is missing; apt-get install python3")
    WORKLOADS.mkdir(parents=True)
    for source in ("wire", "control", "lookup", "dns", "traffic"):
        shutil.copyfile(_SOURCES / f"{source}.py", WORKLOADS / f"{source}.py")
    for service in SERVICES:
        # An interpreter's process is named by its script.
        shutil.copyfile(_SOURCES / "app.py", WORKLOADS / f"{service}.py")
    for container in mesh.containers:
        folder.prepare(container.folder, PROXY_UID if container.process == "envoy" else APP_UID)
    for copy in mesh.copies:
        for pod in (copy.gateway, *copy.pods):
            assert pod.sidecar is not None
            config = bootstrap.sidecar(copy, pod, mesh.options)
            (pod.sidecar.folder / "envoy.json").write_text(json.dumps(config))
    return {path_of(container): cgroups.create(path_of(container), where) for container in mesh.containers}


def start(mesh: Mesh, spaces: Mapping[str, int], groups: Mapping[str, tuple[str, ...]]) -> dict[Container, Process]:
    """Starts every container. Raises DemoError."""
    running = {}
    for copy in mesh.copies:
        for pod in (copy.gateway, *copy.pods):
            for container in pod.containers:
                running[container] = _spawn(container, _command(pod, container, copy), spaces[pod.name], groups)
    for pod in (mesh.dns, mesh.traffic):
        assert pod.app is not None
        settings = _dns_settings(mesh) if pod is mesh.dns else _traffic_settings(mesh)
        running[pod.app] = _spawn(pod.app, _python(pod.app, settings), spaces[pod.name], groups)
    return running


def _spawn(
    container: Container, command: list[str], space: int, groups: Mapping[str, tuple[str, ...]]
) -> subprocess.Popen[bytes]:
    uid = PROXY_UID if container.process == "envoy" else APP_UID
    with (container.folder / "log").open("wb") as log:
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
                preexec_fn=namespaces.birth(space, groups[path_of(container)], uid),
                start_new_session=True,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise DemoError(f"cannot start {container.process} of {container.pod}: {error}") from error


def _command(pod: Pod, container: Container, copy: Copy) -> list[str]:
    if container is pod.sidecar:
        config = str(container.folder / "envoy.json")
        quiet = ["--log-level", "warning", "--disable-hot-restart"]
        return [str(envoy.BINARY), "--config-path", config, "--concurrency", "1", *quiet]
    settings = {
        "port": APP_PORT,
        "calls": pod.calls,
        "namespace": copy.namespace,
        "dns": [DNS_ADDRESS, DNS_PORT],
        "keep": KEEP_ADDRESS,
        "version": pod.version,
    }
    return _python(container, settings)


def _python(container: Container, settings: Mapping[str, Any]) -> list[str]:
    given = json.dumps({**settings, "control": str(_control(container))})
    return [str(PYTHON), str(WORKLOADS / f"{container.process}.py"), given]


def _dns_settings(mesh: Mesh) -> dict[str, Any]:
    return {"address": DNS_ADDRESS, "port": DNS_PORT, "names": mesh.names(), "seconds": KEEP_ADDRESS}


def _traffic_settings(mesh: Mesh) -> dict[str, Any]:
    targets = [(copy.gateway.address, GATEWAY_PORT) for copy in mesh.copies]
    return {"targets": targets, "rate": mesh.options.rate, "workers": max(8, 2 * len(targets))}


def _control(container: Container) -> Path:
    return container.folder / "control.sock"


def ask(container: Container, command: str, **arguments: Any) -> Any:
    """What a Python workload answers. Raises OSError when it does not."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.connect(str(_control(container)))
        with caller.makefile("rw") as lines:
            lines.write(json.dumps({"do": command, **arguments}) + "\n")
            lines.flush()
            line = lines.readline()
    if not line:
        raise OSError(f"{container.process} of {container.pod} does not answer")
    return json.loads(line)["answer"]


def wait_ready(running: Mapping[Container, Process], seconds: float) -> None:
    """Returns when each container answers. Raises DemoError that names the one that does not, with its last words."""
    until = time.monotonic() + seconds
    for container, process in running.items():
        while not _ready(container):
            if process.poll() is not None:
                raise DemoError(f"{container.process} of {container.pod} ended: {last_words(container)}")
            if time.monotonic() > until:
                raise DemoError(f"{container.process} of {container.pod} is not ready: {last_words(container)}")
            time.sleep(0.01)


def _ready(container: Container) -> bool:
    try:
        if container.process == "envoy":
            return envoy.ask(container, "/ready").startswith("LIVE")
        ask(container, "counts")
    except OSError:
        return False
    return True


def last_words(container: Container) -> str:
    """The end of its log."""
    lines = (container.folder / "log").read_text(errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "it said nothing")[:300]


def stop(running: Mapping[Container, Process], seconds: float = 3) -> None:
    """Ends every container: asks first, insists after a while."""
    for process in running.values():
        process.terminate()
    until = time.monotonic() + seconds
    for process in running.values():
        try:
            process.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
