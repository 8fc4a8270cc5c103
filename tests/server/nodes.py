"""Real ClickHouse nodes for tests: the engine's own HTTP and TCP servers, each in a process that may be killed.

The engine's package has no server program; its entry point runs clickhouse-local, which can listen (`SYSTEM START
LISTEN`) and reads the config.xml of the folder that it is started in. It is private, so only tests use it.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from hopscope.server.storage.address import parse
from hopscope.server.storage.clickhouse import ClickHouse
from hopscope.server.storage.embedded import Embedded
from hopscope.server.storage.schema import prepare
from hopscope.server.storage.store import Store
from hopscope.server.storage.tables.kept import Retention

ENGINES = ("embedded", "cluster")
_A_DAY = Retention(24, 24, 24)

_LISTEN = """
import sys
from chdb import _chdb
_chdb.query(
    "SYSTEM START LISTEN HTTP; SYSTEM START LISTEN TCP; SELECT sum(sleepEachRow(1)) FROM numbers(7200)"
    " SETTINGS function_sleep_max_microseconds_per_block = 0, max_block_size = 1",
    "TabSeparated", path=sys.argv[1],
)
"""
_CONFIG = """<clickhouse>
  <logger><level>warning</level><log>node.log</log></logger>
  <listen_host>127.0.0.1</listen_host><http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>
  <background_pool_size>2</background_pool_size><background_schedule_pool_size>4</background_schedule_pool_size>
  <remote_servers><{cluster}>{shards}</{cluster}></remote_servers>
  <users_config>users.xml</users_config>
</clickhouse>"""
_USER = (
    "<{name}><password>{password}</password><networks><ip>127.0.0.1</ip></networks>"
    "<profile>default</profile><quota>default</quota></{name}>"
)
GUARDED = ("guarded", "p:w@/%x")
"""A user with a password; the other, default, has none."""
_USERS = f"""<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users>
  {_USER.format(name="default", password="")}{_USER.format(name=GUARDED[0], password=GUARDED[1])}
</users></clickhouse>"""
_SHARD = (
    "<shard><internal_replication>true</internal_replication>"
    "<replica><host>127.0.0.1</host><port>{port}</port></replica></shard>"
)
CLUSTER = "two"


class Node:
    """One server; its folder and ports stay over restarts."""

    def __init__(self, folder: Path, http: int, tcp: int, shards: list[int]) -> None:
        self.folder, self.http = folder, f"127.0.0.1:{http}"
        folder.mkdir()
        written = "".join(_SHARD.format(port=port) for port in shards)
        (folder / "config.xml").write_text(_CONFIG.format(http=http, tcp=tcp, cluster=CLUSTER, shards=written))
        (folder / "users.xml").write_text(_USERS)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Node:
        with (self.folder / "out").open("a") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _LISTEN, str(self.folder / "data")],
                cwd=self.folder, stdout=out, stderr=subprocess.STDOUT,
            )  # fmt: skip
        until = time.monotonic() + 60
        while True:
            try:
                if self.ask("SELECT 1") == "1":
                    return self
            except OSError:
                assert self._process.poll() is None and time.monotonic() < until, (self.folder / "out").read_text()
                time.sleep(0.05)

    def kill(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """It takes connections, and nothing is answered."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def ask(self, sql: str, database: str = "default") -> str:
        """An answer as TabSeparated. Raises OSError when it does not answer."""
        url = f"http://{self.http}/?" + urllib.parse.urlencode({"database": database})
        try:
            with urllib.request.urlopen(url, sql.encode(), timeout=60) as answer:
                return answer.read().decode().strip()
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(error.read().decode()[:600]) from error


def free_ports(number: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


@contextmanager
def cluster(folder: Path, number: int = 2) -> Iterator[list[Node]]:
    """Nodes that have a share each."""
    ports = free_ports(2 * number)
    made = [Node(folder / f"node{i}", ports[2 * i], ports[2 * i + 1], ports[1::2]) for i in range(number)]
    try:
        for node in made:
            node.start()
        yield made
    finally:
        for node in made:
            node.kill()


def url(nodes: list[Node], database: str = "hopscope") -> str:
    return f"clickhouse://default@{','.join(node.http for node in nodes)}/{database}?cluster={CLUSTER}"


@contextmanager
def engine(kind: str) -> Iterator[Store]:
    """An empty store of one of ENGINES. The embedded one serves one directory in a process and keeps it."""
    with tempfile.TemporaryDirectory(prefix="hopscope-") as folder, ExitStack() as stack:
        opened: Store
        if kind == "embedded":
            opened = Embedded(Path(folder))
        else:
            opened = ClickHouse(parse(url(stack.enter_context(cluster(Path(folder))))))
        yield opened
        opened.close()


@contextmanager
def prepared(kind: str, retention: Retention = _A_DAY) -> Iterator[Store]:
    """The same with its tables."""
    with engine(kind) as opened:
        prepare(opened, retention)
        yield opened
