"""`hopscope token`: who may report, ask and change, each with a token of its own."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hopscope.cli.children import become
from hopscope.cli.durations import seconds_of
from hopscope.cli.examples import Group
from hopscope.cli.remote import moment
from hopscope.settings import ServerSettings, read

if TYPE_CHECKING:
    from hopscope.server.access.tokens import Token

EPILOG = """\b
Examples:
  hopscope token create alice --role admin
  hopscope token create node-7 --role agent > /etc/hopscope/agent.token
  hopscope token create grafana --expires 90d --json
  hopscope token list
  hopscope token revoke alice

\b
A server that runs notices at once. With the first token for people its API asks
everybody for one, also on this host; with the first one for agents so does its
port for agents (its Unix socket does not).
"""


@click.group(cls=Group, epilog=EPILOG)
def command() -> None:
    """Make, list and revoke the server's tokens.

    Only hashes are kept: a token is shown once, when it is made. Run it where the
    server runs, as root or as the server's user, with the server's settings.
    """


def _seconds(_context: click.Context, _option: click.Parameter, value: str) -> int | None:
    seconds = seconds_of(r"([1-9]\d{0,5})([mhd])", value)
    if seconds is None and value != "never":
        raise click.BadParameter(f"{value!r} is not like 30d, 12h, 45m or never")
    return seconds


def _places(function: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="For programs."),
        click.option(
            "--tokens", type=click.Path(path_type=Path), help="The file of tokens; see hopscope server --help."
        ),
        click.option("--data-dir", metavar="FOLDER", type=click.Path(path_type=Path), help="The server's data."),
        click.option("--config", type=click.Path(path_type=Path), help="The server's TOML file."),
    ):
        function = option(function)
    return function


@command.command()
@click.argument("name")
@click.option("--role", type=click.Choice(("read", "admin", "agent")), default="read", show_default=True,
              help="May ask; may also change; may only report.")  # fmt: skip
@click.option(
    "--expires",
    callback=_seconds,
    default="never",
    metavar="TIME",
    show_default=True,
    help="When it ends: 30d, 12h, 45m.",
)
@_places
def create(name: str, role: Any, expires: int | None, as_json: bool, **places: Path | None) -> None:
    """Make a token and print it; it is not shown again."""
    from hopscope.server.access.tokens import create as made

    secret, token = made(_file(places), name, role, time.time(), expires)
    if as_json:
        click.echo(json.dumps({**_shown(token), "token": secret}))
        return
    click.echo(secret)
    click.echo(f"That is {name}'s token, of role {role}, and will not be shown again.", err=True)


@command.command("list")
@_places
def listed(as_json: bool, **places: Path | None) -> None:
    """Show the tokens there are, by name."""
    from hopscope.server.access.tokens import read as held

    tokens = held(_file(places)).values()
    if as_json:
        click.echo(json.dumps([_shown(token) for token in tokens]))
        return
    if not tokens:
        click.echo("no tokens")
    for token in tokens:
        shown = _shown(token)
        end = "never" if token.expires is None else ("ended " if shown["expired"] else "") + shown["expires"]
        click.echo(f"{token.name:24} {token.role:6} created {shown['created']}  expires {end}")


@command.command()
@click.argument("name")
@_places
def revoke(name: str, as_json: bool, **places: Path | None) -> None:
    """End a token, at once."""
    from hopscope.server.access.tokens import revoke as end

    gone = end(_file(places), name)
    click.echo(json.dumps(_shown(gone)) if as_json else f"{name} is revoked")


def _shown(token: Token) -> dict[str, Any]:
    return {
        "name": token.name,
        "role": token.role,
        "created": _moment(token.created),
        "expires": None if token.expires is None else _moment(token.expires),
        "expired": token.expired(time.time()),
    }


def _moment(seconds: int) -> str:
    return moment(datetime.fromtimestamp(seconds, UTC))


def _file(places: dict[str, Path | None]) -> Path:
    """The file of tokens; from here on we are who owns its folder, as whom the server reads it."""
    from hopscope.server.access.tokens import token_file

    config = places.pop("config")
    settings = read(ServerSettings, config, places)
    file = token_file(settings)
    if os.geteuid() != 0:
        return file
    folder = file.parent
    if folder.is_dir() and folder.stat().st_uid != 0:
        owner = folder.stat()
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
    elif settings.tokens is None and not (folder.is_dir() and any(folder.iterdir())):
        # Nobody has worked there yet: it becomes the server's, as at the server's first start.
        become(replace(settings, socket=None))
    return file
