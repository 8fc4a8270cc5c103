"""Is each mistake, and each host that cannot, answered by one line with what to do, and is nothing lost?"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import agent, hopscope, one_line, talking

HIDE_LIBBPF = "for f in $(ldconfig -p | sed -n 's/.*libbpf.so.1 .*=> //p'); do mount --bind /dev/null $f; done"
POWERLESS = ("setpriv", "--bounding-set=-all", "--inh-caps=-all")
"""User 0 without capabilities."""
_READ = "-all,+dac_read_search"
NOBODY = ("setpriv", "--reuid=65534", "--clear-groups", f"--inh-caps={_READ}", f"--ambient-caps={_READ}")
"""Who may read everything: the tests, and the Python that they run with, may be in root's home."""


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("profile", "--pid", "99999999"), "there is no process 99999999; see ps -e"),
        (("profile", "--name", "("), "'(' is not a regular expression"),
        (("profile", "--cgroup", "/no/such"), "there is no cgroup /no/such"),
        (("profile", "--container", "web!"), "no container id"),
        (("profile", "--json", "--csv"), "exclude each other"),
        (("profile", "--save", "/no/such/folder/a.json"), "there is no folder /no/such/folder"),
        (("profile", "--save", "/tmp"), "is a folder"),
        (("profile", "--", "no-such-command"), "there is no command 'no-such-command'"),
        (("profile", "--duration", "3", "--", "true"), "no --duration"),
        (("show", "/no/such.json"), "cannot read /no/such.json: No such file"),
        (("show", sys.executable), "it is not text"),
        (("agent", "--slots", "1000"), "must be a power of two, for example 1024"),
        (("agent", "--config", "/no/such.toml"), "cannot read /no/such.toml"),
        (("agent", "--server", "nowhere"), "must be host:port"),
        (("server", "--http", "80"), "must be host:port"),
        (("serve",), "No such command"),
        (("profile", "--durations", "1"), "No such option"),
    ],
)  # fmt: skip
def test_mistakes(arguments: tuple[str, ...], says: str) -> None:
    assert says in one_line(hopscope(*arguments))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[agent]\nslotz = 5", "there is no setting 'slotz'; did you mean 'slots'?"),
        ("[agnet]\n", "[agnet] is not known; the tables are [agent] and [server]"),
        ("slots = ", "is not TOML"),
        ('[agent]\nslots = "many"', "slots = 'many': must be a number"),
        ("[server]\nretention_hours = 0", "must be above 0"),
    ],
)
def test_a_config_file_with_a_mistake(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "hopscope.toml"
    file.write_text(text)
    half = "server" if "server" in text else "agent"
    assert says in one_line(hopscope(half, "--config", file))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"version": 1, "host": "a", "win', "it ends too early"),
        ('{"version": 2}', "not a profile of version 1"),
        ('{"version": 1, "host": "a"}', "the profile is damaged"),
        ("[1, 2]", "not a profile of version 1"),
        ('{"version": 1,\n}', "line 2 is not JSON"),
    ],
)
def test_a_saved_file_that_is_damaged(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "saved.json"
    file.write_text(text)
    assert says in one_line(hopscope("show", file))
    assert says in one_line(hopscope("diff", file, file))


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("command", [("profile", "--duration", "1"), ("top", "--once"), ("agent",)])
def test_without_root(command: tuple[str, ...]) -> None:
    said = one_line(hopscope(*command, before=POWERLESS))
    assert "root" in said, said


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("command", [("profile", "--duration", "1"), ("top", "--once")])
def test_a_user_hears_that_it_needs_root(command: tuple[str, ...], tmp_path: Path) -> None:
    said = one_line(hopscope(*command, "--socket", tmp_path / "none", before=NOBODY))
    assert said == "hopscope: putting probes into the kernel needs root: run as root (sudo)"


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("what", ["down", "clean", "send 3", "pause", "resume", "graph", "fault on loss", "fault off"])
def test_a_demo_is_roots(what: str) -> None:
    said = one_line(hopscope("demo", *what.split(), before=NOBODY))
    words = what.removesuffix(" 3").removesuffix(" loss")
    assert said == f"hopscope: {words} needs root; sudo hopscope demo {words}"


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("hide", "says"),
    [
        ("mount -t tmpfs none /sys/kernel/btf", "type information"),
        (HIDE_LIBBPF, "apt-get install libbpf1"),
    ],
)  # fmt: skip
def test_a_host_that_cannot(hide: str, says: str) -> None:
    before = ("unshare", "-m", "sh", "-c", f'{hide}; exec "$@"', "sh")
    assert says in one_line(hopscope("profile", "--duration", "1", before=before))


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("libbpf.so.0", "libbpf is too old, here is only libbpf.so.0: apt-get install libbpf1 (1.0 or newer)"),
        ("libbpf.so.1", "libbpf.so.1 is too old, it has no bpf_object__open_file: apt-get install libbpf1"),
    ],
)
def test_a_libbpf_that_is_too_old(name: str, says: str, tmp_path: Path) -> None:
    subprocess.run(["gcc", "-shared", "-o", tmp_path / name, "-x", "c", "/dev/null"], check=True)
    script = f'{HIDE_LIBBPF}; LD_LIBRARY_PATH={tmp_path} exec "$@"'
    assert says in one_line(hopscope("profile", "--duration", "1", before=("unshare", "-m", "sh", "-c", script, "sh")))


