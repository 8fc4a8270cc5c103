"""`hopscope task`: network profiling of one instance: start it, look at it, end it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from hopscope.cli import remote
from hopscope.cli.durations import Duration
from hopscope.cli.examples import Group

if TYPE_CHECKING:
    from hopscope.client.answers import Rule, Task

EPILOG = """\b
Examples:
  hopscope task create productpage-v1 --duration 10m
  hopscope task create productpage-v1 --rule 'path=/api/.*,min=100ms' --rule 5xx
  hopscope task create productpage-v1 --rule 'path=/item/[0-9]{3,5}$,4xx'
  hopscope task list
  hopscope task show 1f0e3dad99908345
  hopscope task extend 1f0e3dad99908345 --by 5m
  hopscope task stop 1f0e3dad99908345
"""


@click.group(cls=Group, epilog=EPILOG)
def command() -> None:
    """Start, list, show, extend and stop network profiling tasks.

    A task traces the processes of one instance, times every call of theirs, and keeps their seconds longer.
    """


# Where one condition ends and the next begins; any other comma is the path's.
_BETWEEN = re.compile(r",(?=\s*(?:path=|min=\d|[45]xx\s*(?:,|$)))")


class _Rule(click.ParamType["Rule"]):
    name = "rule"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Rule:
        from hopscope.client.answers import Rule

        given: dict[str, Any] = {}
        for part in _BETWEEN.split(value):
            key, equal, text = part.strip().partition("=")
            if key == "path" and equal:
                given["path"] = text
            elif key == "min" and text.removesuffix("ms").isdecimal():
                given["min_duration_ms"] = int(text.removesuffix("ms"))
            elif key in ("4xx", "5xx") and not equal:
                given[f"status{key}"] = True
            else:
                self.fail(f"{part!r} is no condition; path=REGEX, min=100ms, 4xx, 5xx, separated by commas", param, ctx)
        return Rule(**given)


@command.command()
@click.argument("instance")
@click.option("--duration", type=Duration(), default="5m", show_default=True, help="How long: 1m, 30m, 2h.")
@click.option("--rule", "rules", type=_Rule(), multiple=True, metavar="RULE",
              help="Exchanges to keep: path=REGEX,min=100ms,4xx,5xx; up to 8 rules. A comma that no condition follows "
                   "belongs to the path.")  # fmt: skip
@remote.server
def create(instance: str, duration: int, rules: tuple[Rule, ...], as_json: bool, **where: Any) -> None:
    """Start network profiling of an INSTANCE."""
    with remote.asking(**where) as client:
        made = client.create_task(instance, duration, rules)
    if as_json:
        return remote.write_json(made)
    click.echo(f"task {made.id} on {made.service}/{made.instance_name} until {remote.clock(made.ends_at)}")
    click.echo(f"  look  hopscope topology {made.instance_name}")
    click.echo(f"  end   hopscope task stop {made.id}")


@command.command(name="list")
@click.option("--instance", metavar="INSTANCE", help="Only those of an instance.")
@remote.server
def list_(instance: str | None, as_json: bool, **where: Any) -> None:
    """List tasks, the latest first."""
    with remote.asking(**where) as client:
        found = client.tasks(instance)
    if as_json:
        return remote.write_json(found)
    if not found:
        click.echo("No task yet; hopscope task create INSTANCE starts one.")
        return
    rows = [
        (it.id, it.instance_name, it.state, it.owner, remote.clock(it.created_at), _end(it), str(len(it.rules)))
        for it in found
    ]
    headings = ("TASK", "INSTANCE", "STATE", "OWNER", "CREATED?", "ENDS", ">RULES?")
    remote.table(headings, rows, ["" if it.state in ("waiting", "running") else "dim" for it in found])


@command.command()
@click.argument("task")
@remote.server
def show(task: str, as_json: bool, **where: Any) -> None:
    """Show a TASK with its rules and what happened to it."""
    with remote.asking(**where) as client:
        found = client.task(task)
    if as_json:
        return remote.write_json(found)
    click.echo(f"task {found.id}  {found.state}")
    click.echo(f"  instance   {found.service}/{found.instance_name}")
    click.echo(f"  owner      {found.owner}")
    click.echo(f"  created    {remote.clock(found.created_at)}, for {found.duration_seconds} s")
    traced = "by no agent yet" if found.traced_at is None else f"since {remote.clock(found.traced_at)}"
    on = f", {found.processes} processes on {', '.join(found.hosts)}" if found.hosts else ""
    click.echo(f"  traced     {traced}{on}")
    click.echo(f"  ends       {_end(found)}" + (f", stopped by {found.stopped_by}" if found.stopped_by else ""))
    for rule in found.rules:
        click.echo(f"  rule       {_words(rule)}")
    for left in found.not_traced:
        click.echo(f"  not traced {left.process}, because {left.why}")
    for event in found.events:
        click.echo(
            f"  {remote.clock(event.at)}  {event.kind} by {event.who}" + (f": {event.detail}" if event.detail else "")
        )


@command.command()
@click.argument("task")
@click.option("--by", type=Duration(), default="5m", show_default=True, help="How much longer.")
@remote.server
def extend(task: str, by: int, as_json: bool, **where: Any) -> None:
    """Let a running TASK go on longer."""
    with remote.asking(**where) as client:
        made = client.extend_task(task, by)
    return remote.write_json(made) if as_json else click.echo(f"task {made.id} now ends {_end(made)}")


@command.command()
@click.argument("task")
@remote.server
def stop(task: str, as_json: bool, **where: Any) -> None:
    """End a TASK now; what it saw stays."""
    with remote.asking(**where) as client:
        made = client.stop_task(task)
    return remote.write_json(made) if as_json else click.echo(f"task {made.id} is {made.state}")


def _end(task: Task) -> str:
    return remote.clock(task.ended_at or task.ends_at)


def _words(rule: Rule) -> str:
    parts = [
        f"path {rule.path}" if rule.path else "",
        f"at least {rule.min_duration_ms} ms" if rule.min_duration_ms else "",
    ]
    codes = [name for name, on in (("4xx", rule.status4xx), ("5xx", rule.status5xx)) if on]
    return ", ".join([part for part in parts if part] + ([" or ".join(codes)] if codes else [])) or "everything"
