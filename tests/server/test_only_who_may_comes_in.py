"""Do tokens, roles, the trusted proxy and the listening address decide who asks, who changes and who reports?"""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from hopscope.agent.reporters.blocks import Blocks
from hopscope.agent.reporters.hopscope import METHOD, Reporter
from hopscope.server.access import tokens
from hopscope.settings import AgentSettings

from .access_logs import PATH as LOGS
from .access_logs import Pod, message
from .conftest import Server, settle
from .profiles import profile

POD = Pod("page-1", "page", "10.0.0.1")
ME = "{ me { name role } }"
Make = Callable[..., Server]


def token(server: Server, *arguments: str, code: int = 0) -> Any:
    """`hopscope token` on the server's data."""
    command = [sys.executable, "-m", "hopscope.cli", "token", *arguments, "--data-dir", str(server.folder / "data")]
    ended = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=30)
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout) if not code else ended.stderr


def create(server: Server, name: str, *arguments: str) -> str:
    made: str = token(server, "create", name, *arguments)["token"]
    return made


def asked(server: Server, headers: dict[str, str], query: str = ME, body: bytes | None = None) -> tuple[int, Any]:
    """The status and the JSON of an answer."""
    sent = json.dumps({"query": query}).encode() if body is None else body
    request = urllib.request.Request(server.http, sent, {"content-type": "application/json", **headers})
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def me(server: Server, headers: dict[str, str]) -> dict[str, str]:
    status, answer = asked(server, headers)
    assert status == 200 and "errors" not in answer, answer
    found: dict[str, str] = answer["data"]["me"]
    return found


def why_not(server: Server, headers: dict[str, str], status: int) -> str:
    got, answer = asked(server, headers)
    assert got == status, answer
    message: str = answer["errors"][0]["message"]
    return message


def report(address: str, *metadata: tuple[str, str], data: bytes | None = None) -> grpc.StatusCode | None:
    """A batch over TCP; None if it was taken."""
    batch = data or Blocks(1, "1.0").batches(profile(int(time.time()) - 5))[0][1].SerializeToString()
    with grpc.insecure_channel(address) as channel:
        try:
            channel.unary_unary(METHOD)(batch, timeout=20, metadata=metadata)
        except grpc.RpcError as error:
            return error.code()
    return None


def test_without_tokens_this_host_is_admin(server: Server) -> None:
    assert me(server, {}) == {"name": "local", "role": "ADMIN"}
    assert report(server.grpc) is None
    assert "nobody knows this token" in why_not(server, bearer("hop_guessed"), 401)


def test_with_a_token_only_by_token(server: Server) -> None:
    alice, eve = create(server, "alice", "--role", "admin"), create(server, "eve")
    assert me(server, bearer(alice)) == {"name": "alice", "role": "ADMIN"}
    assert me(server, bearer(eve)) == {"name": "eve", "role": "READ"}
    assert "a token is needed" in why_not(server, {}, 401)
    assert "nobody knows" in why_not(server, bearer(alice[:-1]), 401)
    assert "only tokens" in why_not(server, {"authorization": "Basic YTpi"}, 401)
    for path in ("/healthz", "/readyz"):
        with urllib.request.urlopen(server.http.replace("/graphql", path)) as answer:
            assert answer.status == 200
    token(server, "revoke", "alice")
    assert "nobody knows" in why_not(server, bearer(alice), 401)
    # The port for agents is locked by tokens of agents only.
    assert report(server.grpc) is None
    log = (server.folder / "log").read_text()
    assert "not let in from 127.0.0.1" in log and alice[:-1] not in log
    assert alice not in (server.folder / "data" / "tokens.json").read_text()


def test_a_token_ends(server: Server) -> None:
    file = server.folder / "data" / "tokens.json"
    secret = create(server, "soon", "--expires", "45m")
    assert me(server, bearer(secret))["name"] == "soon"
    held = json.loads(file.read_text())
    assert abs(held["tokens"][0]["expires"] - time.time() - 45 * 60) < 60
    held["tokens"][0]["expires"] = int(time.time()) - 1
    file.write_text(json.dumps(held))
    assert "the token soon ended at" in why_not(server, bearer(secret), 401)
    # What has ended is no reason to let everybody in.
    assert "a token is needed" in why_not(server, {}, 401)
    assert token(server, "list")[0]["expired"]


def test_who_may_ask_may_not_change(server: Server) -> None:
    stop = 'mutation { stopTask(id: "1") { id } }'
    eve, alice = create(server, "eve"), create(server, "alice", "--role", "admin")
    refused = asked(server, bearer(eve), stop)[1]["errors"][0]["message"]
    assert "eve may only read" in refused
    assert "may only read" not in asked(server, bearer(alice), stop)[1]["errors"][0]["message"]


