"""What can be set: the agent's and the server's settings, read once, from TOML and from flags of the same names."""

from __future__ import annotations

import dataclasses
import ipaddress
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints
from urllib.parse import quote

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Mode = Literal["always", "on-demand"]


class SettingsError(ValueError):
    """A setting that cannot be; one line with what to do."""


def _says(sentence: str) -> Mapping[str, str]:
    return {"sentence": sentence}


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """The half that watches this host. In the file: table `[agent]`."""

    mode: Literal["auto", "always", "on-demand"] = field(
        default="auto",
        metadata=_says(
            "Record all the time, or only what a look or a task asks for; auto: on-demand where a cluster is watched."
        ),
    )
    window_share: float = field(default=0.1, metadata=_says("Share of the time in which calls are timed (0 to 1)."))
    slots: int = field(default=16384, metadata=_says("Connections with counters of their own; a power of two."))
    rows: int = field(default=2048, metadata=_says("Histogram rows shared by edges; a power of two."))
    server: str | None = field(
        default="127.0.0.1:11800", metadata=_says("Where to report: host:port, unix:/path, or none.")
    )
    server_token_file: Path | None = field(
        default=None, metadata=_says("A file with the token, of role agent, that the server asks for.")
    )
    server_ca: Path | None = field(
        default=None, metadata=_says("Whose certificate the server must have, PEM; then the agent speaks only TLS.")
    )
    client_cert: Path | None = field(default=None, metadata=_says("The agent's own certificate, PEM, for mTLS."))
    client_key: Path | None = field(default=None, metadata=_says("Its key, PEM."))
    socket: Path = field(default=Path("/run/hopscope/agent.sock"), metadata=_says("Unix socket for top and profile."))
    discovery: Literal["host", "file"] = field(
        default="host", metadata=_says("Who belongs to which service: from the host's cgroups, or a file.")
    )
    discovery_file: Path | None = field(default=None, metadata=_says("The JSON file of discovery = file."))
    log: Literal["text", "json"] = field(
        default="text", metadata=_says("What it says of itself, on stderr: lines for people, or JSON objects.")
    )
    queue_seconds: int = field(default=600, metadata=_says("Seconds of reports kept while the server is away."))
    queue_bytes: int = field(
        default=100_000_000, metadata=_says("Bytes of reports, packed, kept while the server is away.")
    )


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """The half that keeps and answers. In the file: table `[server]`."""

    data_dir: Path = field(default=Path("/var/lib/hopscope"), metadata=_says("Where the data are kept."))
    disk_limit_bytes: int | None = field(
        default=50_000_000_000,
        metadata=_says(
            "Bytes of data (on each node) beyond which the oldest seconds, then minutes, are dropped; or none."
        ),
    )
    store: str | None = field(
        default=None,
        repr=False,
        metadata=_says(
            "Where the rows are: clickhouse://user@host:8123,host:8123/database?cluster=name, clickhouses:// with TLS; "
            "or none: in data_dir."
        ),
    )
    store_password_file: Path | None = field(
        default=None, metadata=_says("Holds the store's password; HOPSCOPE_STORE_PASSWORD is asked else.")
    )
    grpc: str = field(default="127.0.0.1:11800", metadata=_says("Where agents report: host:port."))
    socket: Path | None = field(
        default=Path("/run/hopscope/server/grpc.sock"), metadata=_says("Unix socket of the local agent, or none.")
    )
    http: str = field(default="127.0.0.1:8080", metadata=_says("Where page and API are: host:port."))
    retention_hours: int = field(default=24, metadata=_says("Hours that rows of a second are kept."))
    task_retention_hours: int = field(
        default=7 * 24, metadata=_says("Hours that the seconds of a profiling task are kept.")
    )
    retention_days_minutes: int = field(default=7, metadata=_says("Days that rows of a minute are kept."))
    retention_days_hours: int = field(
        default=180, metadata=_says("Days that rows of an hour, and the names of things, are kept.")
    )
    metrics_edges: int = field(
        default=100, metadata=_says("Edges with numbers of their own in /metrics; the others are summed.")
    )
    tls_cert: Path | None = field(
        default=None, metadata=_says("The server's certificate with its chain, PEM: then both ports speak only TLS.")
    )
    tls_key: Path | None = field(default=None, metadata=_says("Its key, PEM."))
    client_ca: Path | None = field(
        default=None, metadata=_says("Whose certificates agents must have, PEM; then they need no token.")
    )
    tokens: Path | None = field(default=None, metadata=_says("The file of tokens.  [none: tokens.json in data_dir]"))
    trusted_proxy: str | None = field(
        default=None, metadata=_says("Addresses of a proxy that says who asks, for example 10.0.0.0/8, 192.0.2.7.")
    )
    proxy_user_header: str | None = field(
        default=None, metadata=_says("The header in which it names the user, for example X-Forwarded-User.")
    )
    proxy_role_header: str | None = field(
        default=None, metadata=_says("The header in which it says read or admin; without it everybody may read.")
    )
    insecure: bool = field(
        default=False, metadata=_says("Let everybody in on other than loopback addresses, also without any token.")
    )
    log: Literal["text", "json"] = field(
        default="text", metadata=_says("What it says of itself, on stderr: lines for people, or JSON objects.")
    )
    user: str | None = field(default="nobody", metadata=_says("The user to become when started as root, or none."))


Settings = TypeVar("Settings", AgentSettings, ServerSettings)
TABLES: Mapping[str, type] = {"agent": AgentSettings, "server": ServerSettings}