@pytest.mark.usefixtures("root")
def test_a_full_disk_costs_neither_the_picture_nor_the_old_file(tmp_path: Path) -> None:
    """On a file system of 64 kB with 4 kB left."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], check=True)
    try:
        old = tmp_path / "old.json"
        old.write_text("before")
        (tmp_path / "rest").write_bytes(b"x" * 60_000)
        with talking() as port:
            ended = hopscope("profile", "--duration", "1", "--save", old, "--all", "--self")
            parquet = hopscope("profile", "--duration", "1", "--parquet", tmp_path / "p")
        assert ended.returncode == 1 and f":{port}" in ended.stdout
        assert ended.stderr == f"hopscope: cannot write {old}: No space left on device; choose another file\n"
        assert "No space left" in one_line(parquet)
        assert old.read_text() == "before"
        assert sorted(it.name for it in tmp_path.iterdir()) == ["old.json", "rest"]
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.usefixtures("root")
def test_a_server_on_a_full_disk(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path], check=True)
    try:
        (tmp_path / "rest").write_bytes(b"x" * 65_536)
        (tmp_path / "data").mkdir()
        anywhere = ("--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--socket", "none", "--user", "none")
        said = one_line(hopscope("server", "--data-dir", tmp_path / "data", *anywhere))
        assert said.startswith(f"hopscope: cannot write to {tmp_path}/data: No space left on device; make room there")
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_output_that_goes_to_a_full_disk() -> None:
    with Path("/dev/full").open("w") as full:
        call = [sys.executable, "-m", "hopscope.cli", "check", "--json"]
        ended = subprocess.run(call, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert ended.returncode == 1
    assert ended.stderr.startswith("hopscope: cannot write the output: No space left on device; make room")


@pytest.mark.usefixtures("root")
def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", tmp_path], check=True)
    try:
        assert "cannot be written" in one_line(hopscope("profile", "--save", tmp_path / "a.json"))
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.usefixtures("root")
def test_a_second_agent_says_why_not(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with agent(path) as first:
        assert path.stat().st_mode & 0o777 == 0o600
        assert f"an agent (pid {first.pid}) is already at {path}" in one_line(hopscope("agent", "--socket", path))
        assert "already runs" in one_line(hopscope("run", "--socket", path, "--no-server"))
        with agent(tmp_path / "second.sock"), talking() as port:
            found = hopscope("profile", "--json", "--duration", "1", "--socket", path, "--port", str(port))
        assert len(json.loads(found.stdout)["edges"]) == 1


@pytest.mark.usefixtures("root")
def test_what_lies_at_the_agents_place(tmp_path: Path) -> None:
    path = tmp_path / "agent.sock"
    with agent(path) as first:
        first.kill()
        first.wait()
    assert path.exists()
    with agent(path):
        pass  # what a killed agent left is in nobody's way
    path.touch()
    assert "is not a socket" in one_line(hopscope("agent", "--socket", path))
    assert path.exists()
