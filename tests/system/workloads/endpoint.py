"""One end of a TCP conversation that does what its standard input says and answers each line with JSON.

Commands: listen ADDRESS [BACKLOG] · connect ADDRESS PORT · accept · send N [SIZE] · recv BYTES · info · reset ·
shut · close · stop (to listen) · exit. It counts its own calls and bytes, and reads the kernel's TCP_INFO of its
sockets.
"""

import json
import socket
import struct
import sys

_FIELDS = {
    "backoff": ("B", 4), "probes": ("B", 3), "lost": ("I", 32), "srtt": ("I", 68), "rttvar": ("I", 72),
    "retransmitted": ("I", 100), "segments_out": ("I", 136), "min_rtt": ("I", 148), "busy": ("Q", 168),
    "rwnd_limited": ("Q", 176), "sndbuf_limited": ("Q", 184), "retransmitted_bytes": ("Q", 208),
    "out_of_order": ("I", 224),
}  # fmt: skip
"""Of struct tcp_info, include/uapi/linux/tcp.h: format and offset."""


def tcp_info(connection: socket.socket) -> dict[str, int]:
    """The kernel's own view of a connection."""
    raw = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return {name: struct.unpack_from(form, raw, offset)[0] for name, (form, offset) in _FIELDS.items()}


class Endpoint:
    """Its sockets and what it counted."""

    def __init__(self) -> None:
        self.listener: socket.socket | None = None
        self.connection: socket.socket | None = None
        self.total = {"writes": 0, "written": 0, "reads": 0, "read": 0}

    def listen(self, address: str, backlog: str = "16") -> object:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.listener = socket.socket(family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, 0))
        self.listener.listen(int(backlog))
        return self.listener.getsockname()[1]

    def connect(self, address: str, port: str, seconds: str = "30") -> object:
        self.connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        self.connection.settimeout(float(seconds))
        try:
            self.connection.connect((address, int(port)))
        except OSError as error:
            return {"failed": type(error).__name__, "errno": error.errno}
        return self.connection.getsockname()[1]

    def accept(self) -> object:
        assert self.listener is not None
        self.connection, peer = self.listener.accept()
        return peer[1]

    def send(self, number: str, size: str = "100", wait: str = "1") -> object:
        """Sends until done, or with wait 0 until the socket takes no more."""
        assert self.connection is not None
        self.connection.setblocking(wait == "1")
        for _ in range(int(number)):
            try:
                sent = self.connection.send(b"x" * int(size))
            except BlockingIOError:
                break
            self.total["writes"] += 1
            self.total["written"] += sent
        return self.total

    def recv(self, amount: str) -> object:
        assert self.connection is not None
        self.connection.setblocking(True)
        left = int(amount)
        while left > 0 and (got := len(self.connection.recv(min(left, 65536)))):
            self.total["reads"] += 1
            self.total["read"] += got
            left -= got
        return self.total

    def info(self) -> object:
        assert self.connection is not None
        return tcp_info(self.connection)

    def reset(self) -> object:
        assert self.connection is not None
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        return True

    def shut(self) -> object:
        assert self.connection is not None
        self.connection.shutdown(socket.SHUT_WR)
        return True

    def stop(self) -> object:
        assert self.listener is not None
        self.listener.close()
        return True

    def close(self) -> object:
        assert self.connection is not None
        self.connection.close()
        return True


def main() -> None:
    """One answer for each line."""
    endpoint = Endpoint()
    for line in sys.stdin:
        verb, *arguments = line.split()
        if verb == "exit":
            return
        print(json.dumps(getattr(endpoint, verb)(*arguments)), flush=True)


main()
