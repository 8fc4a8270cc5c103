"""What the agent is told of the mesh: which cgroup is which container of which pod."""

from __future__ import annotations

import json
from typing import Any

from hopscope.demo import cgroups, containers
from hopscope.demo.topology import RUN, Mesh

FILE = RUN / "discovery.json"


def describe(mesh: Mesh) -> dict[str, Any]:
    """The content of the file."""
    held = []
    for pod in mesh.pods:
        for container in pod.containers:
            held.append(
                {
                    "cgroup": f"/{cgroups.NAME}/{containers.path_of(container)}",
                    "service": pod.full_service,
                    "instance": pod.name,
                    "container": container.name,
                    "layer": container.layer,
                    "labels": dict(pod.labels),
                }
            )
    return {"version": 1, "containers": held}


def write(mesh: Mesh, where: cgroups.Hierarchies) -> None:
    """Writes the file for the agent."""
    FILE.write_text(json.dumps(describe(mesh), indent=1))
