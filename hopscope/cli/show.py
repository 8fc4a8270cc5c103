"""`hopscope show`: a saved profile again."""

from __future__ import annotations

from pathlib import Path

import click

from hopscope.cli import output

EPILOG = """\b
Examples:
  hopscope show before.json
  hopscope show before.json --csv > before.csv
"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The profile as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="One row per edge.")
def command(file: Path, as_json: bool, as_csv: bool) -> None:
    """Show a saved profile. Needs no root."""
    from hopscope import client

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    output.write(client.load(file), as_json=as_json, as_csv=as_csv)
