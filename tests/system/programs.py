"""The real programs that tests measure against, each on a port of its own, each with what it counted itself."""

from __future__ import annotations

import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

NGINX = """
daemon off; master_process on; worker_processes {workers}; pid {folder}/nginx.pid; error_log {folder}/error.log;
user root; events {{ worker_connections 4096; }}
http {{
  log_format counts '$connection $status $request_length $bytes_sent';
  access_log {folder}/access.log counts;
  keepalive_requests 1000000000; sendfile on; client_body_temp_path {folder}; proxy_temp_path {folder};
  fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
  server {{
    listen 127.0.0.1:{port} backlog=512;
    location /memory {{ return 200 "{body}"; }}
    location / {{ root {folder}; }}
  }}
  server {{ listen unix:{folder}/status.sock; location / {{ access_log off; stub_status; }} }}
}}
"""

WRK_SCRIPT = """
done = function(s, latency, requests)
  local e = s.errors
  io.write(string.format('COUNTS {"requests":%d,"bytes":%d,"failed":%d}\\n',
    s.requests, s.bytes, e.connect + e.read + e.write + e.status + e.timeout))
end
"""

_ACCEPTS = 0x10000  # __SO_ACCEPTCON of linux/net.h


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for(condition: object, seconds: float = 10) -> None:
    """Waits until the callable says yes. Raises AssertionError when it never does."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def listens(port: int) -> bool:
    """Whether somebody listens on the port, without connecting to it."""
    wanted = f":{port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[1].endswith(wanted) and row[3] == "0A" for row in rows)


def listens_at(path: Path) -> bool:
    """Whether somebody listens on a Unix socket: its file is there a moment before that."""
    rows = (line.split() for line in Path("/proc/net/unix").read_text().splitlines()[1:])
    return any(row[-1] == str(path) and int(row[3], 16) & _ACCEPTS for row in rows)


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ends a program that a test started."""
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Nginx:
    """A running nginx."""

    port: int
    folder: Path
    pid: int

    def accepted(self) -> int:
        """Connections it accepted on its TCP port. Its status pages come through a Unix socket and count one each."""
        with socket.socket(socket.AF_UNIX) as status:
            status.connect(str(self.folder / "status.sock"))
            status.sendall(b"GET / HTTP/1.0\r\n\r\n")
            answer = b""
            while chunk := status.recv(4096):
                answer += chunk
        self._looks[0] += 1
        return int(answer.split(b"requests\n")[1].split()[0]) - self._looks[0]

    _looks: list[int] = field(default_factory=lambda: [0])

    def log(self) -> list[tuple[int, int, int]]:
        """Status, request length and bytes sent of each request."""
        rows = (line.split() for line in (self.folder / "access.log").read_text().splitlines())
        return [(int(status), int(got), int(sent)) for _, status, got, sent in rows]

    def workers(self) -> list[int]:
        """Its worker processes."""
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]


@contextmanager
def nginx(folder: Path, workers: int = 2, body: int = 1000) -> Iterator[Nginx]:
    """nginx with an access log of its own counts, and a status page on a Unix socket."""
    port = free_port()
    config = folder / "nginx.conf"
    config.write_text(NGINX.format(workers=workers, folder=folder, port=port, body="x" * body))
    process = subprocess.Popen(["nginx", "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(port))
        yield Nginx(port, folder, process.pid)
    finally:
        stop(process)


@dataclass(frozen=True)
class Wrk:
    """What wrk counted."""

    requests: int
    bytes: int
    failed: int


def wrk(url: str, folder: Path, *, connections: int = 32, threads: int = 1, seconds: float = 1) -> Wrk:
    """Runs wrk to its end."""
    script = folder / "counts.lua"
    script.write_text(WRK_SCRIPT)
    command = ["wrk", f"-c{connections}", f"-t{threads}", f"-d{seconds}s", "-s", str(script), url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Wrk(**json.loads(output.split("COUNTS ")[1].splitlines()[0]))


class Redis:
    """A running redis-server; asked through a Unix socket, whose own bytes are taken off its counts."""

    def __init__(self, port: int, unix: Path, pid: int) -> None:
        self.port, self.pid = port, pid
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(unix))
        self._asked = self._answered = 0

    def counts(self) -> tuple[int, int, int]:
        """Connections received, bytes read, bytes written over TCP since it started."""
        request = b"INFO stats\r\n"
        self._socket.sendall(request)
        self._asked += len(request)
        answer = b""
        while not answer.endswith(b"\r\n") or len(answer) < int(answer.split(b"\r\n")[0][1:]):
            answer += self._socket.recv(65536)
        found = dict(line.split(b":", 1) for line in answer.splitlines() if b":" in line)
        result = (
            int(found[b"total_connections_received"]) - 1,
            int(found[b"total_net_input_bytes"]) - self._asked,
            int(found[b"total_net_output_bytes"]) - self._answered,
        )
        self._answered += len(answer)
        return result

    def close(self) -> None:
        """Ends the conversation, not the server."""
        self._socket.close()


@contextmanager
def redis(folder: Path) -> Iterator[Redis]:
    """redis-server without persistence."""
    port, unix = free_port(), folder / "redis.sock"
    command = f"redis-server --port {port} --bind 127.0.0.1 --unixsocket {unix} --dir {folder} --appendonly no --save"
    process = subprocess.Popen([*command.split(), ""], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(port) and listens_at(unix))
        running = Redis(port, unix, process.pid)
        yield running
        running.close()
    finally:
        stop(process)


def redis_benchmark(port: int, *, requests: int = 20000, clients: int = 20, tests: str = "set,get,lrange_100") -> None:
    """Runs redis-benchmark to its end."""
    command = f"redis-benchmark -p {port} -n {requests} -c {clients} -t {tests} -q"
    subprocess.run(command.split(), check=True, capture_output=True)
