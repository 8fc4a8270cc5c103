"""What the commands that ask a server share: where it is, who asks, which window, and how answers are printed."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from hopscope.cli.durations import Duration
from hopscope.cli.figures import NONE

if TYPE_CHECKING:
    from hopscope.client.answers import Completeness
    from hopscope.client.remote import Client, Span

Function = TypeVar("Function", bound=Callable[..., Any])
_HOSTS = 5
"""Of whom it is said in words what was not seen."""
_GAP, LEAST, _WIDEST = 2, 12, 80
STYLES = {"failing": "bold red", "slow": "yellow", "none": "dim"}


class Moment(click.ParamType[datetime]):
    """A moment in ISO 8601; without a zone it is local time, without a date it is today."""

    name = "moment"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """An aware datetime."""
        if isinstance(value, datetime):
            return value
        today = datetime.now().astimezone().date().isoformat()
        try:
            moment = datetime.fromisoformat(f"{today}T{value}" if re.match(r"\d\d:\d\d", value) else value)
        except ValueError:
            self.fail(f"{value!r} is no moment; for example 02:48:00, or 2026-01-31T02:48:00Z", param, ctx)
        return moment.astimezone(UTC)


def server(function: Function) -> Function:
    """Adds the options that say which server is asked, and by whom."""
    return click.option(
        "--server", "server_url", envvar="HOPSCOPE_SERVER", default="http://127.0.0.1:8080", show_default=True,
        metavar="URL", help="The server to ask; or the variable HOPSCOPE_SERVER.",
    )(caller(function))  # fmt: skip


def caller(function: Function) -> Function:
    """Adds the options that say who asks a server, and how the answer is printed."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="The answer as JSON."),
        click.option("--ca", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
                     help="Certificates to trust for https instead of the system's."),
        click.option("--token-file", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
                     help="A file with the token; nobody sees it in the list of processes."),
        click.option("--token", envvar="HOPSCOPE_TOKEN", metavar="T", help="Who asks; or the variable HOPSCOPE_TOKEN."),
    ):  # fmt: skip
        function = option(function)
    return function


def window(function: Function) -> Function:
    """Adds the options that say which time is asked for."""
    for option in (
        click.option("--to", "until", type=Moment(), help="End of the window.  [default: now]"),
        click.option("--from", "since", type=Moment(), help="Start of the window: 02:48:00, 2026-01-31T02:48:00Z."),
        click.option("--window", "last", type=Duration(), default="5m", show_default=True,
                     help="The window up to now: 30s, 5m, 2h, 1d."),
    ):  # fmt: skip
        function = option(function)
    return function


def span(last: int, since: datetime | None, until: datetime | None) -> Span:
    """The window that the options mean."""
    if since is None and until is None:
        return last
    end = until or datetime.now(UTC)
    if since is None or since >= end:
        raise click.UsageError("--to needs an earlier --from")
    return since, end


def before(window: Span, length: int) -> tuple[Span, Span]:
    """The window and the one of a length that ends where it starts, the earlier one first."""
    start, end = _moments(window)
    return (start - timedelta(seconds=length), start), (start, end)


def against(window: Span, begin: datetime) -> tuple[Span, Span]:
    """The window of the same length that begins at a moment, and the window."""
    start, end = _moments(window)
    return (begin, begin + (end - start)), (start, end)


def _moments(window: Span) -> tuple[datetime, datetime]:
    if isinstance(window, tuple):
        return window
    end = datetime.now(UTC)
    return end - timedelta(seconds=window), end


@contextmanager
def asking(server_url: str, token: str | None, token_file: Path | None, ca: Path | None, **_: Any) -> Iterator[Client]:
    """A client for the server of the options."""
    from hopscope.client.remote import Client

    with Client(server_url, secret(token, token_file), ca=ca) as client:
        yield client


def secret(token: str | None, token_file: Path | None) -> str | None:
    """The token that the options give; the file's wins."""
    if token_file is None:
        return token
    try:
        found = token_file.read_text().strip()
    except UnicodeDecodeError:
        found = ""
    if not found:
        raise click.BadParameter(f"{token_file} holds no token", param_hint="--token-file")
    return found


def say_missing(seen: Iterable[Completeness]) -> None:
    """Says of each host in a line what was not seen there, and why; nothing where all was."""
    parts = [it for it in seen if it.missing]
    for it in parts[:_HOSTS]:
        click.echo(f"Seen in part on {it.host}: {'; '.join(it.missing)}.")
    if more := parts[_HOSTS:]:
        click.echo(f"Seen in part on {len(more)} more hosts, {more[0].host} among them; --json says why.")


def write_json(answer: Any) -> None:
    """Writes answers as JSON: dataclasses by their fields, moments in ISO 8601."""
    click.echo(json.dumps(_plain(answer), indent=2))


def _plain(held: Any) -> Any:
    if dataclasses.is_dataclass(held) and not isinstance(held, type):
        return {part.name.rstrip("_"): _plain(getattr(held, part.name)) for part in dataclasses.fields(held)}
    if isinstance(held, datetime):
        return moment(held)
    if isinstance(held, Sequence) and not isinstance(held, str):
        return [_plain(one) for one in held]
    if isinstance(held, dict):
        return {key: _plain(value) for key, value in held.items()}
    return held


def moment(at: datetime) -> str:
    """A moment in UTC."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def clock(at: datetime | None) -> str:
    """A moment for people: local time, with its date when that is not today."""
    if at is None:
        return NONE
    local = at.astimezone()
    today = local.date() == datetime.now().astimezone().date()
    return local.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M:%S")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], styles: Sequence[str] = ()) -> None:
    """Writes a table as wide as the terminal, a line per row. `styles`: one for each row.

    A heading that starts with > is of a column of figures; one that ends with ? falls away, the last first, where there
    is no room. Into a pipe all columns are written whole.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    held = [headings, *rows]
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = sum(max(LEAST, *(len(row[index]) for row in held)) + _GAP for index in range(len(headings)))
    shown = fitting(held, console.width)
    first = console.width - sum(width_of(held, index) + _GAP for index in shown[1:])
    made = Table(box=None, pad_edge=False, header_style="bold", padding=(0, _GAP, 0, 0))
    for index in shown:
        side: Literal["left", "right"] = "right" if headings[index].startswith(">") else "left"
        wide = max(LEAST, min(first, width_of(held, 0))) if index == 0 else width_of(held, index)
        if not console.is_terminal:
            wide = max(len(row[index]) for row in held)
        made.add_column(headings[index].strip(">?"), justify=side, no_wrap=True, overflow="ellipsis", width=wide)
    for number, row in enumerate(held[1:]):
        # Names come from elsewhere: they are text, never markup.
        made.add_row(*(Text(row[index]) for index in shown), style=styles[number] if styles else "")
    console.print(made)


def width_of(rows: Sequence[Sequence[str]], index: int) -> int:
    """How wide a column is, whose heading is the first of the rows."""
    return min(_WIDEST, max(len(row[index].strip(">?") if row is rows[0] else row[index]) for row in rows))


def fitting(rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """The columns that are shown: the first has at least a third of the room, or what it needs."""
    shown = list(range(len(rows[0])))
    first = min(width_of(rows, 0), room // 3)
    while first + sum(width_of(rows, index) + _GAP for index in shown[1:]) > room:
        optional = [index for index in shown if rows[0][index].endswith("?")]
        if not optional:
            break
        shown.remove(optional[-1])
    return shown
