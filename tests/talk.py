"""A server and a client that exchange a known number of bytes: talk.py EXCHANGES REQUEST ANSWER [SECONDS]

Prints its port, then talks, and again each 10 ms for SECONDS. The client's process is the script's own.
"""

import os
import socket
import sys
import time


def serve(listener: socket.socket, request: int, answer: int) -> None:
    peer, _ = listener.accept()
    with peer:
        while True:
            for _ in range(request):
                if not peer.recv(1):
                    return
            peer.sendall(b"y" * answer)


def main() -> None:
    exchanges, request, answer = map(int, sys.argv[1:4])
    end = time.monotonic() + float(sys.argv[4] if len(sys.argv) > 4 else 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = os.fork()
        if server == 0:
            serve(listener, request, answer)
            os._exit(0)
        port = listener.getsockname()[1]
    print(port, flush=True)
    with socket.create_connection(("127.0.0.1", port)) as client:
        while True:
            for _ in range(exchanges):
                client.sendall(b"x" * request)
                left = answer
                while left:
                    left -= len(client.recv(left))
            if time.monotonic() >= end:
                break
            time.sleep(0.01)
    os.waitpid(server, 0)


main()
