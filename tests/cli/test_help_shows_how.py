"""Does each command show examples in its help, and are they such as it takes?"""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import click
import pytest

from hopscope.cli import hopscope


def commands(path: tuple[str, ...] = (), group: click.Group = hopscope) -> Iterator[tuple[str, ...]]:
    context = click.Context(group, info_name=" ".join(("hopscope", *path)))
    for name in group.list_commands(context):
        yield (*path, name)
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands((*path, name), found)


def help_of(*path: str) -> str:
    context = click.Context(hopscope, info_name="hopscope")
    for name in path:
        assert isinstance(context.command, click.Group)
        found = context.command.get_command(context, name)
        assert found is not None
        context = click.Context(found, info_name=name, parent=context)
    return context.get_help()


def examples(text: str) -> list[str]:
    lines = (line.strip() for line in text.partition("Examples:")[2].splitlines())
    # What it does stands two spaces behind it.
    return [
        line.removeprefix("sudo ").split("  ")[0] for line in lines if line.removeprefix("sudo ")[:9] == "hopscope "
    ]


@pytest.mark.parametrize("path", list(commands()), ids=" ".join)
def test_each_has_examples_that_it_takes(path: tuple[str, ...]) -> None:
    found = examples(help_of(*path))
    assert found, help_of(*path)
    for example in found:
        words = shlex.split(example.split(" > ")[0])[1:]
        assert words[: len(path)] == list(path), example
        context = click.Context(hopscope, info_name="hopscope")
        command: click.Command | None = hopscope
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            command = command.get_command(context, words.pop(0))
            assert command is not None, example
        try:
            with command.make_context("it", words):
                pass
        except click.BadParameter as error:
            # The files of an example are not here.
            assert "does not exist" in str(error), (example, error)
