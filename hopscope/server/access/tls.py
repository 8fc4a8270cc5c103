"""The server's certificate, and whose certificates it believes; read anew when the files change."""

from __future__ import annotations

import logging
import ssl
import threading
from pathlib import Path
from typing import Any

import grpc

from hopscope.server import ServerError
from hopscope.settings import ServerSettings

log = logging.getLogger(__name__)


class Certificates:
    """`settings.tls_cert` with `tls_key`, and `client_ca`. Raises ServerError when they cannot be used.

    A renewed certificate serves from the next connection on. Files that are no good any more change nothing while we
    run, and the log says so.
    """

    def __init__(self, settings: ServerSettings) -> None:
        self._cert, self._key, self._ca = settings.tls_cert, settings.tls_key, settings.client_ca
        self._guard = threading.Lock()
        self._seen = self._looks()
        self._context: ssl.SSLContext | None = None
        self._configuration: Any = None
        if self._cert is not None:
            self._context, self._configuration = self._read()

    @property
    def http(self) -> ssl.SSLContext | None:
        """For the HTTP door; None without a certificate."""
        return self._context

    @property
    def grpc(self) -> grpc.ServerCredentials | None:
        """For the gRPC door; None without a certificate."""
        if self._configuration is None:
            return None
        return grpc.dynamic_ssl_server_credentials(self._configuration, self._fetch, self._ca is not None)

    def _fetch(self) -> Any:
        self._renew()
        return self._configuration

    def _on_hello(self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        self._renew()
        if self._context is not None:
            connection.context = self._context

    def _renew(self) -> None:
        with self._guard:
            looks = self._looks()
            if looks == self._seen:
                return
            self._seen = looks
            try:
                self._context, self._configuration = self._read()
                log.info("the certificate in %s was renewed", self._cert)
            except ServerError as error:
                log.error("the certificate read before goes on: %s", error)

    def _looks(self) -> list[int]:
        files = [file for file in (self._cert, self._key, self._ca) if file is not None]
        return [file.stat().st_mtime_ns for file in files if file.exists()]

    def _read(self) -> tuple[ssl.SSLContext, Any]:
        assert self._cert is not None and self._key is not None
        cert, key = _bytes("tls_cert", self._cert), _bytes("tls_key", self._key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self._cert, self._key)
        except ssl.SSLError as error:
            raise ServerError(f"{self._cert} and {self._key} are no certificate and its key: {error.reason}") from error
        context.sni_callback = self._on_hello
        authority = None
        if self._ca is not None:
            authority = _bytes("client_ca", self._ca)
            try:
                believing = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                believing.load_verify_locations(cadata=authority.decode("ascii", "replace"))
            except (ssl.SSLError, ValueError) as error:
                raise ServerError(f"client_ca {self._ca} holds no certificate in PEM") from error
        return context, grpc.ssl_server_certificate_configuration([(key, cert)], authority)


def _bytes(name: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ServerError(f"cannot read {name} {file}: {error.strerror}; the server's user must be able to") from error
