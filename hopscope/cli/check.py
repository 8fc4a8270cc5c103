"""`hopscope check`: what this kernel allows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.text import Text

    from hopscope.agent.check import Found

EPILOG = """\b
Examples:
  sudo hopscope check
  hopscope check --json
"""


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def command(as_json: bool) -> None:
    """Show for each metric the probe that measures it here, what its value means and what a hit costs.

    Works without root and then says what it could not try.
    """
    from rich.console import Console

    from hopscope import client

    found = client.check()
    if as_json:
        click.echo(json.dumps(found.to_dict()))
        return
    console = Console(highlight=False, markup=False)
    for text in written(found, console.width):
        console.print(text)


def written(found: Found, width: int) -> Iterator[Text]:
    """The lines of the answer."""
    from rich.text import Text

    yield Text(f"Linux {found.kernel} {found.machine}", style="bold")
    for probe in found.probes:
        if probe.why_not:
            yield _indented(probe.metric, f"not supported, because {probe.why_not}", width, "yellow")
            if probe.enable:
                yield _indented("", f"what would enable it: {probe.enable}", width)
            continue
        rung = f"{probe.rung}: " if probe.rung and probe.rung != "all" else ""
        yield _indented(probe.metric, f"{rung}{probe.hook}", width)
        if probe.cost:
            yield _indented("", f"cost: {probe.cost}", width)
        yield _indented("", probe.meaning, width, "dim")
    if found.refused:
        yield Text("Other ways of seeing reads and writes", style="bold")
    for other in found.refused:
        yield _indented(other.rung, f"{other.hook}: {other.why}", width)
        yield _indented("", f"what would enable it: {other.enable}", width, "dim")
    for note in found.notes:
        yield Text(note)


def _indented(head: str, words: str, width: int, style: str = "") -> Text:
    from textwrap import fill

    from rich.text import Text

    return Text(fill(words, max(40, width), initial_indent=f"{head:<11}", subsequent_indent=" " * 11), style)
