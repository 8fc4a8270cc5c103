"""Is each line of the log an object for programs, filed rightly by the journal, and without secrets?"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from hopscope import logs

SECRET = "hop_Zk3vX0S4pTnRq7Yw1LmB"


def ended(half: str, *arguments: str, until: str | None, tmp_path: Path, **options: Any) -> list[str]:
    """The lines that a half says until `until` is in one and it is ended by SIGTERM, or until it ends by itself."""
    file = tmp_path / "said"
    command = [sys.executable, "-m", "hopscope.cli", half, *arguments]
    with file.open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said, **options)
    give_up = time.monotonic() + 60
    while until is not None and until not in file.read_text():
        assert process.poll() is None and time.monotonic() < give_up, file.read_text()
        time.sleep(0.05)
    if until is not None:
        process.send_signal(signal.SIGTERM)
    process.wait(30)
    return file.read_text().splitlines()


def objects(lines: list[str]) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in lines]
    for one in found:
        assert datetime.fromisoformat(one["time"]).utcoffset() is not None
        assert one["level"] in ("info", "warning", "error", "critical") and one["event"]
    return found


def server(tmp_path: Path) -> list[str]:
    places = ["--data-dir", str(tmp_path / "data"), "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0"]
    return [*places, "--socket", "none", "--user", "none", "--log", "json"]


def test_the_server_in_json(tmp_path: Path) -> None:
    (said,) = objects(ended("server", *server(tmp_path), until="API on", tmp_path=tmp_path))
    assert said["half"] == "server" and said["http"].startswith("http://127.0.0.1:") and said["grpc"] in said["event"]


def test_why_it_does_not_start_in_json(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        (said,) = objects(ended("server", *server(tmp_path), "--http", where, until=None, tmp_path=tmp_path))
    assert said["level"] == "critical" and where in said["event"]


def test_the_agent_in_json(tmp_path: Path, root: None) -> None:
    places = ["--socket", str(tmp_path / "agent.sock"), "--server", "127.0.0.1:1", "--log", "json"]
    lines = ended("agent", *places, until="does not take our reports", tmp_path=tmp_path)
    watching, trouble, *_, end = objects(lines)
    assert watching["half"] == "agent" and watching["server"] == "127.0.0.1:1" and watching["mode"] == "auto"
    assert trouble["level"] == "warning" and "SIGTERM" in end["event"]


def test_in_the_journal_each_line_has_its_priority(tmp_path: Path) -> None:
    file = tmp_path / "said"
    file.touch()
    status = file.stat()
    for stream, prefix in ((f"{status.st_dev}:{status.st_ino}", "<6>"), ("1:2", "")):
        environment = {**os.environ, "JOURNAL_STREAM": stream}
        lines = ended("server", *server(tmp_path), until="API on", tmp_path=tmp_path, env=environment)
        (said,) = objects([line.removeprefix(prefix) for line in lines])
        assert lines[0].startswith(f'{prefix}{{"time"') and said["half"] == "server"


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    root = logging.getLogger()
    before, level, hook = list(root.handlers), root.level, threading.excepthook

    def said(form: logs.Form, *arguments: Any, **options: Any) -> str:
        logs.start(form, "agent")
        logging.getLogger("hopscope.test").error(*arguments, **options)
        return capsys.readouterr().err

    yield said
    logging.captureWarnings(False)
    root.handlers, root.level, threading.excepthook = before, level, hook


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize(
    "said",
    [
        f"the token {SECRET} is unknown",
        f"metadata authorization: Bearer {SECRET[4:]}",
        f"cannot connect to clickhouse://hopscope:{SECRET[4:]}@db:8123/hopscope",
        f"--password={SECRET[4:]}",
    ],
)
def test_no_secret_is_said(lines: Any, form: logs.Form, said: str) -> None:
    line = lines(form, "%s", said)
    assert SECRET[4:] not in line and "<redacted>" in line
    try:
        raise ValueError(said)
    except ValueError:
        line = lines(form, "it failed", exc_info=True)
    assert SECRET[4:] not in line and "ValueError" in line


def test_fields_keep_their_kind_and_secrets_their_peace(lines: Any) -> None:
    fields = {
        "batches": 3,
        "share": 0.5,
        "file": Path("/x"),
        "gone": None,
        "server_token": "abc",
        "url": "http://a:b@c/",
    }
    said = json.loads(lines("json", "two\nlines", extra={"fields": fields}))
    assert (said["batches"], said["share"], said["file"], said["gone"]) == (3, 0.5, "/x", None)
    assert said["server_token"] == "<redacted>" and said["url"] == "http://a:<redacted>@c/"
    assert said["event"] == "two\nlines" and said["logger"] == "hopscope.test"


def test_what_is_no_secret_stays(lines: Any) -> None:
    for said in ("a token is needed; hopscope token create NAME makes one", "basic things at 10:20, http://a/b@c"):
        assert said in lines("text", "%s", said)
