"""hopscope beside other tools on the same work: CPU of work and tool per request, and what each of them saw."""

from __future__ import annotations

import random
import re
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.measure import ROOT, table

TITLE = "Beside other tools: redis-benchmark, 20 connections, GET (CPU µs per request)"
PORT, REQUESTS, CONNECTIONS, ROUNDS = 16390, 60_000, 20, 5

HOPSCOPE = f"""
import sys
from hopscope.agent.watch import Watch
from hopscope.settings import AgentSettings
watch = Watch(AgentSettings())
window = watch.open("windows")
print("ready", flush=True)
sys.stdin.read()
for edge in window.take().edges:
    if edge.server.address.endswith(":{PORT}") and edge.server_side:
        print(edge.connections.opened, edge.server_side.metrics["read"].bytes)
watch.close()
"""
BPFTRACE = """
BEGIN { printf("ready\\n"); }
tracepoint:syscalls:sys_exit_read,tracepoint:syscalls:sys_exit_recvfrom
/pid == PID && args->ret > 0/ { @b = sum(args->ret); }
tracepoint:syscalls:sys_exit_write,tracepoint:syscalls:sys_exit_sendto /pid == PID/ { @w = count(); }
"""
# Tools of older libbpf look for tracepoints there and nowhere else; a mount of our own, so that the host's stay.
TRACEFS = ("unshare", "--mount", "sh", "-c", 'mount -t tracefs t /sys/kernel/tracing; exec "$@"', "sh")


@dataclass(frozen=True, slots=True)
class Peer:
    """A tool: how it is started, when it is ready, what its output says it saw (`received`: redis's own count)."""

    name: str
    call: Callable[[int], list[str]]
    ready: str
    saw: Callable[[str, int, int], str]
    input_ends_it: bool = False


@dataclass(frozen=True, slots=True)
class Used:
    """µs of CPU per request, and what the tool saw."""

    server: float
    client: float
    tool: float
    saw: str = ""

    @property
    def all(self) -> float:
        """Work and tool together."""
        return self.server + self.client + self.tool


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _hopscope_saw(text: str, connections: int, received: int) -> str:
    found = [line.split() for line in text.splitlines() if line[:1].isdigit()]
    opened, got = (sum(int(line[i]) for line in found) for i in (0, 1))
    return f"connections {_share(opened, connections)}, bytes {_share(got, received)}, times, RTT, process"


def _tcplife_saw(text: str, connections: int, received: int) -> str:
    lines = [line.split() for line in text.splitlines() if f" {PORT} " in line]
    served = [line for line in lines if line[3] == str(PORT)]
    named = sum(line[1].startswith("redis-server") for line in served)
    got = sum(float(line[7]) for line in served) * 1024
    return f"connections {_share(len(served), connections)}, bytes {_share(got, received)}, process right in {named}"


def _bpftrace_saw(text: str, _: int, received: int) -> str:
    found = re.search(r"@b: (\d+)", text)
    return f"bytes {_share(int(found[1]) if found else 0, received)}, by process only"


def _tcpdump_saw(text: str, *_: int) -> str:
    seen, dropped = (re.search(rf"(\d+) packets {word}", text) for word in ("captured", "dropped by kernel"))
    return f"{seen[1] if seen else 0} packets, {dropped[1] if dropped else 0} dropped, no process"


def _strace_saw(text: str, *_: int) -> str:
    calls = sum(int(line.split()[3]) for line in text.splitlines() if re.search(r" (read|write)$", line))
    return f"{calls} reads and writes of one process, no bytes"


PEERS = (
    Peer("hopscope, always", lambda _: [sys.executable, "-c", HOPSCOPE], "ready", _hopscope_saw, True),
    Peer("tcplife", lambda _: ["stdbuf", "-oL", "tcplife"], "PID", _tcplife_saw),
    Peer("bpftrace, 4 calls", lambda pid: ["bpftrace", "-e", BPFTRACE.replace("PID", str(pid))], "ready",
         _bpftrace_saw),
    Peer("tcpdump to /dev/null", lambda _: ["tcpdump", "-i", "lo", "-w", "/dev/null", "tcp", "port", str(PORT)],
         "listening", _tcpdump_saw),
    Peer("strace -c", lambda pid: ["strace", "-c", "-f", "-p", str(pid)], "attached", _strace_saw),
)  # fmt: skip


