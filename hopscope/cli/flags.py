"""Settings as options of a command: a flag for each field, of the same name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import click

from hopscope.settings import choices

Function = TypeVar("Function", bound=Callable[..., Any])


def settings(kind: type) -> Callable[[Function], Function]:
    """Adds `--config` and a flag for each setting to a command."""

    def add(function: Function) -> Function:
        hints = get_type_hints(kind)
        for held in reversed(dataclasses.fields(kind)):
            function = _flag(held.name, hints[held.name], held.metadata["sentence"], held.default)(function)
        return click.option("--config", type=click.Path(path_type=Path), help="A TOML file; flags win over it.")(
            function
        )

    return add


def _flag(name: str, hint: Any, sentence: str, default: Any) -> Callable[[Function], Function]:
    dashed = "--" + name.replace("_", "-")
    words = f"{sentence}  [default: {'none' if default is None else str(default).lower()}]"
    if hint is bool:
        return click.option(f"{dashed}/--no-{dashed[2:]}", name, default=None, help=words)
    if allowed := choices(hint):
        return click.option(dashed, name, type=click.Choice(allowed), help=words)
    kinds = set(get_args(hint)) or {hint}
    kind: type = int if int in kinds else float if float in kinds else str
    return click.option(dashed, name, type=kind, help=words)
