"""Does the server say in one line why it cannot work, and does it keep or refuse, but never lose?"""

from __future__ import annotations

import json
import pwd
import random
import socket
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import hopscope
from hopscope.agent.reporters.blocks import Blocks
from hopscope.agent.reporters.hopscope import Reporter
from hopscope.server.ledger import Ledger
from hopscope.server.query.windows import text
from hopscope.server.spool import Received, Spool, SpoolFull
from hopscope.settings import AgentSettings

from .conftest import Server, settle
from .profiles import profile
from .questions import EDGES


def refused(*arguments: str) -> str:
    """The one line that a server says which does not start."""
    command = [sys.executable, "-m", "hopscope.cli", "server", "--user", "none", "--socket", "none", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().splitlines()
    assert line.startswith("hopscope: ") and "internal error" not in line
    return line


@pytest.fixture
def small_disk(tmp_path: Path, root: None) -> Iterator[Path]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(tmp_path)], check=True)
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def places(folder: Path) -> tuple[str, ...]:
    return "--data-dir", str(folder / "other"), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"


def test_a_second_server_on_the_data(server: Server) -> None:
    line = refused(*places(server.folder), "--data-dir", str(server.folder / "data"))
    assert "another server works with" in line
    assert server.ask("{ server { trouble } }") == {"server": {"trouble": None}}


def test_a_second_server_on_the_socket(server: Server) -> None:
    assert "another server listens on" in refused(*places(server.folder), "--socket", str(server.socket))
    assert server.send(Blocks(1, "1").batches(profile(int(time.time())))[0][1].SerializeToString())


@pytest.mark.parametrize("name", ["grpc", "http"])
def test_an_occupied_port(tmp_path: Path, name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = refused(*places(tmp_path), f"--{name}", address)
    assert address in line and f"--{name}" in line


@pytest.mark.parametrize("name", ["grpc", "http"])
def test_beyond_loopback_only_when_told(tmp_path: Path, name: str) -> None:
    assert "--insecure" in refused(*places(tmp_path), f"--{name}", "0.0.0.0:0")


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "--data-dir" in refused(*places(tmp_path), "--data-dir", str(tmp_path / "file" / "data"))


def test_a_folder_of_somebody_else(tmp_path: Path, root: None) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "something").write_text("")
    line = refused(*places(tmp_path), "--data-dir", str(tmp_path / "data"), "--user", "nobody")
    assert "is not nobody's" in line and "--data-dir" in line


