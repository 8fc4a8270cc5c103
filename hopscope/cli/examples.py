"""A command of several: its examples are shown also by the one that they are of."""

from __future__ import annotations

import re

import click


class Group(click.Group):
    """Commands under one name."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """A command by its name, with those lines of our examples that call it; None if there is none."""
        found = super().get_command(context, name)
        if found is not None and found.epilog is None:
            called = re.compile(rf" *(sudo )?{re.escape(context.command_path)} {re.escape(name)}\b")
            lines = [line for line in (self.epilog or "").splitlines() if called.match(line)]
            found.epilog = "\n".join(("\b", "Examples:", *lines)) if lines else None
        return found
