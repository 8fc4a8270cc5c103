"""What a request to a saturated nginx costs more, and what nginx, wrk and the agent use together."""

from __future__ import annotations

import random
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.attached import Hopscope, empty
from bench.measure import Differences, paired, table
from hopscope.agent.watch import Watch
from hopscope.agent.window import Times
from hopscope.settings import AgentSettings

TITLE = "nginx, keep-alive, saturated by wrk on 32 connections (CPU of the worker per request)"
PORT, ROUNDS, STRETCH = 18088, 15, 0.4
TOGETHER_ROUNDS = 5
CONFIG = """\
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
worker_cpu_affinity 01;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 1000000000;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{port};
    location = /stub {{ stub_status; }}
    location / {{ return 200 "fifty bytes or so, which is what a small answer has\\n"; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class Load:
    """A worker under load, and who makes the load."""

    worker: int
    wrk: int

    def cpu_ns(self, pid: int) -> int:
        """CPU time of a process's main thread so far, as its scheduler has it (proc(5), schedstat)."""
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])

    def cpu_ns_of_all(self, pid: int) -> int:
        """CPU time of all threads of a process so far."""
        threads = Path(f"/proc/{pid}/task").iterdir()
        return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)

    def requests(self) -> int:
        """Requests answered so far, as nginx counts them."""
        call = ["curl", "-s", f"http://127.0.0.1:{PORT}/stub"]
        return int(subprocess.run(call, capture_output=True, text=True, check=True).stdout.split()[9])


@contextmanager
def load(seconds: int) -> Iterator[Load]:
    """nginx with one worker on CPU 0, wrk with one thread on CPU 1."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "nginx.conf"
        file.write_text(CONFIG.format(folder=folder, port=PORT))
        nginx = subprocess.Popen(["nginx", "-c", str(file), "-p", folder])
        try:
            time.sleep(0.5)
            worker = int(Path(f"/proc/{nginx.pid}/task/{nginx.pid}/children").read_text().split()[0])
            call = f"taskset -c 1 wrk -t1 -c32 -d{seconds} http://127.0.0.1:{PORT}/".split()
            wrk = subprocess.Popen(call, stdout=subprocess.DEVNULL)
            try:
                time.sleep(1)
                yield Load(worker, wrk.pid)
            finally:
                wrk.terminate()
                wrk.wait()
        finally:
            nginx.terminate()
            nginx.wait()


def _per_request(running: Load) -> float:
    cpu, requests = running.cpu_ns(running.worker), running.requests()
    time.sleep(STRETCH)
    return (running.cpu_ns(running.worker) - cpu) / (running.requests() - requests)


def run() -> Iterator[str]:
    """Two tables: the worker alone, and all together."""
    product = Hopscope()
    states = {
        "two empty programs on the same hooks": empty(2),
        "hopscope: counts, bytes, RTT": product.counts(),
        "hopscope: a tenth of the time timed": product.windows(),
        "hopscope: every call timed": product.every_call(),
    }
    with load(int(ROUNDS * len(states) * (2 * STRETCH + 1.5)) + 30) as running:
        found: Differences = paired(lambda: _per_request(running), states, ROUNDS, "nginx")
    rows = [("base (ns)", f"{found.median_base():.0f}", "")]
    rows += [(name, found.cell(name), found.share(name)) for name in states]
    yield table(("", "ns more per request", "share"), rows)
    yield _together()


MODES: tuple[tuple[str, Times | None], ...] = (
    ("off", None),
    ("always: a tenth timed", "windows"),
    ("every call timed", "all"),
)


def _together() -> str:
    used: dict[str, list[tuple[float, ...]]] = {name: [] for name, _ in MODES}
    for _ in range(TOGETHER_ROUNDS):
        for name, times in random.sample(MODES, len(MODES)):
            used[name].append(_used(times))
    rows = []
    for name, times in MODES:
        rate, nginx, wrk, agent, share = (statistics.median(column) for column in zip(*used[name], strict=True))
        own = (f"{agent:.3f}", f"{share:.1f} %") if times else ("", "")
        rows.append((name, f"{rate:,.0f}", f"{nginx:.2f}", f"{wrk:.2f}", *own, f"{nginx + wrk + agent:.2f}"))
    head = (
        "agent",
        "requests/s",
        "nginx µs/request",
        "wrk µs/request",
        "agent µs/request",
        "agent, of a core",
        "all µs",
    )
    return table(head, rows)


def _used(times: Times | None, seconds: float = 3) -> tuple[float, ...]:
    """Requests/s; µs of nginx, wrk and the agent per request; percent of a core that the agent uses."""
    watch = Watch(AgentSettings()) if times else None
    window = watch.open(times) if watch and times else None
    try:
        with load(int(seconds) + 20) as running:
            before = running.cpu_ns(running.worker), running.cpu_ns_of_all(running.wrk), time.process_time_ns()
            requests, start = running.requests(), time.monotonic()
            time.sleep(seconds)
            passed, done = time.monotonic() - start, running.requests() - requests
            after = running.cpu_ns(running.worker), running.cpu_ns_of_all(running.wrk), time.process_time_ns()
    finally:
        if window is not None:
            window.close()
        if watch is not None:
            watch.close()
    nginx, wrk, agent = (b - a for a, b in zip(before, after, strict=True))
    own = (agent / done / 1000, agent / passed / 1e7) if watch else (0.0, 0.0)
    return done / passed, nginx / done / 1000, wrk / done / 1000, *own