class Server:
    """redis-server on a port of its own, in memory."""

    def __init__(self, folder: str) -> None:
        call = ["redis-server", "--port", str(PORT), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        self._process = subprocess.Popen(call, stdout=subprocess.DEVNULL)
        self.pid = self._process.pid
        while subprocess.run(["redis-cli", "-p", str(PORT), "ping"], capture_output=True).returncode:
            time.sleep(0.05)

    def cpu_ns(self) -> int:
        """CPU time of all its threads so far."""
        return cpu_ns(self.pid)

    def counts(self) -> tuple[int, int]:
        """Connections and bytes received so far, as it counts them, this question included."""
        call = ["redis-cli", "-p", str(PORT), "info", "stats"]
        text = subprocess.run(call, capture_output=True, text=True, check=True).stdout
        names = ("total_connections_received", "total_net_input_bytes")
        connections, received = (int(re.findall(rf"{name}:(\d+)", text)[0]) for name in names)
        return connections, received

    def close(self) -> None:
        """Ends it."""
        self._process.terminate()
        self._process.wait()


def cpu_ns(pid: int) -> int:
    """CPU time of all threads of a process so far."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)


@contextmanager
def _started(peer: Peer, server: int) -> Iterator[tuple[int, list[str]]]:
    """The tool, ready; its pid, and what it said once it has ended."""
    said: list[str] = []
    tool = subprocess.Popen(
        [*TRACEFS, *peer.call(server)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
    )
    assert tool.stdout is not None
    try:
        for line in tool.stdout:
            if peer.ready in line:
                break
        time.sleep(0.3)
        yield tool.pid, said
    finally:
        assert tool.stdin is not None
        tool.stdin.close()
        if not peer.input_ends_it:
            tool.send_signal(signal.SIGINT)
        said.append(tool.stdout.read())
        tool.wait()


def _work(server: Server) -> tuple[float, float]:
    """µs per request of server and client."""
    call = ["redis-benchmark", "-p", str(PORT), "-t", "get", "-c", str(CONNECTIONS), "-n", str(REQUESTS), "-q"]
    before = server.cpu_ns()
    client = subprocess.Popen(
        ["/usr/bin/time", "-f", "%U %S", *call], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert client.stderr is not None
    text = client.stderr.read().decode().split()
    client.wait()
    used = (float(text[-2]) + float(text[-1])) * 1e6
    return (server.cpu_ns() - before) / 1000 / REQUESTS, used / REQUESTS


def _with(peer: Peer, server: Server) -> Used:
    with _started(peer, server.pid) as (pid, said):
        connections, received = server.counts()
        before = cpu_ns(pid)
        worked = _work(server)
        tool = (cpu_ns(pid) - before) / 1000 / REQUESTS
        after = server.counts()
        # The tool saw the first question too, which its answer holds in part only.
    saw = peer.saw(said[0], after[0] - connections + 1, after[1] - received + _question(server))
    return Used(*worked, tool, saw)


def _question(server: Server) -> int:
    """Bytes of one question for the counts."""
    first, second = server.counts()[1], server.counts()[1]
    return second - first


def run() -> Iterator[str]:
    """One table: a row per tool."""
    differences: dict[str, list[Used]] = {peer.name: [] for peer in PEERS}
    base: list[float] = []
    with TemporaryDirectory() as folder:
        server = Server(folder)
        try:
            _work(server)
            for _ in range(ROUNDS):
                for peer in random.sample(PEERS, len(PEERS)):
                    off = Used(*_work(server), 0)
                    on = _with(peer, server)
                    base.append(off.all)
                    differences[peer.name].append(Used(on.server - off.server, on.client - off.client, on.tool, on.saw))
        finally:
            server.close()
    rows: list[tuple[str, ...]] = [("nothing", f"{statistics.median(base):.1f} in all", "", "", "", "")]
    for name, found in differences.items():
        columns = [[getattr(used, part) for used in found] for part in ("server", "client", "tool", "all")]
        middle = [statistics.median(column) for column in columns]
        rows.append((name, *(f"{value:+.2f}" for value in middle), found[-1].saw))
    yield table(("tool", "server", "client", "tool", "together", "saw, of redis-server's own count"), rows)
