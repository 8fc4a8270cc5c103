"""`hopscope mesh`: services that call each other, as Envoy's access logs tell it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from hopscope.cli import remote
from hopscope.cli.figures import amount, duration

if TYPE_CHECKING:
    from hopscope.client.mesh import Mesh, MeshLine

_SPLIT = {
    ">CALLER?": ("downstream",),
    ">PROXIES?": ("client_proxy", "server_proxy"),
    ">NETWORK?": ("network",),
    ">APP?": ("app",),
}
"""Columns of the split: averages of so many parts of the whole."""
EPILOG = """\b
Examples:
  hopscope mesh
  hopscope mesh --namespace default --window 15m
  hopscope mesh --service reviews.default        its pods, and those that they talk to
  hopscope mesh --json
"""


@click.command(epilog=EPILOG)
@remote.window
@click.option("--namespace", metavar="NAME", help="Only services of a Kubernetes namespace.")
@click.option("--service", metavar="NAME", help="The lines between the pods of a service and those they talk to.")
@remote.server
def command(
    last: int, since: datetime | None, until: datetime | None, namespace: str | None, service: str | None,
    as_json: bool, **where: Any,
) -> None:  # fmt: skip
    """Show which service calls which: rate, errors by Envoy's response flag, latency whole and split.

    Times of the split are averages; a narrow terminal shows the whole alone.
    """
    if service is not None and namespace is not None:
        raise click.UsageError("--service is of one namespace already")
    window = remote.span(last, since, until)
    with remote.asking(**where) as client:
        found = client.mesh(window, namespace) if service is None else client.mesh_pods(service, window)
    if as_json:
        return remote.write_json(found)
    if not found.lines:
        click.echo("No access log has arrived in this window. docs/mesh.md says how Envoy sends it.")
    else:
        _lines(found)
    for sentence in _missing({held.name: held.value for held in found.complete}):
        click.echo(sentence)
    if found.lines:
        silent = f"; silent: {', '.join(found.proxies_silent)}" if found.proxies_silent else ""
        latest = remote.clock(found.last_entry)
        click.echo(f"{found.proxies} proxies, {found.entries} entries, the last at {latest}{silent}.")


def _lines(found: Mesh) -> None:
    names = {it.id: it.name for it in found.services}
    rows = []
    for it in found.lines:
        whole = next((part for part in it.latency if part.part == "whole"), None)
        p50, p99 = (whole.percentiles[0], whole.percentiles[-1]) if whole and whole.percentiles else (None, None)
        flags = " ".join(f"{held.reason} {held.count}" for held in it.by_flag if held.reason)
        rows.append(
            (f"{names.get(it.client, it.client)} → {names.get(it.server, it.server)}", it.label, it.state,
             amount(it.rate), amount(it.requests), amount(it.errors), flags, duration(p50), duration(p99),
             amount(it.retries), *(duration(_average(it, parts)) for parts in _SPLIT.values()))
        )  # fmt: skip
    headings = (
        "CLIENT → SERVER", "PROTOCOL", "STATE", ">REQ/s", ">REQUESTS", ">ERRORS", "FLAGS", ">p50?", ">p99", ">RETRIES?",
        *_SPLIT,
    )  # fmt: skip
    remote.table(headings, rows, [remote.STYLES.get(it.state, "") for it in found.lines])
    for it in found.lines:
        for reason in it.reasons:
            click.echo(f"{names.get(it.client, it.client)} → {names.get(it.server, it.server)} is {it.state}: {reason}")


def _missing(received: dict[str, float]) -> Iterator[str]:
    """What of the access logs was not taken in."""
    asked, taken = received.pop("seconds.asked"), received.pop("seconds.received")
    # Those of the last second or two are on their way.
    if taken < asked - 2:
        yield f"Logs were taken in {taken:.0f} of {asked:g} seconds."
    if parts := [f"{name.replace('_', ' ')} {number:.0f}" for name, number in received.items() if number]:
        yield f"Not all of it, docs/mesh.md explains each: {', '.join(parts)}."


def _average(line: MeshLine, parts: tuple[str, ...]) -> float | None:
    """Of the time of a line's requests, what these parts of it took in ns."""
    held = [it.average_ns for it in line.latency if it.part in parts and it.average_ns is not None]
    return sum(held) if held else None
