"""Which edges are asked for: the options that `profile` and `top` share, checked before anything is measured."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from hopscope.edges.selection import Selection
from hopscope.settings import AgentSettings, read

Function = TypeVar("Function", bound=Callable[..., Any])
CGROUPS = Path("/sys/fs/cgroup")


def _pids(_context: click.Context, _option: click.Parameter, pids: tuple[int, ...]) -> tuple[int, ...]:
    for pid in pids:
        if not Path(f"/proc/{pid}").exists():
            raise click.BadParameter(f"there is no process {pid}; see ps -e")
    return pids


def _name(_context: click.Context, _option: click.Parameter, name: str | None) -> str | None:
    try:
        re.compile(name or "")
    except re.error as error:
        raise click.BadParameter(f"{name!r} is not a regular expression: {error}; a literal dot is \\.") from error
    return name


def _cgroup(_context: click.Context, _option: click.Parameter, path: str | None) -> str | None:
    """The path below the root of the hierarchy that it is in, whichever way it was given."""
    if path is None:
        return None
    below = Path("/" + path.removeprefix(str(CGROUPS)).strip("/"))
    # A host with hierarchies for controllers has one more folder between the root and the cgroup.
    roots = [CGROUPS, *(folder for folder in CGROUPS.glob("*") if not (CGROUPS / "cgroup.controllers").exists())]
    if path.startswith(str(CGROUPS)):
        for root in roots[1:]:
            if (CGROUPS / str(below).strip("/")).is_relative_to(root):
                below = Path("/") / (CGROUPS / str(below).strip("/")).relative_to(root)
    if not any((root / str(below).strip("/")).is_dir() for root in roots):
        raise click.BadParameter(f"there is no cgroup {path}; see systemd-cgls, or ls {CGROUPS}")
    return str(below)


def _container(_context: click.Context, _option: click.Parameter, container: str | None) -> str | None:
    if container is not None and not re.fullmatch(r"[0-9a-f]{4,64}", container):
        raise click.BadParameter(
            f"{container!r} is no container id; take it, or its start, from docker ps or crictl ps"
        )
    return container


OPTIONS = (
    click.option(
        "--pid", type=click.IntRange(1), multiple=True, callback=_pids, help="Edges of this process; repeatable."
    ),
    click.option("--name", metavar="REGEX", callback=_name, help="Edges of processes with this in their name."),
    click.option(
        "--port", type=click.IntRange(1, 65535), multiple=True, help="Edges to this service port; repeatable."
    ),
    click.option("--cgroup", metavar="PATH", callback=_cgroup, help="Edges of processes in or below this cgroup."),
    click.option("--container", metavar="ID", callback=_container, help="Edges of this container, by id or its start."),
    click.option("--all", "all", is_flag=True, help="Idle connections, too."),
    click.option("--self", "own", is_flag=True, help="hopscope's own traffic, too."),
    click.option("--config", type=click.Path(path_type=Path), help="A TOML file; its table [agent] counts."),
    click.option("--socket", metavar="PATH", type=click.Path(path_type=Path),
                 help=f"Where a running agent answers.  [default: {AgentSettings().socket}]"),
)  # fmt: skip
SELECTING = ("pid", "name", "port", "cgroup", "container", "all", "own")


def options(function: Function) -> Function:
    """Adds the options to a command."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def given(chosen: dict[str, Any]) -> dict[str, Any]:
    """Those of the conditions that were given."""
    return {name: chosen[name] for name in SELECTING if chosen[name]}


def wanted(chosen: dict[str, Any]) -> Selection:
    """The conditions as one value."""
    alone = {name: chosen[name] for name in ("name", "cgroup", "container", "all", "own")}
    return Selection(pids=frozenset(chosen["pid"]), ports=frozenset(chosen["port"]), **alone)


def settings(chosen: dict[str, Any]) -> AgentSettings:
    """The settings for probes of our own, and where an agent may be. Raises SettingsError."""
    return read(AgentSettings, chosen["config"], {"socket": chosen["socket"]})
