"""Many short lives: `churn.py PROCESSES CONNECTIONS` forks clients, each makes its connections and exits.

Each connection sends 3 bytes and gets 5. Waits for a line first; prints the port, and what all of them counted.
"""

import json
import os
import socket
import sys


def serve(listener: socket.socket) -> None:
    """Answers connection after connection."""
    while True:
        connection, _ = listener.accept()
        with connection:
            if connection.recv(3, socket.MSG_WAITALL) == b"end":
                return
            connection.sendall(b"hello")
            connection.recv(1)


def connect(port: int, word: bytes) -> bool:
    """One short connection; whether it got its answer."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(word)
        return connection.recv(5, socket.MSG_WAITALL) == b"hello"


def main() -> None:
    """Forks the server, then the clients, four at a time."""
    processes, connections = map(int, sys.argv[1:])
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    port = listener.getsockname()[1]
    print(json.dumps({"port": port}), flush=True)
    sys.stdin.readline()
    server = os.fork()
    if not server:
        serve(listener)
        os._exit(0)
    listener.close()
    failed = 0
    for begun in range(processes):
        if not os.fork():
            os._exit(not all([connect(port, b"abc") for _ in range(connections)]))
        if begun >= 3:
            failed += os.wait()[1] != 0
    for _ in range(min(3, processes)):
        failed += os.wait()[1] != 0
    connect(port, b"end")
    os.waitpid(server, 0)
    print(json.dumps({"connections": processes * connections, "failed": failed}), flush=True)


main()
