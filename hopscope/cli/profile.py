"""`hopscope profile`: one picture of this host."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hopscope.cli import selection

if TYPE_CHECKING:
    from hopscope.client import Profile

EPILOG = """\b
Examples:
  hopscope profile                              ten seconds of everything that talks
  hopscope profile --name nginx --duration 30   what nginx talks to
  hopscope profile --port 5432 --json > db.json
  hopscope profile --save before.json           see hopscope show, hopscope diff
  hopscope profile --html now.html              a report that opens in a browser
  hopscope profile -- curl -s http://localhost  a command, from first byte to exit

\b
Ctrl-C ends early and shows what was measured until then. With a COMMAND the exit
code is the command's; with --json and --csv its output goes to stderr.
"""


def _file(context: click.Context, option: click.Parameter, path: Path | None) -> Path | None:
    from hopscope.cli import output

    return output.file(context, option, path)


@click.command(epilog=EPILOG)
@click.option("--duration", type=click.FloatRange(0, min_open=True), metavar="SECONDS", help="How long.  [default: 10]")
@selection.options
@click.option(
    "--times",
    type=click.Choice(["all", "windows", "off"]),
    default="all",
    show_default=True,
    help="Time every call, some of the time, or none.",
)
@click.option("--json", "as_json", is_flag=True, help="The profile as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="One row per edge.")
@click.option(
    "--parquet", metavar="FILE", type=click.Path(path_type=Path), callback=_file, help="One row per edge, into a file."
)
@click.option(
    "--save", metavar="FILE", type=click.Path(path_type=Path), callback=_file, help="Keep it for show and diff."
)
@click.option(
    "--html",
    metavar="FILE",
    type=click.Path(path_type=Path),
    callback=_file,
    help="A report for a browser, in one file.",
)
@click.argument("run", nargs=-1, metavar="[-- COMMAND ...]", type=click.UNPROCESSED)  # fmt: skip
def command(
    duration: float | None,
    times: str,
    as_json: bool,
    as_csv: bool,
    parquet: Path | None,
    save: Path | None,
    html: Path | None,
    run: tuple[str, ...],
    **chosen: Any,
) -> int:
    """Watch this host for a while and show which process talked to which.

    Needs root. Without a selection it shows what has TCP traffic. A running
    agent is used if there is one.
    """
    from hopscope import client
    from hopscope.cli import output, report

    if as_json + as_csv + (parquet is not None) > 1:
        raise click.UsageError("--json, --csv and --parquet exclude each other")
    if run and (duration is not None or chosen["pid"]):
        raise click.UsageError("a command lasts until its exit and is selected itself: no --duration or --pid with it")
    if run and shutil.which(run[0]) is None:
        raise client.HopscopeError(f"there is no command {run[0]!r}; give its path after --", 127)
    if parquet is not None:
        output.need_parquet()
    if html is not None:
        report.template()
    arguments = {**selection.given(chosen), "settings": selection.settings(chosen), "times": times}
    if run:
        arguments |= {"command": run, "command_stdout": sys.stderr if as_json or as_csv else None}
    picture = _watched(duration or 10.0, arguments)
    # First what others read, then the file: a disk that is full must not cost the picture.
    output.write(picture, as_json=as_json, as_csv=as_csv, parquet=parquet)
    sys.stdout.flush()
    if save is not None:
        client.save(picture, save)
    if html is not None:
        report.write(picture, html)
    return _exit_code(picture)


def _watched(duration: float, arguments: dict[str, Any]) -> Profile:
    from rich.console import Console

    from hopscope import client

    console = Console(stderr=True)
    if not console.is_terminal or "command" in arguments:
        # A command's own output and a bar would overwrite each other.
        return client.profile(duration, **arguments)
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    # Not as wide as the terminal: the ^C that it echoes would break the line.
    columns = (TextColumn("watching"), BarColumn(30), TextColumn("{task.percentage:>3.0f}%"), TimeRemainingColumn())
    bar = Progress(*columns, TextColumn("[dim]Ctrl-C: enough"), console=console, transient=True)
    with bar:
        task = bar.add_task("watching", total=1.0)
        return client.profile(duration, progress=lambda share: bar.update(task, completed=share), **arguments)


def _exit_code(picture: Profile) -> int:
    """The command's own; 1 when nothing of what was asked for has a connection."""
    seen = picture.completeness
    if "command" in seen:
        code: int | None = seen["command"]["exit_code"]
        if code:
            print(f"hopscope: {seen['command']['arguments'][0]} ended with exit code {code}", file=sys.stderr)
        return code or 0
    if "not_asked" in seen and not picture.edges and not picture.listeners:
        names = ", ".join(seen["not_asked"]["processes"])
        there = f"those that have: {names}" if names else "nothing else here has either"
        print(f"hopscope: no process that was asked for has a TCP connection; {there}", file=sys.stderr)
        return 1
    return 0