def test_a_folder_that_cannot_be_written(small_disk: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    line = refused(*places(small_disk))
    assert "cannot write to" in line and "Read-only" in line and "--data-dir" in line


def test_data_of_a_newer_version(make_server: Callable[..., Server]) -> None:
    server = make_server().start()
    server.stop()
    code = (
        "import sys; from pathlib import Path; from hopscope.server.storage.embedded import Embedded\n"
        "store = Embedded(Path(sys.argv[1])); store.command('INSERT INTO about VALUES (99, 1)'); store.close()"
    )
    subprocess.run([sys.executable, "-c", code, str(server.folder / "data")], check=True, timeout=60)
    assert "schema version 99" in refused(*places(server.folder), "--data-dir", str(server.folder / "data"))


def test_a_damaged_spool_file_is_set_aside(make_server: Callable[..., Server]) -> None:
    server = make_server().start()
    server.stop()
    second = int(time.time()) - 60
    spool = Spool(server.folder / "data" / "spool", 1 << 20)
    for number, blocks in enumerate((Blocks(1, "1"), Blocks(2, "1"), Blocks(3, "1"))):
        batch = blocks.batches(profile(second + number))[0][1].SerializeToString()
        spool.write([Received((blocks.boot, 1), 1000 * second, 0, batch)])
    whole, flipped, cut = (server.folder / "data" / "spool" / f"{boot:016x}-1" for boot in (1, 2, 3))
    data = bytearray(flipped.read_bytes())
    data[200] ^= 1
    flipped.write_bytes(data)
    cut.write_bytes(cut.read_bytes()[:300])
    server.start()
    assert server.ask("{ server { spooled setAside } }")["server"] == {"spooled": 0, "setAside": 2}
    answer = server.ask(EDGES, window={"from": text(second), "to": text(second + 3)})["edges"]
    assert answer["completeness"][0]["secondsRecorded"] == 1 and len(answer["edges"]) == 3
    assert not whole.exists() and (server.folder / "data" / "aside" / flipped.name).exists()
    log = (server.folder / "log").read_text()
    assert log.count("set aside") == 2


def test_a_spool_at_its_limit_refuses(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", 1000)
    spool.write([Received((10, 1), 0, 0, b"x" * 300), Received((11, 1), 0, 0, b"x" * 300)])
    with pytest.raises(SpoolFull):
        spool.write([Received((10, 2), 0, 0, b"x" * 600)])
    again = Spool(tmp_path / "spool", 1000)
    (token,) = again.tokens()
    assert again.waiting[0] == 2 and again.holding((11, 1)) == token and again.holding((10, 2)) is None
    again.remove(token)
    assert again.write([Received((10, 2), 0, 0, b"x" * 600)]) == "000000000000000a-2"
    assert [batch.number for batch in again.read("000000000000000a-2")] == [(10, 2)]


def test_a_spool_of_version_1_is_read(tmp_path: Path) -> None:
    head = struct.pack("<qqII", 5, -7, 4, zlib.crc32(b"data"))
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "00000000000000ff-12").write_bytes(b"hopscope spool 1\n" + head + b"data")
    spool = Spool(tmp_path / "spool", 1000)
    assert spool.read("00000000000000ff-12") == [Received((255, 12), 5, -7, b"data")]
    assert spool.holding((255, 12)) == "00000000000000ff-12"


def test_a_ledger_remembers_each_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hopscope.server.ledger._LONGEST", 2000)
    ledger, known, chance = Ledger(tmp_path / "stored"), set(), random.Random(6)
    numbers = [(boot, sequence) for boot in (1, 1 << 63) for sequence in range(1, 300)]
    for number in chance.sample(numbers, 400):
        ledger.add([number, (7, number[1])])
        known |= {number, (7, number[1])}
        if chance.random() < 0.05:
            ledger.close()
            if chance.random() < 0.5:
                with (tmp_path / "stored").open("ab") as file:
                    file.write(b"0000000000000001 00000000")
            ledger = Ledger(tmp_path / "stored")
    ledger.close()
    assert all((number in ledger) == (number in known) for number in [*numbers, *((7, n) for n in range(301))])
    assert (tmp_path / "stored").stat().st_size < 30_000


def test_a_full_disk_refuses_and_recovers(small_disk: Path) -> None:
    server = Server(small_disk)
    second = int(time.time()) - 60
    try:
        server.start()
        reporter = Reporter(AgentSettings(server=f"unix:{server.socket}"))
        reporter.report(profile(second))
        settle(reporter)
        filler = small_disk / "filler"
        with filler.open("wb") as file, pytest.raises(OSError):
            while True:
                file.write(bytes(1 << 16))
                file.flush()
        for number in range(1, 4):
            reporter.report(profile(second + number))
        time.sleep(1)
        assert reporter.delivery().acknowledged == 1 and reporter.delivery().trouble
        server.ask("{ agents { host } }")
        filler.unlink()
        settle(reporter)
        reporter.close()
        answer = server.ask(EDGES, window={"from": text(second), "to": text(second + 4)})["edges"]
        assert answer["completeness"][0]["secondsRecorded"] == 4
    finally:
        server.kill()


# The place of the package, as an overlay that only root may enter.
PRIVATE = """
mount -t tmpfs tmpfs "$1" && mkdir "$1/upper" "$1/work" &&
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$2" && chmod 700 "$2" &&
shift 2 && cd / && exec "$@"
"""


def test_nobody_may_not_read_the_place_of_the_package(
    make_server: Callable[..., Server], tmp_path: Path, root: None
) -> None:
    server = make_server("--user", "nobody")
    server.folder.parent.chmod(0o755)
    server.socket = server.folder / "run" / "grpc.sock"
    home = str(Path(hopscope.__file__).parents[1])
    server.wrapper = ("unshare", "-m", "sh", "-c", PRIVATE, "sh", str(tmp_path), home)
    server.start()
    second = int(time.time()) - 5
    reporter = Reporter(AgentSettings(server=f"unix:{server.socket}"))
    reporter.report(profile(second))
    settle(reporter)
    reporter.close()
    answer = server.ask(EDGES, window={"from": text(second), "to": text(second + 1)})["edges"]
    assert answer["total"] == 3
    assert json.dumps(server.post("{ nothing }", {})["errors"])
    assert server.stop() == 0


@pytest.mark.usefixtures("root")
def test_root_becomes_nobody_and_the_local_agent_gets_in(make_server: Callable[..., Server]) -> None:
    server = make_server("--user", "nobody")
    server.folder.parent.chmod(0o755)
    server.socket = server.folder / "run" / "grpc.sock"
    server.start()
    assert server._process is not None
    assert Path(f"/proc/{server._process.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
    assert server.socket.stat().st_mode & 0o777 == 0o600
    assert server.send(Blocks(1, "1").batches(profile(int(time.time())))[0][1].SerializeToString())
    with pytest.raises(subprocess.CalledProcessError):
        code = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
        subprocess.run(
            ["/usr/bin/python3", "-c", code, str(server.socket)], check=True, user="daemon", stderr=subprocess.DEVNULL
        )
    assert server.stop() == 0


def test_health_and_what_the_api_refuses(server: Server) -> None:
    base = server.http.removesuffix("/graphql")
    for path, said in (("/healthz", b"ok\n"), ("/readyz", b"ready\n")):
        with urllib.request.urlopen(base + path) as answer:
            assert answer.read() == said
    for query, why in (
        ("{ nothing }", "Cannot query field"),
        ("{ " + "agents { host } " * 11 + "}", "more than 10 questions"),
        ("{ ...a ...a } fragment a on Query { " + "agents { host } " * 6 + "}", "more than 10 questions"),
        ("{ " + "... on Query { agents { host } } " * 11 + "}", "more than 10 questions"),
        ("{ agents { " + "host " * 600 + "} }", "more than 500 fields"),
        ("query { __schema { types " + "{ fields { type " * 8 + "{ name }" + "} } " * 8 + "} }", "nested deeper"),
        ("{ edges(window: {last: 0}) { total } }", "0 seconds"),
        ("{ edges(window: {last: 10}, limit: 6000) { total } }", "from 1 to 5000"),
        ('{ edges(window: {from: "tomorrow", to: "never"}) { total } }', "not a moment"),
        ('{ edgeSeries(edge: "12", window: {last: 60}) { step } }', "no edge"),
        ('{ edgeSeries(edge: "12", metrics: ["nope"], window: {last: 60}) { step } }', "no metric"),
        ("{ agents { " + "host " * 4500 + "} }", "token"),
    ):
        answer = server.post(query, {})
        assert why in json.dumps(answer["errors"]), (query[:80], answer)
    with pytest.raises(urllib.error.HTTPError, match="413"):
        urllib.request.urlopen(
            urllib.request.Request(server.http, b"x" * 100_000, {"content-type": "application/json"})
        )
    elsewhere = urllib.request.Request(base + "/healthz", headers={"host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(elsewhere)
