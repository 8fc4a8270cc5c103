"""`hopscope services`: what a server knows of, by service."""

from __future__ import annotations

from typing import Any

import click

from hopscope.cli import remote
from hopscope.cli.figures import amount, duration, size

EPILOG = """\b
Examples:
  hopscope services
  hopscope services --layer MESH --json
  hopscope services --server https://hopscope.example:8080 --token-file ~/.hopscope-token
"""


@click.command(epilog=EPILOG)
@click.option("--layer", metavar="LAYER", help="Only those of a layer: MESH, MESH_DP, K8S_SERVICE, OS_LINUX.")
@remote.server
def command(layer: str | None, as_json: bool, **where: Any) -> None:
    """List the services that a server knows, with the state of their lines in the last minute."""
    with remote.asking(**where) as client:
        found = client.services(layer)
    if as_json:
        return remote.write_json(found)
    if not found:
        click.echo("No service is known yet: no agent has reported." if layer is None else f"No service in {layer}.")
        return
    rows = [
        (
            it.name, " ".join(it.layers), str(it.instances), str(it.processes), it.health.state,
            amount(it.health.rate), size(it.health.bytes_rate), duration(it.health.p99_ns), remote.clock(it.last_seen),
        )
        for it in found
    ]  # fmt: skip
    headings = ("SERVICE", "LAYERS?", ">INST", ">PROC?", "STATE", ">CALLS/s", ">BYTES/s", ">RTT p99", "SEEN?")
    remote.table(headings, rows, [remote.STYLES.get(it.health.state, "") for it in found])
    for it in found:
        for reason in it.health.reasons:
            click.echo(f"{it.name} is {it.health.state}: {reason}")
    remote.say_missing(found.completeness)
