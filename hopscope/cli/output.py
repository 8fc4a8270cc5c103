"""A profile in the form that was asked for: table, JSON, CSV or Parquet."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import TextIO

import click

from hopscope.client import HopscopeError, Profile, files
from hopscope.edges import rows


def file(_context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """A file that can be written; said before ten seconds are spent on measuring."""
    if path is None:
        return None
    folder = path.parent
    if not folder.is_dir():
        raise click.BadParameter(f"there is no folder {folder}; mkdir -p {folder}")
    if path.is_dir():
        raise click.BadParameter(f"{path} is a folder; give a file name")
    # The folder too: the file is written beside its place and then put there.
    ordinary = path.is_file() or not path.exists()
    if not os.access(folder if ordinary else path, os.W_OK) or (path.is_file() and not os.access(path, os.W_OK)):
        raise click.BadParameter(f"{path} cannot be written; choose another folder or change its permissions")
    return path


def write(profile: Profile, *, as_json: bool = False, as_csv: bool = False, parquet: Path | None = None) -> None:
    """Writes a profile to stdout, or as Parquet to a file. Raises HopscopeError."""
    if as_json:
        click.echo(profile.to_json())
    elif as_csv:
        write_csv(profile, sys.stdout)
    elif parquet is not None:
        write_parquet(profile, parquet)
    else:
        from rich.console import Console

        from hopscope.cli.table import show

        show(profile, Console(highlight=False, markup=False))


def need_parquet() -> None:
    """Raises HopscopeError, early, when the package that Parquet needs is not installed."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise HopscopeError("Parquet needs pyarrow; pip install 'hopscope[frames]'") from error


def write_parquet(profile: Profile, path: Path) -> None:
    """Writes a row per edge as Parquet. Raises HopscopeError."""
    import pyarrow.parquet as parquet

    table = profile.to_arrow()
    files.written(path, lambda place: parquet.write_table(table, str(place)))


def write_csv(profile: Profile, stream: TextIO) -> None:
    """Writes a row per edge, and a column for each in docs/profile.md."""
    writer = csv.DictWriter(stream, list(rows.COLUMNS), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows.rows(profile))
