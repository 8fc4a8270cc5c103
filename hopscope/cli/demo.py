"""`hopscope demo`: a small real mesh on this machine, its traffic and its faults."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import click

from hopscope.cli.examples import Group

if TYPE_CHECKING:
    from hopscope.demo.topology import Mesh

EPILOG = """\b
Examples:
  sudo hopscope demo                     in the foreground; Ctrl-C takes it all down
  sudo hopscope demo up                  in the background, until `hopscope demo down`
  sudo hopscope demo up --scale 8 --rate 40 --no-server
  hopscope demo status --json
  sudo hopscope demo fault on loss       then look at `hopscope top`
  sudo hopscope demo fault on delay --pod details-v1 --value 80
  sudo hopscope demo fault off
  hopscope demo fault list
  sudo hopscope demo pause
  sudo hopscope demo send 100            so many pages, and no others
  sudo hopscope demo resume --rate 50
  hopscope demo graph --json
  sudo hopscope demo down
  sudo hopscope demo clean
"""


def _options(function: Any) -> Any:
    for option in (
        click.option("--no-server", "server", is_flag=True, flag_value=False, default=True,
                     help="The mesh alone, without agent and server."),
        click.option("--rate", type=click.FloatRange(0.1, 100_000), default=20.0, show_default=True, metavar="R",
                     help="Pages a second, through all gateways together."),
        click.option("--retries", type=click.IntRange(0, 10), default=0, show_default=True, metavar="N",
                     help="How often a sidecar tries a call again that found no connection."),
        click.option("--protocol", type=click.Choice(["http1", "http2"]), default="http1", show_default=True,
                     help="What the sidecars speak with each other."),
        click.option("--no-mtls", "mtls", is_flag=True, flag_value=False, default=True,
                     help="Plain text between the sidecars."),
        click.option("--scale", type=click.IntRange(1, 200), default=1, show_default=True, metavar="N",
                     help="So many copies of the mesh, six pods each."),
    ):  # fmt: skip
        function = option(function)
    return function


@click.group(cls=Group, invoke_without_command=True, epilog=EPILOG)
@_options
@click.pass_context
def command(context: click.Context, /, **given: Any) -> None:
    """Run a small service mesh on this machine: real Envoys, mTLS, traffic, faults. Needs root.

    Each pod is a network namespace; nothing leaves the machine, and nothing of it stays.
    """
    if context.invoked_subcommand is not None:
        return
    from hopscope.demo import supervisor
    from hopscope.demo.topology import Options

    options = Options(**given)
    supervisor.run(options, _say, lambda state: _hints("Ctrl-C takes it all down.", options.server))
    click.echo("the demo is down")


def _say(step: str, seconds: float) -> None:
    click.echo(f"  {step}  {seconds:.2f} s")


def _hints(end: str, server: bool) -> None:
    from hopscope.demo import discovery
    from hopscope.settings import ServerSettings

    click.echo("the mesh is up: traffic → ingress gateway → productpage → details, reviews v1 and v2 → ratings")
    if server:
        click.echo(f"  page     http://localhost:{ServerSettings().http.rpartition(':')[2]}")
    click.echo(f"  look     hopscope top --config {discovery.SETTINGS}")
    click.echo(f"           hopscope profile --config {discovery.SETTINGS} --name productpage")
    if server:
        click.echo("           hopscope topology productpage-v1 · hopscope mesh")
    click.echo("  try      hopscope demo fault on loss · fault list · fault off")
    click.echo("           hopscope demo pause · send 100 · resume · status")
    click.echo(f"  {end}")


@command.command()
@_options
def up(**given: Any) -> None:
    """Start a demo in the background; returns when traffic flows."""
    from hopscope.demo import detached
    from hopscope.demo.topology import Options

    options, begun = Options(**given), time.monotonic()
    detached.up(options, _say)
    click.echo(f"up in {time.monotonic() - begun:.1f} s")
    _hints("hopscope demo down takes it all down.", options.server)


@command.command()
def down() -> None:
    """End the running demo; the machine is as before."""
    from hopscope.demo import DemoError, folder

    _need_root("down")
    if not folder.end():
        raise DemoError("no demo is running; hopscope demo clean removes what an earlier one left")
    click.echo("the demo is down")


@command.command()
def clean() -> None:
    """Remove whatever any earlier demo left: processes, cgroups, files."""
    from hopscope.demo import folder

    _need_root("clean")
    folder.clean()
    click.echo("nothing of a demo is left")


@command.command()
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def status(as_json: bool) -> None:
    """Show pods, processes, traffic and faults."""
    from hopscope.demo import status as demo_status

    found = demo_status.read()
    if as_json:
        click.echo(json.dumps(found))
        return
    for pod in found["pods"]:
        held = "  ".join(f"{c['process']} {c['pid'] if c['alive'] else 'ended'}" for c in pod["containers"])
        click.echo(f"{pod['name']:<24} {pod['address']:<13} {held}")
    traffic = found["traffic"]
    state = f"{traffic['rate']:g} pages/s" if traffic["running"] else "paused"
    answers = ", ".join(f"{what}: {number}" for what, number in sorted(traffic["answers"].items()))
    click.echo(f"traffic: {state}; {answers or 'no answers yet'}")
    for fault in found["faults"]:
        click.echo(f"fault: {fault['name']} on {fault['pod']}, value {fault['value']:g}")


@command.command()
@click.argument("number", type=click.IntRange(1))
def send(number: int) -> None:
    """Send so many pages through the ingress; returns when all are answered."""
    _need_root("send")
    answers = _traffic("send", number=number)
    click.echo(", ".join(f"{what}: {count}" for what, count in sorted(answers.items())))


@command.command()
def pause() -> None:
    """Stop the steady traffic; returns when nothing is under way."""
    _need_root("pause")
    _traffic("pause")


@command.command()
@click.option("--rate", type=click.FloatRange(0.1, 100_000), help="A new rate, pages a second.")
def resume(rate: float | None) -> None:
    """Go on with the steady traffic."""
    _need_root("resume")
    _traffic("resume", rate=rate)


def _need_root(what: str) -> None:
    import os

    from hopscope.demo import DemoError

    if os.geteuid() != 0:
        raise DemoError(f"{what} needs root; sudo hopscope demo {what}")


def _mesh() -> tuple[dict[str, Any], Mesh]:
    from hopscope.demo import detached, topology

    state, options = detached.running_mesh()
    return state, topology.mesh(options)


def _traffic(do: str, **arguments: Any) -> Any:
    from hopscope.demo import containers

    _, mesh = _mesh()
    assert mesh.traffic.app is not None
    return containers.ask(mesh.traffic.app, do, **arguments)


@command.command()
@click.option("--json", "as_json", is_flag=True, help="As JSON, in the shape of a profile, with each side's counts.")
def graph(as_json: bool) -> None:
    """Show the known graph: every edge there must be, and what its two sides counted."""
    from hopscope.demo import graph as known_graph

    _need_root("graph")
    state, mesh = _mesh()
    found = known_graph.known(mesh, state["pids"])
    if as_json:
        click.echo(json.dumps(found))
        return
    for edge in found["edges"]:
        client, server = edge["client"], edge["server"]
        ends = f"{client['process']} ({client['instance']}) → {server['process']} ({server['instance']})"
        click.echo(f"{ends}  {server['address']}  {edge['label']}")


@command.group(cls=Group)
def fault() -> None:
    """Make something fail, on purpose, and undo it."""


@fault.command("list")
@click.option("--json", "as_json", is_flag=True, help="The same as JSON.")
def list_(as_json: bool) -> None:
    """Show the faults, where they strike unless told otherwise, and what each should change."""
    from hopscope.demo.faults import TABLE

    if as_json:
        rows = [
            {name: getattr(row, name) for name in ("name", "sentence", "unit", "value", "pod", "changes")}
            for row in TABLE
        ]
        click.echo(json.dumps(rows))
        return
    for row in TABLE:
        amount = f" ({row.value:g} {row.unit})" if row.unit else ""
        click.echo(f"{row.name:<16} {row.sentence}{amount}, on {row.pod}")
        click.echo(f"{'':16}   changes {row.changes}")


@fault.command("on")
@click.argument("name")
@click.option("--pod", help="Where; without it, the fault's usual place.")
@click.option("--value", type=float, help="How much, in the fault's unit.")
def on(name: str, pod: str | None, value: float | None) -> None:
    """Switch a fault on."""
    from hopscope.demo import supervisor

    _need_root("fault on")
    click.echo(supervisor.ask("on", name=name, pod=pod, value=value))


@fault.command("off")
@click.argument("name", required=False)
def off(name: str | None) -> None:
    """Switch a fault off; without a name, all of them."""
    from hopscope.demo import supervisor

    _need_root("fault off")
    click.echo(supervisor.ask("off", name=name))
