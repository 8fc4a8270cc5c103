"""A client and a server process on loopback that exchange as fast as they can until standard input ends.

Prints the port at once and at the end what the client counted: exchanges, errors.
"""

import json
import os
import select
import socket
import sys

SIZE = 64


def serve(listener: socket.socket) -> None:
    """Echoes one connection to its end."""
    connection, _ = listener.accept()
    while data := connection.recv(SIZE):
        connection.sendall(data)


def main() -> None:
    """Forks the server; the client is the parent."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    child = os.fork()
    if not child:
        serve(listener)
        os._exit(0)
    client = socket.create_connection(("127.0.0.1", port))
    print(json.dumps({"port": port, "server": child}), flush=True)
    done = errors = 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        for _ in range(100):
            client.sendall(b"x" * SIZE)
            errors += client.recv(SIZE, socket.MSG_WAITALL) != b"x" * SIZE
            done += 1
    client.close()
    _, status = os.waitpid(child, 0)
    print(json.dumps({"exchanges": done, "errors": errors, "status": status}), flush=True)


main()