def test_agents_only_report_and_nobody_else_does(server: Server) -> None:
    agent, admin = create(server, "node-1", "--role", "agent"), create(server, "root", "--role", "admin")
    assert "here it takes admin or read" in why_not(server, bearer(agent), 403)
    key = "authorization"
    assert report(server.grpc) is grpc.StatusCode.UNAUTHENTICATED
    assert report(server.grpc, (key, "Bearer hop_guessed")) is grpc.StatusCode.UNAUTHENTICATED
    assert report(server.grpc, (key, agent)) is grpc.StatusCode.UNAUTHENTICATED
    assert report(server.grpc, (key, f"Bearer {admin}")) is grpc.StatusCode.PERMISSION_DENIED
    assert report(server.grpc, (key, f"Bearer {agent}")) is None
    # Proxies show their tokens at the same door.
    with grpc.insecure_channel(server.grpc) as to:
        for secret, code in (
            ("hop_guessed", grpc.StatusCode.UNAUTHENTICATED),
            (admin, grpc.StatusCode.PERMISSION_DENIED),
            (agent, grpc.StatusCode.OK),
        ):
            call = to.stream_unary(LOGS).future(iter([message([], POD)]), metadata=((key, f"Bearer {secret}"),))
            assert call.code() is code
    # Its mode decides who may connect to the Unix socket: nobody but the server's user and root.
    assert report(f"unix:{server.socket}") is None
    assert server.stop() == 0


def test_an_agent_shows_its_token_and_takes_a_new_one(server: Server, tmp_path: Path) -> None:
    file = tmp_path / "agent.token"
    file.write_text(create(server, "node-1", "--role", "agent") + "\n")
    reporter = Reporter(AgentSettings(server=server.grpc, server_token_file=file))
    second = int(time.time()) - 60
    reporter.report(profile(second))
    settle(reporter)
    token(server, "revoke", "node-1")
    other = create(server, "node-2", "--role", "agent")
    reporter.report(profile(second + 1))
    end = time.monotonic() + 10
    while (trouble := reporter.delivery().trouble) is None and time.monotonic() < end:
        time.sleep(0.05)
    assert trouble is not None and "UNAUTHENTICATED" in trouble and "nobody knows this token" in trouble
    file.write_text(other)
    settle(reporter)
    reporter.close()
    assert reporter.delivery().acknowledged == 2


def test_nothing_is_read_from_who_is_not_let_in(server: Server) -> None:
    create(server, "node-1", "--role", "agent")
    # Larger than any batch may be: who is known hears that, who is not known does not get so far.
    large = bytes(17_000_000)
    assert report(f"unix:{server.socket}", data=large) is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert report(server.grpc, data=large) is grpc.StatusCode.UNAUTHENTICATED


def test_a_trusted_proxy_says_who_asks(make_server: Make) -> None:
    settings = ["--trusted-proxy", "192.0.2.0/24, 127.0.0.0/8", "--proxy-user-header", "X-Forwarded-User"]
    server = make_server(*settings, "--proxy-role-header", "X-Role").start()
    assert me(server, {"X-Forwarded-User": "carol"}) == {"name": "carol", "role": "READ"}
    assert me(server, {"X-Forwarded-User": "carol", "X-Role": "Admin"}) == {"name": "carol", "role": "ADMIN"}
    assert "known are read and admin" in why_not(server, {"X-Forwarded-User": "carol", "X-Role": "boss"}, 403)
    assert "printable" in why_not(server, {"X-Forwarded-User": "c" * 200}, 401)
    assert "a token is needed" in why_not(server, {}, 401)
    assert "a token is needed" in why_not(server, {"X-Role": "admin"}, 401)
    secret = create(server, "script")
    assert me(server, bearer(secret))["name"] == "script"


def test_who_is_not_the_proxy_cannot_say_so(make_server: Make) -> None:
    server = make_server("--trusted-proxy", "192.0.2.7", "--proxy-user-header", "X-Forwarded-User").start()
    forged = {"X-Forwarded-User": "root", "X-Forwarded-For": "192.0.2.7"}
    assert "a token is needed" in why_not(server, forged, 401)
    secret = create(server, "script")
    assert me(server, {**forged, **bearer(secret)}) == {"name": "script", "role": "READ"}


def test_a_strangers_page_cannot_change_anything(server: Server) -> None:
    host = server.http.removeprefix("http://").removesuffix("/graphql")
    assert me(server, {"origin": f"http://{host}"})["name"] == "local"
    for origin in ("https://evil.example", "null", f"http://{host}0", "http://127.0.0.1", "http://["):
        assert "may not ask" in why_not(server, {"origin": origin}, 403)
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        assert "must be JSON" in why_not(server, {"content-type": kind}, 415)
    status, _ = asked(server, {"content-type": "application/json; charset=utf-8"})
    assert status == 200
    rebound = urllib.request.Request(server.http, b'{"query": "{ me { name } }"}', {"content-type": "application/json"})
    rebound.add_header("host", f"evil.example:{host.rpartition(':')[2]}")
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(rebound)


