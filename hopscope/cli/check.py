"""`hopscope check`: what this kernel allows."""

from __future__ import annotations

import json

import click
from rich.console import Console
from rich.text import Text

EPILOG = """\b
Examples:
  hopscope check
  sudo hopscope check --json
"""


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(as_json: bool) -> None:
    """Show for each metric the probe that measures it here, what its value means and what a hit costs.

    Works without root and then says what it could not try.
    """
    from hopscope import client

    found = client.check()
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        return
    console = Console(highlight=False, markup=False)
    console.print(Text(f"Linux {found.kernel}", style="bold"))
    for probe in found.probes:
        rung = f"{probe.rung}  " if probe.rung else ""
        if probe.why_not:
            console.print(Text(f"{probe.metric:<11} not supported, because {probe.why_not}", style="yellow"))
            if probe.enable:
                console.print(Text(f"{'':11} what would enable it: {probe.enable}"))
            continue
        console.print(Text(f"{probe.metric:<11} {rung}{probe.hook}" + (f"  ({probe.cost})" if probe.cost else "")))
        if probe.meaning:
            console.print(Text(f"{'':11} {probe.meaning}", style="dim"))
    for refused in found.refused:
        console.print(Text(f"{refused.rung:<11} refused, because {refused.why}", style="yellow"))
        console.print(Text(f"{'':11} what would enable it: {refused.enable}"))
    for note in found.notes:
        console.print(Text(note))
