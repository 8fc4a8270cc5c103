"""Which edges are asked for: the options that `profile` and `top` share, checked before anything is measured."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

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
    if path is not None and not any(
        place.is_dir() for place in (CGROUPS / path.lstrip("/"), CGROUPS / "unified" / path.lstrip("/"), Path(path))
    ):
        raise click.BadParameter(f"there is no cgroup {path}; see systemd-cgls, or ls {CGROUPS}")
    return path


def _container(_context: click.Context, _option: click.Parameter, container: str | None) -> str | None:
    if container is not None and not re.fullmatch(r"[\w.-]+", container):
        raise click.BadParameter(f"{container!r} is no container's id or name")
    return container


OPTIONS = (
    click.option(
        "--pid", type=click.IntRange(1), multiple=True, callback=_pids, help="Edges of this process; repeatable."
    ),
    click.option("--name", metavar="REGEX", callback=_name, help="Edges of processes with this in their name."),
    click.option(
        "--port", type=click.IntRange(1, 65535), multiple=True, help="Edges to this service port; repeatable."
    ),
    click.option("--cgroup", metavar="PATH", callback=_cgroup, help="Edges of processes in this cgroup."),
    click.option("--container", metavar="ID", callback=_container, help="Edges of this container, by id or its start."),
    click.option("--all", "all", is_flag=True, help="Idle connections, too."),
    click.option("--self", "own", is_flag=True, help="hopscope's own traffic, too."),
)


def options(function: Function) -> Function:
    """Adds the options to a command."""
    for option in reversed(OPTIONS):
        function = option(function)
    return function


def given(chosen: dict[str, Any]) -> dict[str, Any]:
    """Those that were given."""
    return {name: value for name, value in chosen.items() if value}
