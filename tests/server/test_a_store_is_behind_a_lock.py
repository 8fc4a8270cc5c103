"""Is a ClickHouse reached with TLS and a password, is nobody else taken for it, and is the password never shown?"""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from hopscope.agent.reporters.blocks import Blocks
from hopscope.server.query.windows import text
from hopscope.server.storage.address import parse
from hopscope.server.storage.store import StoreError
from hopscope.settings import ServerSettings, read

from .conftest import Server
from .nodes import GUARDED, Node, cluster
from .profiles import profile
from .questions import EDGES
from .test_what_travels_is_encrypted import Authority


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def with_tls(node: Node, cert: Path, key: Path) -> Iterator[int]:
    """A port that speaks TLS before a node: the engine's package itself listens without."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    host, _, port = node.http.partition(":")
    threads: list[threading.Thread] = []
    ends: list[socket.socket] = []

    def serve() -> None:
        with suppress(OSError):
            while True:
                plain, _ = listening.accept()
                try:
                    outside = context.wrap_socket(plain, server_side=True)
                except OSError:
                    plain.close()
                    continue
                inside = socket.create_connection((host, int(port)))
                ends.extend((outside, inside))
                for way in ((outside, inside), (inside, outside)):
                    threads.append(threading.Thread(target=_pass_on, args=way))
                    threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threads.append(threading.Thread(target=serve))
        threads[-1].start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    for end in ends:
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
    for thread in threads:
        thread.join()
    for end in ends:
        end.close()


def test_tls_and_a_password_that_is_never_shown(
    make_server: Callable[..., Server], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = Authority(tmp_path / "ours"), Authority(tmp_path / "theirs")
    user, password = GUARDED
    second = int(time.time()) - 100
    secret = tmp_path / "password"
    secret.write_text(f"{password}\n")
    with (
        tempfile.TemporaryDirectory(prefix="hopscope-") as folder,
        cluster(Path(folder), 1) as (node,),
        with_tls(node, *ours.sign("clickhouse")) as port,
    ):
        url = f"clickhouses://{user}@127.0.0.1:{port}/locked?ca="
        server = make_server("--store", url + str(ours.file), "--store-password-file", str(secret)).start()
        server.send(Blocks(1, "1").batches(profile(second))[0][1].SerializeToString())
        answer = server.ask(EDGES, window={"from": text(second), "to": text(second + 1)})["edges"]
        assert answer["total"] == 3
        assert server._process is not None
        shown = Path(f"/proc/{server._process.pid}/cmdline").read_text() + (server.folder / "log").read_text()
        assert password not in shown
        monkeypatch.setenv("HOPSCOPE_STORE_PASSWORD", password)
        assert make_server("--store", url + str(ours.file)).start().stop() == 0
        monkeypatch.setenv("HOPSCOPE_STORE_PASSWORD", "another secret")
        for store, why in (
            (url + str(ours.file), f"refuses the user {user}"),
            (url + str(theirs.file), "CERTIFICATE"),
        ):
            refused = make_server("--store", store)
            with pytest.raises(AssertionError):
                refused.start()
            said = (refused.folder / "log").read_text()
            assert why in said and "secret" not in said
            refused.kill()


def test_a_password_is_not_in_what_is_shown_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "hopscope.toml"
    file.write_text('[server]\nstore = "clickhouse://me@ch:8123/x?cluster=c"\n')
    monkeypatch.setenv("HOPSCOPE_STORE_PASSWORD", GUARDED[1])
    settings = read(ServerSettings, file)
    assert settings.store is not None and GUARDED[1] not in repr(settings) and "%40" not in repr(settings)
    address = parse(settings.store)
    assert (address.user, address.password) == ("me", GUARDED[1]) and GUARDED[1] not in f"{address}{address!r}"
    assert str(address) == "clickhouse://me@ch:8123/x?cluster=c"


def test_addresses() -> None:
    whole = parse("clickhouses://u:p@a,b:1,[::1]:2,[::1]/d?cluster=c&ca=/f")
    assert whole.nodes == ("a:8443", "b:1", "[::1]:2", "[::1]:8443") and whole.tls and whole.ca == Path("/f")
    least = parse("clickhouse://h")
    assert (least.user, least.password, least.nodes, least.database) == ("default", "", ("h:8123",), "hopscope")
    for bad in (
        "h",
        "clickhouse://",
        "clickhouse://h:x",
        "clickhouse://h/d?what=1",
        "clickhouse://h/a'b",
        "clickhouse://h:0",
    ):
        with pytest.raises(StoreError):
            parse(bad)
