"""`hopscope store`: what the server keeps, whether it is sound, and moving it."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from hopscope.cli import remote
from hopscope.cli.durations import seconds_of
from hopscope.cli.examples import Group
from hopscope.settings import ServerSettings, SettingsError, read, with_password

if TYPE_CHECKING:
    from hopscope.server.storage.store import Store

Function = TypeVar("Function", bound=Callable[..., Any])
EPILOG = """\b
Examples:
  hopscope store status
  hopscope store check --json
  hopscope store expire --older-than 7d
  hopscope store status --store clickhouse://hopscope@10.0.0.7/hopscope
  hopscope store migrate --to 'clickhouse://hopscope@10.0.0.7,10.0.0.8/hopscope?cluster=main'
"""
_STATUS = "version known tables { name rows bytes oldest newest } disks { node free total } dropped"
_SERVER = "server { spooled spooledBytes setAside trouble }"


@click.group(cls=Group, epilog=EPILOG)
def command() -> None:
    """Look after what the server keeps.

    Works on the data folder while no server has it, on the ClickHouse of --store, and else asks the running server.
    """


def _common(function: Function) -> Function:
    options = (
        click.option("--config", type=click.Path(path_type=Path), help="A TOML file with [server]; flags win over it."),
        click.option("--data-dir", type=click.Path(path_type=Path), help="Where the server keeps its data."),
        click.option("--store", metavar="URL", help="The ClickHouse that the server keeps its data in."),
        click.option("--store-password-file", type=click.Path(path_type=Path), help="Holds the store's password."),
        click.option(
            "--server", "server_url", metavar="URL", help="The running server's API.  [default: that of the settings]"
        ),
    )
    function = remote.caller(function)
    for option in reversed(options):
        function = option(function)
    return function


@dataclasses.dataclass(frozen=True)
class Place:
    """Where the data are: a store that is open, or a server that has it."""

    settings: ServerSettings
    store: Store | None
    ask: Callable[[str], dict[str, Any]]


@contextmanager
def _place(
    server_url: str | None,
    token: str | None,
    token_file: Path | None,
    ca: Path | None,
    config: Path | None,
    **flags: Any,
) -> Iterator[Place]:
    settings = read(ServerSettings, config, flags)
    url = server_url or f"{'http' if settings.tls_cert is None else 'https'}://{settings.http}"

    def ask(query: str) -> dict[str, Any]:
        from hopscope.client.asking import Server
        from hopscope.client.failure import HopscopeError

        try:
            there = Server(url.rstrip("/").removesuffix("/graphql"), remote.secret(token, token_file), ca, 30)
            with closing(there):
                return there.ask(query, {})
        except HopscopeError as error:
            if server_url is not None:
                raise
            busy = f"a server works with {settings.data_dir}, but {error}"
            raise click.ClickException(f"{busy}; --server URL, or end it") from error

    if server_url is not None:
        yield Place(settings, None, ask)
        return
    # Who only asks a server does not need its packages.
    from hopscope.server.folder import InUse, owned
    from hopscope.server.storage.engines import opened

    if settings.store is not None:
        store = opened(settings)
        try:
            yield Place(settings, store, ask)
        finally:
            store.close()
        return
    if not (settings.data_dir / "store").is_dir():
        raise click.ClickException(f"there are no data in {settings.data_dir}; another --data-dir, --store or --server")
    try:
        with owned(settings.data_dir, make=False):
            store = opened(settings)
            try:
                yield Place(settings, store, ask)
            finally:
                store.close()
    except InUse:
        yield Place(settings, None, ask)


@command.command()
@_common
def status(as_json: bool, **options: Any) -> None:
    """Schema version, rows, bytes and age of each table, what waits in the spool, room on the disks."""
    with _place(**options) as place:
        if place.store is None:
            answer = place.ask(f"{{ store {{ {_STATUS} }} {_SERVER} }}")
        else:
            from hopscope.server.query.stored import described
            from hopscope.server.storage.care import status as of

            answer = {"store": {**described(of(place.store)), "dropped": None}, "server": _spooled(place.settings)}
    if as_json:
        click.echo(json.dumps(answer))
        return
    for line in _status_lines(answer["store"], answer["server"]):
        click.echo(line)


def _spooled(settings: ServerSettings) -> dict[str, Any]:
    def files(name: str) -> list[Path]:
        folder = settings.data_dir / name
        return list(folder.iterdir()) if folder.is_dir() else []

    size = sum(file.stat().st_size for file in files("spool"))
    return {"spooled": len(files("spool")), "spooledBytes": size, "setAside": len(files("aside")), "trouble": None}


def _status_lines(store: dict[str, Any], server: dict[str, Any]) -> Iterator[str]:
    newer = "" if store["version"] == store["known"] else f"; this hopscope makes {store['known']} of it"
    yield f"schema version {store['version']}{newer}"
    yield f"{'table':<16}{'rows':>14}{'bytes':>16}  oldest .. newest"
    for table in store["tables"]:
        age = f"{table['oldest']} .. {table['newest']}" if table["rows"] else "empty"
        yield f"{table['name']:<16}{table['rows']:>14,}{table['bytes']:>16,}  {age}"
    yield f"{'all':<16}{'':>14}{sum(table['bytes'] for table in store['tables']):>16,}"
    for disk in store["disks"]:
        yield f"disk{' of ' + disk['node'] if disk['node'] else ''}: {disk['free']:,} of {disk['total']:,} bytes free"
    yield f"spool: {server['spooled']} waiting, {server['spooledBytes']:,} bytes; {server['setAside']} set aside"
    if server["trouble"]:
        yield f"trouble: {server['trouble']}"
    if store["dropped"]:
        yield store["dropped"]


@command.command()
@_common
def check(as_json: bool, **options: Any) -> None:
    """Read all data and compare the roll-ups with the seconds. The exit code is 1 when something is wrong."""
    with _place(**options) as place:
        if place.store is None:
            found = place.ask("{ storeFaults }")["storeFaults"]
        else:
            from hopscope.server.storage.care import faults

            found = faults(place.store)
    if as_json:
        click.echo(json.dumps({"faults": found}))
    else:
        for line in found or ["the data are sound"]:
            click.echo(line)
    if found:
        raise click.exceptions.Exit(1)


@command.command()
@click.option("--older-than", required=True, metavar="AGE", help="Hours, days or weeks: 12h, 7d, 4w.")
@_common
def expire(older_than: str, as_json: bool, **options: Any) -> None:
    """Remove what is older than an age, in whole hours of the clock, from all tables. There is no way back."""
    hours = _hours(older_than)
    with _place(**options) as place:
        if place.store is None:
            removed = place.ask(f"mutation {{ expireStore(olderThanHours: {hours}) {{ table rows }} }}")["expireStore"]
        else:
            from hopscope.server.storage.care import expire as older

            gone = older(place.store, int(time.time()) - 3600 * hours)
            removed = [{"table": table, "rows": rows} for table, rows in gone.items()]
    if as_json:
        click.echo(json.dumps({"removed": removed}))
        return
    for row in removed:
        click.echo(f"{row['table']}: {row['rows']:,} rows removed")
    if not removed:
        click.echo(f"nothing is older than {older_than}")


def _hours(text: str) -> int:
    seconds = seconds_of(r"(\d+)([hdw])", text)
    if seconds is None:
        raise click.BadParameter(f"{text!r} is no age; for example 12h, 7d, 4w", param_hint="--older-than")
    return seconds // 3600


@command.command()
@click.option("--from", "data_dir", type=click.Path(path_type=Path), help="The data folder.  [default: data_dir]")
@click.option("--to", required=True, metavar="URL", help="clickhouse://user@host,host/database?cluster=name")
@click.option("--store-password-file", type=click.Path(path_type=Path), help="Holds the password of --to.")
@click.option("--config", type=click.Path(path_type=Path), help="A TOML file with [server]; flags win over it.")
@click.option("--json", "as_json", is_flag=True, help="Each step as a line of JSON.")
def migrate(
    data_dir: Path | None, to: str, store_password_file: Path | None, config: Path | None, as_json: bool
) -> None:
    """Move the data of a folder into a ClickHouse. No server may work with the folder meanwhile.

    It may be broken off and started again: it goes on where it was, and nothing is stored twice. The folder is left as
    it is; start the server with --store and the same --data-dir, and remove its `store` when you have seen the data.
    """
    settings = read(ServerSettings, config, {"data_dir": data_dir, "store": "none"})
    try:
        target = with_password(to, store_password_file)
    except SettingsError as error:
        raise click.BadParameter(str(error), param_hint="--store-password-file") from error
    from hopscope.server.migration import migrate as moved

    for step in moved(settings, target):
        if as_json:
            click.echo(json.dumps(dataclasses.asdict(step)))
        elif step.done == step.parts:
            click.echo(f"{step.table}: {step.parts} parts")
    if not as_json:
        click.echo("all data are there; start the server with --store and the same --data-dir")
