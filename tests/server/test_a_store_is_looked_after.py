"""Does `hopscope store` say what is there, find what is wrong, remove what is old, and move all of it exactly?"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hopscope.agent.reporters.blocks import Blocks
from hopscope.edges import merge
from hopscope.edges.model import Profile
from hopscope.server.query.windows import text
from hopscope.server.storage.care import faults, shrink
from hopscope.server.storage.embedded import Embedded
from hopscope.server.storage.native import Column
from hopscope.server.storage.schema import prepare
from hopscope.server.storage.store import Insert
from hopscope.server.storage.tables.kept import Retention

from .conftest import Server
from .nodes import cluster, url
from .profiles import profile
from .questions import EDGES, answered, expected

UNSUPPORTED = {"reset": "no hook on this kernel"}
SECONDS = 40
COMMAND = [sys.executable, "-m", "hopscope.cli", "store"]


def said(*arguments: str, code: int = 0) -> str:
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=180)
    assert ended.returncode == code, (ended.stdout, ended.stderr)
    return ended.stderr if code and not ended.stdout else ended.stdout


def filled(server: Server, start: int) -> list[Profile]:
    """A running server with some seconds, and some of half a day before."""
    server.start()
    blocks = Blocks(7, "1.0")
    profiles = [profile(start + number) for number in range(SECONDS)]
    for given in [profile(start - 43200 + number) for number in range(3)] + profiles:
        for _, batch in blocks.batches(given):
            server.send(batch.SerializeToString())
    return profiles


def check_answers(server: Server, profiles: list[Profile], start: int) -> None:
    wanted, hour = expected(merge.profiles(profiles), UNSUPPORTED), start // 3600 * 3600
    for first, seconds, step in ((start, SECONDS, "SECOND"), (start // 60 * 60, 60, "MINUTE"), (hour, 3600, "HOUR")):
        answer = server.ask(EDGES, window={"from": text(first), "to": text(first + seconds)})["edges"]
        assert answer["step"] == step
        assert answered(answer["edges"]) == wanted
        assert answer["completeness"][0]["secondsRecorded"] == SECONDS


def rows(answer: dict[str, Any]) -> dict[str, int]:
    return {table["name"]: table["rows"] for table in answer["store"]["tables"]}


@pytest.mark.timeout(400)
def test_status_check_and_expire_with_and_without_a_server(make_server: Callable[..., Server]) -> None:
    server = make_server()
    start = int(time.time()) // 3600 * 3600 - 7200
    profiles = filled(server, start)
    data = ["--data-dir", str(server.folder / "data")]
    api = ["--server", server.http]
    assert "cannot reach http://127.0.0.1:1:" in said("status", "--server", "http://127.0.0.1:1", code=1)
    config = server.folder / "hopscope.toml"
    config.write_text('[server]\nhttp = "127.0.0.1:2"\n')
    assert "a server works with" in (line := said("status", *data, "--config", str(config), code=1))
    assert "cannot reach http://127.0.0.1:2:" in line
    live = json.loads(said("status", *api, "--json"))
    assert live["server"]["spooled"] == 0 and live["store"]["version"] == live["store"]["known"]
    assert json.loads(said("check", *api, "--json")) == {"faults": []}
    server.stop()
    quiet = json.loads(said("status", *data, "--json"))
    seconds = next(table for table in quiet["store"]["tables"] if table["name"] == "seen_1s")
    assert (seconds["rows"], seconds["oldest"]) == (SECONDS + 3, text(start - 43200)) and seconds["bytes"] > 0
    assert rows(quiet).keys() == rows(live).keys() and quiet["store"]["disks"][0]["free"] > 0
    assert "schema version" in said("status", *data)
    assert said("check", *data) == "the data are sound\n"
    assert "no age" in said("expire", *data, "--older-than", "soon", code=2)
    removed = {
        row["table"]: row["rows"]
        for row in json.loads(said("expire", *data, "--older-than", "10h", "--json"))["removed"]
    }
    assert removed["seen_1s"] == 3 and removed["metric_1h"] > 0
    server.start()
    api = ["--server", server.http]
    assert said("expire", *api, "--older-than", "10h") == "nothing is older than 10h\n"
    check_answers(server, profiles, start)
    assert said("check", *api) == "the data are sound\n"
    assert "there are no data in" in said("status", "--data-dir", "/nonexistent", code=1)


@pytest.mark.timeout(400)
def test_check_finds_what_is_wrong(make_server: Callable[..., Server]) -> None:
    server = make_server()
    start = int(time.time()) // 3600 * 3600 - 7200
    filled(server, start)
    server.stop()
    data = server.folder / "data"
    code = (
        "import sys; from pathlib import Path; from hopscope.server.storage.embedded import Embedded\n"
        "store = Embedded(Path(sys.argv[1])); store.command(sys.argv[2]); store.close()"
    )
    lost = "ALTER TABLE metric_1m DELETE WHERE side = 1 SETTINGS mutations_sync = 1"
    subprocess.run([sys.executable, "-c", code, str(data), lost], check=True, timeout=60)
    found = json.loads(said("check", "--data-dir", str(data), "--json", code=1))["faults"]
    assert any("metric_1m is not the sum of the seconds" in line for line in found), found
    # Of a part that is in use: merged ones lie there for a minute more.
    part = (
        "import sys; from pathlib import Path; from hopscope.server.storage.embedded import Embedded\n"
        "store = Embedded(Path(sys.argv[1]))\n"
        "rows = store.query(\"SELECT path FROM system.parts WHERE active AND table = 'metric_1h'\")\n"
        "print(rows[0]['path']); store.close()"
    )
    place = subprocess.run(
        [sys.executable, "-c", part, str(data)], check=True, timeout=60, capture_output=True, text=True
    )
    damaged = max(Path(place.stdout.strip()).glob("*.bin"), key=lambda file: file.stat().st_size)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"?")
    found = json.loads(said("check", "--data-dir", str(data), "--json", code=1))["faults"]
    assert any(line.startswith("metric_1h: ") for line in found), found


@pytest.mark.timeout(400)
def test_data_move_to_a_cluster_exactly_though_broken_off(make_server: Callable[..., Server]) -> None:
    server = make_server()
    start = int(time.time()) // 3600 * 3600 - 7200
    profiles = filled(server, start)
    data = ["--from", str(server.folder / "data")]
    assert "a server works with" in said("migrate", *data, "--to", "clickhouse://x@127.0.0.1:1/x", code=1)
    server.stop()
    assert "127.0.0.1:1 does not answer" in said("migrate", *data, "--to", "clickhouse://x:y@127.0.0.1:1/x", code=1)
    chance = random.Random(8)
    with tempfile.TemporaryDirectory(prefix="hopscope-") as folder, cluster(Path(folder)) as nodes:
        to = url(nodes, "moved")
        for _ in range(2):
            child = subprocess.Popen([*COMMAND, "migrate", *data, "--to", to, "--json"], stdout=subprocess.PIPE)
            assert child.stdout is not None
            for _ in range(chance.randrange(1, 12)):
                child.stdout.readline()
            child.kill()
            child.wait()
            child.stdout.close()
        for _ in range(2):
            assert "all data are there" in said("migrate", *data, "--to", to)
        assert "is under way" in said("migrate", *data, "--to", url(nodes, "elsewhere"), code=1)
        assert said("check", "--store", to) == "the data are sound\n"
        after = json.loads(said("status", "--store", to, "--json"))
        assert rows(after)["seen_1s"] == SECONDS + 3 and len(after["store"]["disks"]) == 2
        moved = make_server("--store", to)
        moved.start()
        check_answers(moved, profiles, start)
        # Agents go on with a server on the same folder: what they were not told is stored is not stored again.
        server._arguments = ("--store", to)
        server.start()
        server.send(Blocks(7, "1.0").batches(profile(start - 43200))[0][1].SerializeToString())
        check_answers(server, profiles, start)
        assert rows(json.loads(said("status", "--store", to, "--json")))["seen_1s"] == SECONDS + 3


@pytest.fixture(scope="module")
def store() -> Iterator[Embedded]:
    with tempfile.TemporaryDirectory(prefix="hopscope-") as folder:
        opened = Embedded(Path(folder))
        yield opened
        opened.close()


def test_beyond_the_limit_the_oldest_seconds_go_first(store: Embedded) -> None:
    prepare(store, Retention(24, 168, 4320))
    now = int(time.time()) // 3600 * 3600 + 5
    chance = random.Random(9)
    for hour in range(5):
        lines = [chance.getrandbits(64) for _ in range(2000)]
        columns = (
            Column("ts", "DateTime", [now - 3600 * hour] * 2000),
            Column("line", "UInt64", lines),
            Column("total", "Float64", [chance.random() for _ in lines]),
        )
        store.insert(Insert("metric_1s", columns, 2000), f"hour-{hour}")

    def hours(step: str) -> list[int]:
        found = store.query(f"SELECT DISTINCT toUnixTimestamp(toStartOfHour(ts)) AS hour FROM metric_{step}")
        return sorted((now - row["hour"]) // 3600 for row in found)

    def size(table: str) -> int:
        return store.query(f"SELECT sum(bytes_on_disk) AS n FROM system.parts WHERE active AND table = '{table}'")[0][
            "n"
        ]

    whole = sum(size(f"metric_{step}") for step in ("1s", "1m", "1h"))
    assert list(shrink(store, 10 * whole)) == [] and hours("1s") == [0, 1, 2, 3, 4]
    dropped = list(shrink(store, whole - size("metric_1s") // 4))
    assert 1 <= len(dropped) <= 3 and "metric_1s" in dropped[0]
    assert hours("1s") == list(range(5 - len(dropped))) and hours("1m") == hours("1h") == [0, 1, 2, 3, 4]
    assert faults(store) == []
    list(shrink(store, 1))
    assert hours("1s") == [0] and 0 in hours("1m") and hours("1h") == [0, 1, 2, 3, 4]
