"""How the agent reaches a server: the channel, with what the server asks for in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from hopscope.agent import AgentError
from hopscope.settings import AgentSettings

_OPTIONS = (
    # A proxy of the environment is for the web; it would see our metrics and most likely not pass HTTP/2.
    ("grpc.enable_http_proxy", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.max_send_message_length", 32_000_000),
)


def channel(settings: AgentSettings) -> grpc.Channel:
    """A channel to `settings.server` on which each call shows our token. Raises AgentError when the file that has it
    cannot be read."""
    if settings.server is None:
        raise ValueError("no server to report to")
    plain = grpc.insecure_channel(settings.server, options=_OPTIONS)
    if settings.server_token_file is None:
        return plain
    return grpc.intercept_channel(plain, _Shows(settings.server_token_file))


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
