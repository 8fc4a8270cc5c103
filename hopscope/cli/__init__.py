"""The command line: one command per file."""

from __future__ import annotations

import sys

import click

from hopscope.cli.profile import profile


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hopscope")
def cli() -> None:
    """Which process talks to which, over what protocol, how fast, how lossy, and which hop is to blame."""


cli.add_command(profile)


def main() -> None:
    """Entry point. The one place where a failure becomes an exit code."""
    from hopscope.client import HopscopeError

    try:
        cli(standalone_mode=True)
    except HopscopeError as error:
        print(f"hopscope: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