def test_a_question_by_get_is_not_answered(server: Server) -> None:
    with pytest.raises(json.JSONDecodeError):
        got(server, "/graphql?query=%7Bme%7Bname%7D%7D")


def got(server: Server, path: str) -> Any:
    try:
        with urllib.request.urlopen(server.http.replace("/graphql", path), timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)


def beyond(*arguments: str, file: Path) -> str:
    command = [sys.executable, "-m", "hopscope.cli", "server", "--user", "none", "--socket", "none", *arguments]
    places = ["--data-dir", str(file.parent / "data"), "--tokens", str(file)]
    ended = subprocess.run([*command, *places], capture_output=True, text=True, timeout=60)
    assert ended.returncode == 1
    return ended.stderr


def test_beyond_loopback_only_with_a_key(make_server: Make, tmp_path: Path) -> None:
    file = tmp_path / "tokens.json"
    everywhere = ("--http", "0.0.0.0:0", "--grpc", "0.0.0.0:0")
    assert "http = 0.0.0.0" in beyond("--http", "0.0.0.0:0", "--grpc", "127.0.0.1:0", file=file)
    assert "--role agent" in beyond("--http", "127.0.0.1:0", "--grpc", "0.0.0.0:0", file=file)
    secrets = []
    for name, role in (("alice", "read"), ("node-1", "agent")):
        # One of the two does not open the other door.
        assert "would let everybody in" in beyond(*everywhere, file=file)
        server = make_server(*everywhere, "--tokens", str(file))
        secrets.append(create(server, name, "--role", role, "--tokens", str(file)))
    server.start()
    server.http = server.http.replace("0.0.0.0", "127.0.0.1")
    assert me(server, bearer(secrets[0]))["name"] == "alice"
    assert report(server.grpc.replace("0.0.0.0", "127.0.0.1")) is grpc.StatusCode.UNAUTHENTICATED
    # The last key is taken away: nobody comes in, rather than everybody.
    for name in ("alice", "node-1"):
        token(server, "revoke", name, "--tokens", str(file))
    assert "a token is needed" in why_not(server, {}, 401)
    assert report(server.grpc.replace("0.0.0.0", "127.0.0.1")) is grpc.StatusCode.UNAUTHENTICATED


def test_insecure_lets_anybody_in(make_server: Make) -> None:
    server = make_server("--http", "0.0.0.0:0", "--insecure").start()
    server.http = server.http.replace("0.0.0.0", "127.0.0.1")
    assert me(server, {"host": "hopscope.example"}) == {"name": "anybody", "role": "ADMIN"}


def test_a_damaged_file_opens_nothing(server: Server, tmp_path: Path) -> None:
    secret = create(server, "alice")
    file = server.folder / "data" / "tokens.json"
    assert me(server, bearer(secret))["name"] == "alice"
    file.write_text("{")
    assert me(server, bearer(secret))["name"] == "alice"
    assert "a token is needed" in why_not(server, {}, 401)
    assert "not a file of tokens" in (server.folder / "log").read_text()
    assert "not a file of tokens" in token(server, "list", code=1)
    assert "not a file of tokens" in beyond("--http", "0.0.0.0:0", "--grpc", "127.0.0.1:0", file=file)


def test_what_token_refuses(server: Server) -> None:
    create(server, "alice")
    assert "already" in token(server, "create", "alice", code=1)
    assert "there is: alice" in token(server, "revoke", "bob", code=1)
    assert "cannot be a token's name" in token(server, "create", "local", code=1)
    assert "cannot be a token's name" in token(server, "create", "a b", code=1)
    assert "not like 30d" in token(server, "create", "bob", "--expires", "soon", code=2)


def test_several_at_once_all_make_theirs(tmp_path: Path) -> None:
    file, names = tmp_path / "tokens.json", {f"n{number}" for number in range(60)}
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda name: tokens.create(file, name, "read", time.time(), None), names))
    assert set(tokens.read(file)) == names


@pytest.mark.usefixtures("root")
def test_root_makes_it_as_the_folders_owner(make_server: Make) -> None:
    server = make_server("--user", "nobody")
    server.folder.parent.chmod(0o755)
    server.socket = server.folder / "run" / "grpc.sock"
    secret = create(server, "alice")
    file = server.folder / "data" / "tokens.json"
    assert file.owner() == "nobody" and file.stat().st_mode & 0o777 == 0o600
    server.start()
    assert me(server, bearer(secret))["name"] == "alice"
    create(server, "bob")
    assert file.owner() == "nobody"
