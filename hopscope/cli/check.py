"""`hopscope check`: what this kernel allows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hopscope.edges.status import doing, reports
from hopscope.settings import AgentSettings

if TYPE_CHECKING:
    from rich.text import Text

    from hopscope.agent.check import Found
    from hopscope.edges.status import AgentStatus

EPILOG = """\b
Examples:
  sudo hopscope check
  hopscope check --json
"""


@click.command(epilog=EPILOG)
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
@click.option("--socket", metavar="PATH", type=click.Path(path_type=Path), default=AgentSettings().socket,
              show_default=True, help="Where a running agent answers.")  # fmt: skip
def command(as_json: bool, socket: Path) -> None:
    """Show for each metric the probe that measures it here, what its value means and what a hit costs.

    Also what the agent does that runs here: its mode, its tasks, its reports.
    Works without root and then says what it could not try.
    """
    from rich.console import Console

    from hopscope import client

    found, agent, why = client.check(), None, "none runs here"
    try:
        agent = client.status(socket)
    except client.HopscopeError as error:
        why = str(error)
    if as_json:
        click.echo(json.dumps({**found.to_dict(), "agent": agent.to_dict() if agent is not None else None}))
        return
    console = Console(highlight=False, markup=False)
    for text in written(found, console.width):
        console.print(text)
    for text in running(agent, why, console.width):
        console.print(text)


def running(agent: AgentStatus | None, why: str, width: int) -> Iterator[Text]:
    """The lines about the agent."""
    if agent is None:
        yield _indented("Agent", f"{why} (mode, tasks and reports are a running agent's)", width)
        return
    yield _indented("Agent", f"pid {agent.pid}, {doing(agent)}; {reports(agent.delivery)}", width)
    for task in agent.tasks:
        left = max(0.0, task.ends - time.time())
        groups = (
            f"{task.groups} process group{'s' if task.groups != 1 else ''} traced" if task.since else "not yet traced"
        )
        yield _indented("", f"task {task.id}: {task.instance} of {task.service}, {left:.0f} s left, {groups}", width)
        for who, cause in task.not_traced.items():
            yield _indented("", f"not traced: {who}, because {cause}", width, "yellow")


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
