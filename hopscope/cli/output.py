"""A profile in the form that was asked for: table, JSON, CSV or Parquet."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import click

from hopscope.edges.model import Edge, End, Profile, Side, Value

VALUES = ("count", "bytes", "time_ns", "call_ns", "timed")


def file(context: click.Context, _option: click.Parameter, path: Path | None) -> Path | None:
    """A file that can be written; said before ten seconds are spent on measuring."""
    if path is None:
        return None
    folder = path.parent
    if not folder.is_dir():
        raise click.BadParameter(f"there is no folder {folder}; mkdir -p {folder}")
    if path.is_dir():
        raise click.BadParameter(f"{path} is a folder; give a file name")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise click.BadParameter(f"{path} cannot be written; choose another folder or change its permissions")
    return path


def write(profile: Profile, *, as_json: bool = False, as_csv: bool = False, parquet: Path | None = None) -> None:
    """Writes a profile to stdout, or as Parquet to a file."""
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
    """Says early that Parquet needs a package."""
    import pyarrow.parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]  # noqa: F401


def write_parquet(profile: Profile, path: Path) -> None:
    """Writes a row per edge as Parquet."""
    import pyarrow.parquet as parquet  # type: ignore[import-not-found, import-untyped, unused-ignore]

    parquet.write_table(profile.to_arrow(), str(path))


def write_csv(profile: Profile, stream: TextIO) -> None:
    """Writes a row per edge; a column for each value that any edge has."""
    rows = [row(edge, profile) for edge in profile.edges]
    names = {name: None for one in rows for name in one} or {name: None for name in ("start", "seconds", "id")}
    writer = csv.DictWriter(stream, list(names), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def row(edge: Edge, profile: Profile) -> dict[str, Any]:
    """An edge as one flat row."""
    flat: dict[str, Any] = {"start": profile.window.start, "seconds": profile.window.seconds, "id": edge.id}
    flat |= _end("client", edge.client) | _end("server", edge.server)
    flat |= {name: getattr(edge, name) for name in ("transport", "protocol", "security", "label")}
    flat |= {name: getattr(edge.connections, name) for name in ("opened", "closed", "active")}
    flat["failed"] = sum(edge.connections.failed.values())
    flat |= _side("client_side", edge.client_side) | _side("server_side", edge.server_side)
    return flat


def _end(name: str, end: End) -> dict[str, Any]:
    parts = {part: getattr(end, part) for part in ("process", "service", "instance", "container", "address")}
    return {f"{name}_{part}": value for part, value in parts.items()} | {f"{name}_pids": " ".join(map(str, end.pids))}


def _side(name: str, side: Side | None) -> dict[str, Any]:
    if side is None:
        return {}
    flat = {
        f"{name}_{metric}_{part}": number
        for metric, value in side.metrics.items()
        for part in VALUES
        if (number := _part(value, part)) is not None
    }
    return flat | {f"{name}_tcp_{truth}": number for truth, number in side.tcp.items()}


def _part(value: Value, part: str) -> int | None:
    number: int | None = getattr(value, part)
    return number
