"""`hopscope show`: a saved profile again."""

from __future__ import annotations

from pathlib import Path

import click

from hopscope.cli import output, report

EPILOG = """\b
Examples:
  hopscope show before.json
  hopscope show before.json --csv > before.csv
  hopscope show before.json --html before.html
"""


@click.command(epilog=EPILOG)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="The profile as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="One row per edge.")
@click.option("--html", metavar="FILE", type=click.Path(path_type=Path), help="A report for a browser, in one file.")
def command(file: Path, as_json: bool, as_csv: bool, html: Path | None) -> None:
    """Show a saved profile. Needs no root."""
    from hopscope import client

    if as_json and as_csv:
        raise click.UsageError("--json and --csv exclude each other")
    picture = client.load(file)
    if html is None:
        output.write(picture, as_json=as_json, as_csv=as_csv)
        return
    if as_json or as_csv:
        raise click.UsageError("--html excludes --json and --csv")
    report.write(picture, html)
