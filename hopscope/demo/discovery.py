"""What the agent is told of the mesh: which cgroup is which container of which pod."""

from __future__ import annotations

import json
from typing import Any

from hopscope.demo import cgroups, containers
from hopscope.demo.topology import RUN, Mesh

FILE, SETTINGS = RUN / "discovery.json", RUN / "hopscope.toml"
AGENT_SOCKET = RUN / "agent.sock"


def describe(mesh: Mesh) -> dict[str, Any]:
    """The content of the file."""
    places = {}
    for pod in mesh.pods:
        for container in pod.containers:
            places[f"/{cgroups.NAME}/{containers.path_of(container)}"] = {
                "service": pod.full_service,
                "instance": pod.name,
                "container": container.name,
                "layer": container.layer,
                "labels": dict(pod.labels),
                "attributes": {"namespace": pod.namespace, "ip": pod.address},
            }
    return {"version": 1, "cgroups": places}


def write(mesh: Mesh) -> None:
    """Writes the file, and settings for the agent, `top` and `profile` that name it."""
    FILE.write_text(json.dumps(describe(mesh), indent=1))
    SETTINGS.write_text(f'[agent]\nsocket = "{AGENT_SOCKET}"\ndiscovery = "file"\ndiscovery_file = "{FILE}"\n')
