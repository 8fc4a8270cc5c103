"""Does what `hopscope profile` prints equal what the command itself counted, and in each form?"""

import csv
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from terminal import TALK, agent, hopscope, talking

pytestmark = pytest.mark.usefixtures("root")
EXCHANGES, REQUEST, ANSWER = 23, 101, 1009


def talk(*flags: str | Path) -> dict:
    ended = hopscope("profile", "--json", *flags, "--", sys.executable, TALK, *map(str, (EXCHANGES, REQUEST, ANSWER)))
    assert ended.returncode == 0, ended.stderr
    # The command's own output is not in the way of the JSON.
    assert ended.stderr.strip().isdecimal()
    return json.loads(ended.stdout)


def check(profile: dict) -> None:
    (edge,) = profile["edges"]
    client, server = edge["client_side"], edge["server_side"]
    assert (client["write"]["count"], client["write"]["bytes"]) == (EXCHANGES, EXCHANGES * REQUEST)
    assert (client["read"]["bytes"], server["write"]["bytes"]) == (EXCHANGES * ANSWER,) * 2
    assert (server["read"]["count"], server["read"]["bytes"]) == (EXCHANGES * REQUEST,) * 2
    assert edge["connections"] == {"opened": 1, "closed": 1, "active": 0, "failed": {}}
    assert profile["completeness"]["command"]["exit_code"] == 0


def test_a_command_from_its_first_byte_to_its_exit() -> None:
    check(talk())


def test_a_command_that_a_running_agent_watches(tmp_path: Path) -> None:
    with agent(tmp_path / "agent.sock"):
        check(talk("--socket", tmp_path / "agent.sock"))


def test_only_the_command_and_its_children_are_taken() -> None:
    with talking() as port:
        profile = talk()
    check(profile)
    assert not any(edge["server"]["address"].endswith(f":{port}") for edge in profile["edges"])


def test_what_the_commands_child_does_is_the_commands() -> None:
    words = " ".join((sys.executable, str(TALK), *map(str, (EXCHANGES, REQUEST, ANSWER))))
    # The second command keeps the shell from becoming the first.
    ended = hopscope("profile", "--json", "--", "sh", "-c", f"{words}; true")
    check(json.loads(ended.stdout))


def test_the_exit_code_is_the_commands() -> None:
    ended = hopscope("profile", "--", "sh", "-c", "exit 7")
    assert (ended.returncode, ended.stderr) == (7, "hopscope: sh ended with exit code 7\n")
    assert hopscope("profile", "--", "sh", "-c", "kill -9 $$").returncode == 137
    assert hopscope("profile", "--", "no-such-command").returncode == 127


def test_table_csv_and_parquet_say_the_same_as_json(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    saved, other = tmp_path / "saved.json", tmp_path / "edges.parquet"
    with talking() as port:
        ended = hopscope("profile", "--duration", "1", "--port", str(port), "--save", saved, "--parquet", other)
    assert ended.returncode == 0, ended.stderr
    edge = json.loads(saved.read_text())["edges"][0]
    (row,) = csv.DictReader(io.StringIO(hopscope("show", saved, "--csv").stdout))
    (same,) = parquet.read_table(other).to_pylist()
    for name in ("count", "bytes", "time_ns", "timed"):
        number = edge["client_side"]["write"][name]
        assert int(row[f"client_side_write_{name}"]) == same[f"client_side_write_{name}"] == number > 0
    shown = hopscope("show", saved).stdout
    assert f":{port}" in shown and "healthy" in shown and "nothing lost" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert json.loads(hopscope("show", saved, "--json").stdout) == json.loads(saved.read_text())


def test_selections_and_what_they_leave_out() -> None:
    with talking() as port:
        asked = ("profile", "--duration", "1", "--json", "--port", str(port))
        assert len(json.loads(hopscope(*asked, "--name", "^talk").stdout)["edges"]) == 1
        nobody = hopscope(*asked, "--name", "no such name")
    assert nobody.returncode == 1
    assert nobody.stderr.startswith("hopscope: no process that was asked for has a TCP connection; those that have: ")
    assert json.loads(nobody.stdout)["edges"] == []


def test_times_are_taken_as_asked() -> None:
    every, none = (talk("--times", how)["edges"][0]["client_side"]["write"] for how in ("all", "off"))
    assert every["timed"] == every["count"] == none["count"] == EXCHANGES
    assert "timed" not in none and "time_ns" not in none and "histogram" not in none


def test_ctrl_c_shows_what_was_seen_until_then() -> None:
    call = [sys.executable, "-m", "hopscope.cli", "profile", "--duration", "60", "--json", "--port"]
    with talking() as port, subprocess.Popen([*call, str(port)], stdout=subprocess.PIPE, text=True) as profile:
        time.sleep(3)
        profile.send_signal(signal.SIGINT)
        said, _ = profile.communicate(timeout=20)
    assert profile.returncode == 0
    seen = json.loads(said)
    assert len(seen["edges"]) == 1 and 0 < seen["window"]["seconds"] < 10
