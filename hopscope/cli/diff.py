"""`hopscope diff`: what changed between two saved profiles."""

from __future__ import annotations

import json
from pathlib import Path

import click

EPILOG = """\b
Examples:
  hopscope diff before.json after.json
  hopscope diff before.json after.json --json
"""


@click.command(epilog=EPILOG)
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(before: Path, after: Path, as_json: bool) -> None:
    """Show which edges came, went or changed from BEFORE to AFTER.

    Rates are compared, not sums: the two may be of different lengths. Needs no root.
    """
    from hopscope import client
    from hopscope.cli import changes

    found = client.diff(client.load(before), client.load(after))
    if as_json:
        click.echo(json.dumps([change.to_dict() for change in found]))
        return
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    for text in changes.written(found, console.width):
        console.print(text, soft_wrap=True)
