"""How a running demo is: what lives, what it sends, which faults are on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hopscope.demo import containers, detached, topology


def read() -> dict[str, Any]:
    """Pods with their processes, traffic, faults, options. Raises DemoError when no demo runs."""
    state, options = detached.running_mesh()
    mesh = topology.mesh(options)
    pods = []
    for pod in mesh.pods:
        held = []
        for container in pod.containers:
            pid = state["pids"][containers.path_of(container)]
            held.append({"name": container.name, "process": container.process, "pid": pid, "alive": _alive(pid)})
        names = {"name": pod.name, "namespace": pod.namespace, "service": pod.full_service, "address": pod.address}
        pods.append({**names, "containers": held})
    assert mesh.traffic.app is not None
    traffic = containers.ask(mesh.traffic.app, "counts")
    return {
        "supervisor": state["supervisor"],
        "options": state["options"],
        "pods": pods,
        "halves": {half: {"pid": pid, "alive": _alive(pid)} for half, pid in state["halves"].items()},
        "traffic": {name: traffic[name] for name in ("running", "rate", "sent", "answers")},
        "faults": state["faults"],
    }


def _alive(pid: int) -> bool:
    try:
        # The state is the first field behind the name; a zombie has ended.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False
