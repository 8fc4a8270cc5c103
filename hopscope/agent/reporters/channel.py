"""How the agent reaches a server: the channel, with what the server asks for in it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from hopscope.agent import AgentError
from hopscope.settings import AgentSettings

log = logging.getLogger(__name__)

_OPTIONS = (
    # A proxy of the environment is for the web; it would see our metrics and most likely not pass HTTP/2.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.max_send_message_length", 32_000_000),
)


def channel(settings: AgentSettings) -> grpc.Channel:
    """A channel to `settings.server` on which each call shows our token, by TLS with `server_ca`. Raises AgentError
    when a file that the settings name cannot be used."""
    if settings.server is None:
        raise ValueError("no server to report to")
    if settings.server_ca is None:
        made = grpc.insecure_channel(settings.server, options=_OPTIONS)
    else:
        made = grpc.secure_channel(settings.server, _credentials(settings), options=_OPTIONS)
    if settings.server_token_file is None:
        return made
    if settings.server_ca is None and not _near(settings.server):
        log.warning("the token goes to %s in plain text; server_ca would have it encrypted", settings.server)
    return grpc.intercept_channel(made, _Shows(settings.server_token_file))


def _credentials(settings: AgentSettings) -> grpc.ChannelCredentials:
    parts = [
        None if file is None else _bytes(name, file)
        for name in ("server_ca", "client_key", "client_cert")
        for file in (getattr(settings, name),)
    ]
    return grpc.ssl_channel_credentials(*parts)


def _bytes(name: str, file: Path) -> bytes:
    try:
        held = file.read_bytes()
    except OSError as error:
        raise AgentError(f"cannot read {name} {file}: {error.strerror}") from error
    # gRPC would only say, again and again, that it cannot connect.
    if b"-----BEGIN " not in held:
        raise AgentError(f"{name} {file} holds nothing in PEM")
    return held


def _near(server: str) -> bool:
    return server.startswith(("unix:", "localhost:", "127.", "[::1]:"))


@dataclass(frozen=True, slots=True)
class _Details(grpc.ClientCallDetails):
    method: str
    timeout: float | None
    metadata: Any
    credentials: grpc.CallCredentials | None
    wait_for_ready: bool | None
    compression: grpc.Compression | None


class _Shows(grpc.UnaryUnaryClientInterceptor):
    """Shows the token in a file. The file is read anew when it changes, so a token can be replaced while we run."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._seen, self._token = self._read()

    def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: grpc.ClientCallDetails, request: Any
    ) -> Any:
        """The call, with the token."""
        asked = client_call_details
        metadata = (*(asked.metadata or ()), ("authorization", f"Bearer {self._current()}"))
        shown = _Details(
            asked.method, asked.timeout, metadata, asked.credentials, asked.wait_for_ready, asked.compression
        )
        return continuation(shown, request)

    def _current(self) -> str:
        try:
            if self._file.stat().st_mtime_ns != self._seen:
                self._seen, self._token = self._read()
        except (OSError, AgentError):
            # Under way of being replaced, or gone: the server says whether the old one still holds.
            pass
        return self._token

    def _read(self) -> tuple[int, str]:
        try:
            seen, token = self._file.stat().st_mtime_ns, self._file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not text"
            raise AgentError(f"cannot read server_token_file {self._file}: {why}") from error
        if not token.isascii() or not token.isprintable() or " " in token or not token:
            raise AgentError(f"server_token_file {self._file} does not hold a token, and nothing else")
        return seen, token
