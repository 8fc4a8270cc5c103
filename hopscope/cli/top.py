"""`hopscope top`: the live view of this host."""

from __future__ import annotations

import sys
from typing import Any

import click

from hopscope.cli import selection

EPILOG = """\b
Examples:
  hopscope top
  hopscope top --name 'nginx|envoy'
  hopscope top --once --port 5432     one table, for a script or a log

\b
In the view: ? says all keys; / filters, < > sort, enter opens an edge, q quits.
"""


@click.command(epilog=EPILOG)
@selection.options
@click.option(
    "--span",
    type=click.FloatRange(1, 60),
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    help="Figures cover so many seconds.",
)
@click.option(
    "--times",
    type=click.Choice(["all", "windows", "off"]),
    default="all",
    show_default=True,
    help="Time every call, some of the time, or none.",
)
@click.option("--once", is_flag=True, help="One table after --span seconds; so it is without a terminal.")  # fmt: skip
def command(span: float, times: Any, once: bool, **chosen: Any) -> None:
    """Show live which process talks to which.

    Needs root. A running agent is used if there is one.
    """
    from hopscope import client

    settings = selection.settings(chosen)
    if once or not (sys.stdout.isatty() and sys.stdin.isatty()):
        from hopscope.cli import output

        picture = client.profile(span, **selection.given(chosen), times=times, settings=settings)
        output.write(picture)
        return
    with client.watching(selection.wanted(chosen), times, settings=settings) as window:
        from hopscope.cli.live import Live

        app = Live(window, span)
        app.run()
    if app.failure is not None:
        raise app.failure
