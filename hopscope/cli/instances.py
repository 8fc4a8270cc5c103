"""`hopscope instances`: the pods, containers or hosts of a service."""

from __future__ import annotations

from typing import Any

import click

from hopscope.cli import remote
from hopscope.cli.figures import amount, duration

EPILOG = """\b
Examples:
  hopscope instances productpage.default
  hopscope instances productpage.default --json
"""


@click.command(epilog=EPILOG)
@click.argument("service")
@remote.server
def command(service: str, as_json: bool, **where: Any) -> None:
    """List the instances of a SERVICE, by its name or id: see `hopscope services`."""
    with remote.asking(**where) as client:
        found = client.instances(service)
    if as_json:
        return remote.write_json(found)
    rows = [
        (
            it.name, it.host, " ".join(it.layers), str(it.processes), it.health.state, amount(it.health.rate),
            duration(it.health.p99_ns), remote.clock(it.last_seen),
            " ".join(f"{label.name}={label.value}" for label in it.labels),
        )
        for it in found
    ]  # fmt: skip
    headings = ("INSTANCE", "HOST", "LAYERS?", ">PROC", "STATE", ">CALLS/s", ">RTT p99", "SEEN?", "LABELS?")
    remote.table(headings, rows, [remote.STYLES.get(it.health.state, "") for it in found])
    remote.say_missing(found.completeness)
