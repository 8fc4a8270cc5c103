"""A program of the small shop: workload.py serve | call PORT PER_SECOND [CLOSED_PORT]

`serve` prints its port. `call` writes one request at a time, and twice a second tries a port that nobody listens on.
"""

import contextlib
import socket
import sys
import threading
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
REQUEST = b"GET /api/things HTTP/1.1\r\nHost: shop\r\n\r\n"


def answer(peer: socket.socket) -> None:
    with peer:
        while peer.recv(4096):
            peer.sendall(ANSWER)


def serve() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


def call(port: int, per_second: float, closed: int | None) -> None:
    tried = 0.0
    with socket.create_connection(("127.0.0.1", port)) as server:
        while True:
            server.sendall(REQUEST)
            server.recv(4096)
            if closed is not None and time.monotonic() - tried > 0.5:
                tried = time.monotonic()
                with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", closed)):
                    pass
            time.sleep(1 / per_second)


if sys.argv[1] == "serve":
    serve()
else:
    call(int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]) if len(sys.argv) > 4 else None)