def read(kind: type[Settings], file: Path | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Settings from a file and from flags; a flag wins, None is a flag not given. Raises SettingsError."""
    given: dict[str, Any] = {}
    if file is not None:
        table = next(name for name, held in TABLES.items() if held is kind)
        given |= _table(file).get(table, {})
    given |= {name: value for name, value in (flags or {}).items() if value is not None}
    hints = get_type_hints(kind)
    if unknown := sorted(set(given) - set(hints)):
        raise SettingsError(_unknown(unknown[0], hints))
    made = kind(**{name: _read(name, value, hints[name]) for name, value in given.items()})
    _check(made)
    if isinstance(made, ServerSettings) and made.store is not None:
        return dataclasses.replace(made, store=with_password(made.store, made.store_password_file))
    return made


def with_password(store: str, file: Path | None) -> str:
    """The URL of a store with the password of a file or of HOPSCOPE_STORE_PASSWORD; one that is in it stays. Read here,
    while we may still be a user who can. Raises SettingsError."""
    scheme, _, rest = store.partition("://")
    login, at, place = rest.partition("@")
    if ":" in login and at:
        return store
    try:
        password = file.read_text().strip() if file else os.environ.get("HOPSCOPE_STORE_PASSWORD")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    if not password:
        return store
    user = login if at else "default"
    return f"{scheme}://{user}:{quote(password, safe='')}@{place if at else rest}"


def _table(file: Path) -> dict[str, Any]:
    try:
        tables = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read {file}: {getattr(error, 'strerror', None) or error}") from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file} is not TOML: {error}") from error
    for name, table in tables.items():
        if name not in TABLES or not isinstance(table, dict):
            raise SettingsError(f"{file}: [{name}] is not known; the tables are [agent] and [server]")
        if unknown := sorted(set(table) - set(get_type_hints(TABLES[name]))):
            raise SettingsError(f"{file}: [{name}]: " + _unknown(unknown[0], get_type_hints(TABLES[name])))
    return tables


def _unknown(name: str, known: Mapping[str, Any]) -> str:
    close = get_close_matches(name, known, 1)
    return f"there is no setting {name!r}; " + (
        f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
    )


def choices(hint: Any) -> tuple[str, ...]:
    """The words a setting may be; empty if it is free."""
    return tuple(get_args(hint)) if get_origin(hint) is Literal else ()


def _read(name: str, value: Any, hint: Any) -> Any:
    kinds = set(get_args(hint)) if not choices(hint) and get_args(hint) else {hint}
    if type(None) in kinds and value in ("none", ""):
        return None
    if allowed := choices(hint):
        if value in allowed:
            return value
        raise SettingsError(f"{name} = {value!r}: must be one of {', '.join(allowed)}")
    if Path in kinds and isinstance(value, str | Path):
        return Path(value)
    if bool in kinds or isinstance(value, bool):
        if isinstance(value, bool) and bool in kinds:
            return value
    elif float in kinds and isinstance(value, int | float):
        return float(value)
    elif (int in kinds and isinstance(value, int)) or (str in kinds and isinstance(value, str)):
        return value
    wanted = "true or false" if bool in kinds else "a number" if kinds & {int, float} else "a text"
    raise SettingsError(f"{name} = {value!r}: must be {wanted}")


def _check(made: AgentSettings | ServerSettings) -> None:
    for held in dataclasses.fields(made):
        value = getattr(made, held.name)
        if held.type in ("int", "int | None") and value is not None and value <= 0:
            raise SettingsError(f"{held.name} = {value}: must be above 0")
    if isinstance(made, ServerSettings):
        address("grpc", made.grpc)
        address("http", made.http)
        networks(made.trusted_proxy or "")
        _need_each_other(made, "trusted_proxy", "proxy_user_header")
        _need_each_other(made, "tls_cert", "tls_key")
        if made.client_ca is not None and made.tls_cert is None:
            raise SettingsError("client_ca needs tls_cert and tls_key")
        return
    _need_each_other(made, "client_cert", "client_key")
    if made.client_cert is not None and made.server_ca is None:
        raise SettingsError("client_cert needs server_ca")
    if not 0 <= made.window_share <= 1:
        raise SettingsError(f"window_share = {made.window_share}: must be between 0 and 1")
    for name in ("slots", "rows"):
        if (number := getattr(made, name)) & (number - 1):
            raise SettingsError(f"{name} = {number}: must be a power of two, for example {1 << number.bit_length()}")
    if made.discovery == "file" and made.discovery_file is None:
        raise SettingsError("discovery = file needs discovery_file")
    if made.server is not None and not made.server.startswith("unix:"):
        address("server", made.server)


def _need_each_other(made: object, one: str, other: str) -> None:
    if (getattr(made, one) is None) != (getattr(made, other) is None):
        raise SettingsError(f"{one} and {other}: the one needs the other")


def networks(text: str) -> tuple[Network, ...]:
    """The networks that `10.0.0.0/8, 192.0.2.7` names. Raises SettingsError."""
    try:
        return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise SettingsError(f"trusted_proxy: {error}; for example 10.0.0.0/8, 192.0.2.7") from error


def address(name: str, text: str) -> tuple[str, int]:
    """Host and port of `host:port`, `[v6]:port`. Raises SettingsError."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise SettingsError(f"{name} = {text!r}: must be host:port, for example 127.0.0.1:11800")
    return host.strip("[]"), int(port)
