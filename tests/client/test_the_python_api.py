"""Does `from hopscope import profile` give what its documentation says, and is `import hopscope` cheap?"""

import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

import hopscope
from hopscope.edges.rows import COLUMNS
from hopscope.edges.schema import schema

TALK = Path(__file__).parent.parent / "talk.py"
COMMAND = [sys.executable, str(TALK), "7", "11", "13"]


@pytest.fixture(scope="module")
def picture() -> hopscope.Profile:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    return hopscope.profile(command=COMMAND, command_stdout=sys.stderr)


def test_importing_it_imports_nothing_that_is_slow() -> None:
    code = "import sys, hopscope; print(sorted({'numpy', 'rich', 'click', 'json', 'grpc'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_showing_needs_no_packages_of_the_agent(picture: hopscope.Profile, tmp_path: Path) -> None:
    hopscope.save(picture, tmp_path / "a.json")
    code = (
        "import sys; sys.modules.update(dict.fromkeys(('numpy', 'grpc', 'google'), None));"
        f"from hopscope.cli import main; main(['show', {str(tmp_path / 'a.json')!r}])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "talk" in ended.stdout and not ended.stderr


def test_typed_result(picture: hopscope.Profile) -> None:
    (edge,) = picture.edges
    assert edge.client_side is not None and edge.client_side.metrics["write"].bytes == 7 * 11
    assert edge.server.pids and edge.connections.opened == 1
    assert picture.completeness["command"] == {"arguments": COMMAND, "exit_code": 0}


def test_saved_and_loaded_is_the_same(picture: hopscope.Profile, tmp_path: Path) -> None:
    hopscope.save(picture, tmp_path / "a.json")
    same = hopscope.load(tmp_path / "a.json")
    assert json.loads(same.to_json()) == json.loads(picture.to_json())
    assert same.edges == picture.edges
    (change,) = hopscope.diff(picture, same)
    assert (change.kind, change.figures) == ("same", {})


def test_frames_have_a_row_for_each_edge(picture: hopscope.Profile) -> None:
    pytest.importorskip("pandas")
    frame, table = picture.to_pandas(), picture.to_arrow()
    assert list(frame.columns) == table.column_names == list(COLUMNS)
    assert len(frame) == table.num_rows == len(picture.edges) == 1
    assert frame["client_side_write_bytes"][0] == table["client_side_write_bytes"][0].as_py() == 7 * 11
    assert math.isclose(frame["client_side_write_p50_ns"][0], table["client_side_write_p50_ns"][0].as_py())


def test_the_json_is_what_the_schema_says(picture: hopscope.Profile) -> None:
    text = resources.files("hopscope.edges").joinpath("profile.schema.json").read_text()
    assert json.loads(text) == schema(), "write it again: python -m hopscope.edges.schema"
    validator = jsonschema.Draft202012Validator(schema())
    real = json.loads(hopscope.profile(0.5, all=True, own=True).to_json())
    for profile in (json.loads(picture.to_json()), real):
        assert list(validator.iter_errors(profile)) == []
    real = json.loads(picture.to_json())
    del real["edges"][0]["client"]["pids"]
    assert [error.json_path for error in validator.iter_errors(real)] == ["$.edges[0].client"]


def test_a_reader_that_is_too_slow_is_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hopscope.agent import local
    from hopscope.agent.watch import Watch
    from hopscope.settings import AgentSettings

    if os.geteuid() != 0:
        pytest.skip("needs root")
    monkeypatch.setattr(local, "SLOW", 0.5)
    path = tmp_path / "agent.sock"
    with local.listening(path) as listener, Watch(AgentSettings(socket=path)) as watch:
        served = local.LocalSocket(watch, listener)
        with socket.socket(socket.AF_UNIX) as slow:
            slow.connect(str(path))
            slow.sendall(b'{"ask":"open","selection":{"all":true,"own":true}}\n')
            assert json.loads(slow.recv(1000))["pid"] == os.getpid()
            slow.sendall(b'{"ask":"peek"}\n' * 4000)
            deadline = time.monotonic() + 20
            while any(thread.name == "hopscope-asked" for thread in threading.enumerate()):
                assert time.monotonic() < deadline
                time.sleep(0.05)
            received = 0
            while more := slow.recv(1 << 20):
                received += len(more)
        assert received < 4000 * 200
        served.close()


def test_two_windows_of_one_agent_do_not_know_of_each_other(tmp_path: Path) -> None:
    from hopscope.agent.local import REQUEST_BYTES, LocalSocket, listening
    from hopscope.agent.watch import Watch
    from hopscope.client import Selection, watching
    from hopscope.settings import AgentSettings

    if os.geteuid() != 0:
        pytest.skip("needs root")
    settings = AgentSettings(socket=tmp_path / "agent.sock")

    def talk() -> None:
        subprocess.run(COMMAND, check=True, stdout=subprocess.DEVNULL)

    def calls(profile: object) -> int:
        return sum(edge.client_side.metrics["write"].count for edge in profile.edges if edge.client_side)  # type: ignore[attr-defined]

    with listening(settings.socket) as listener, Watch(settings) as watch:
        local = LocalSocket(watch, listener)
        only = Selection(name="^talk")
        with watching(only, settings=settings) as first:
            talk()
            with watching(only, settings=settings) as second:
                talk()
                assert (calls(first.take()), calls(second.peek())) == (14, 7)
                talk()
                assert (calls(first.take()), calls(second.take())) == (7, 14)
        with socket.socket(socket.AF_UNIX) as long:
            long.connect(str(settings.socket))
            threading.Thread(target=lambda: long.sendall(b"x" * (2 * REQUEST_BYTES)), daemon=True).start()
            assert b"a request has at most" in long.recv(1000)
        for request in (b"hello\n", b'{"ask":"take"}\n', b'{"ask":"open","times":"never"}\n', b"[]\n"):
            with socket.socket(socket.AF_UNIX) as wrong:
                wrong.connect(str(settings.socket))
                wrong.sendall(request)
                assert json.loads(wrong.recv(1000))["error"]
                assert wrong.recv(1) == b""
        local.close()
        deadline = time.monotonic() + 5
        while any(thread.name == "hopscope-asked" for thread in threading.enumerate()):
            assert time.monotonic() < deadline


def test_the_documentations_example_is_what_the_schema_says() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "profile.md").read_text()
    edge, probes = (json.loads(block.partition("```")[0]) for block in page.split("```json\n")[1:])
    wanted = schema()
    wanted["properties"]["edges"]["minItems"] = 1
    whole = {
        "version": 1,
        "host": "a",
        "window": {"start": "", "seconds": 1},
        "edges": [edge],
        "listeners": [],
        "completeness": {},
        "probes": probes,
    }
    jsonschema.Draft202012Validator(wanted).validate(whole)
