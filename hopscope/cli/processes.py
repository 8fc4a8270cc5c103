"""`hopscope processes`: what runs in an instance."""

from __future__ import annotations

from typing import Any

import click

from hopscope.cli import remote
from hopscope.cli.figures import NONE, shorten

EPILOG = """\b
Examples:
  hopscope processes productpage-v1
  hopscope processes productpage.default/productpage-v1 --json
"""
COMMAND_WIDTH = 60


@click.command(epilog=EPILOG)
@click.argument("instance")
@remote.server
def command(instance: str, as_json: bool, **where: Any) -> None:
    """List the processes of an INSTANCE: its name, id, or SERVICE/NAME."""
    with remote.asking(**where) as client:
        found = client.processes(instance)
    if as_json:
        return remote.write_json(found)
    rows = [
        (
            it.name, shorten(" ".join(map(str, it.pids)), 20), it.layer, it.container or NONE,
            remote.clock(it.started), remote.clock(it.last_seen),
            shorten(it.command_line or it.executable or NONE, COMMAND_WIDTH),
        )
        for it in found
    ]  # fmt: skip
    remote.table(("PROCESS", "PIDS", "LAYER", "CONTAINER?", "STARTED?", "SEEN?", "COMMAND?"), rows)
    remote.say_missing(found.completeness)
