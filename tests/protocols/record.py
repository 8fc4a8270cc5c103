"""Records real conversations between real programs, for the tests that need no server; run it as root."""

from __future__ import annotations

import json
import select
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from tests.protocols import clients, servers

KEPT = 24
"""Pieces of a conversation that are kept; a label stands long before."""

CONVERSATIONS: dict[str, tuple[Callable[[Path], AbstractContextManager[int]], Callable[[int], None], str]] = {
    "http-python": (servers.python_http, clients.curl_directory, "http none"),
    "http-nginx": (servers.nginx, clients.curl, "http none"),
    "http-upgrade-refused": (servers.nginx, clients.curl_upgrade, "http none"),
    "http2-nginx": (lambda folder: servers.nginx(folder, "http2"), clients.curl_http2, "http2 none"),
    "grpc": (servers.grpc, clients.grpc_call, "grpc none"),
    "redis": (servers.redis, clients.redis_cli, "redis none"),
    "redis-resp3": (servers.redis, clients.redis_resp3, "redis none"),
    "redis-inline": (servers.redis, clients.redis_inline, "redis none"),
    "mysql": (servers.mariadb, clients.mariadb_plain, "mysql none"),
    "mysql-tls": (servers.mariadb, clients.mariadb_tls, "mysql tls"),
    "mysql-pymysql": (servers.mariadb, clients.pymysql_client, "mysql none"),
    "postgresql": (servers.postgresql, clients.psql_plain, "postgresql none"),
    "postgresql-tls": (servers.postgresql, clients.psql_tls, "postgresql tls"),
    "tls-openssl": (servers.openssl, clients.openssl_client, "unknown tls"),
    "tls-nginx": (lambda folder: servers.nginx(folder, "ssl http2"), clients.curl_tls, "unknown tls"),
    "kafka": (servers.kafka, clients.kafka_client, "kafka none"),
    "mongodb": (servers.mongodb, clients.mongodb_client, "mongodb none"),
}
"""By name: a server, a client, and the label that a connection between them must get."""


def relay(listener: socket.socket, port: int, kept: list[list[tuple[str, str]]]) -> None:
    """Passes pieces both ways and keeps the first ones of each connection."""
    while True:
        try:
            client, _ = listener.accept()
        except OSError:
            return
        pieces: list[tuple[str, str]] = []
        kept.append(pieces)
        threading.Thread(target=pass_pieces, args=(client, port, pieces), daemon=True).start()


def pass_pieces(client: socket.socket, port: int, pieces: list[tuple[str, str]]) -> None:
    with client, socket.create_connection(("127.0.0.1", port)) as server:
        while True:
            for ready in select.select([client, server], [], [])[0]:
                data = ready.recv(65536)
                if not data:
                    return
                if len(pieces) < KEPT:
                    pieces.append(("client" if ready is client else "server", data[:1024].hex() + f"+{len(data)}"))
                (server if ready is client else client).sendall(data)


def record(name: str) -> list[list[tuple[str, str]]]:
    """The connections of one conversation, each a list of (who, first 1024 bytes in hex, "+", length)."""
    serve, talk, _ = CONVERSATIONS[name]
    kept: list[list[tuple[str, str]]] = []
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with serve(Path(folder)) as port, socket.create_server(("127.0.0.1", 0)) as listener:
            threading.Thread(target=relay, args=(listener, port, kept), daemon=True).start()
            talk(listener.getsockname()[1])
    return [pieces for pieces in kept if pieces]


if __name__ == "__main__":
    for chosen in sys.argv[1:] or CONVERSATIONS:
        path = servers.HERE / "conversations" / f"{chosen}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(record(chosen), indent=0) + "\n")
        print(f"{chosen}: {path.stat().st_size} bytes")
