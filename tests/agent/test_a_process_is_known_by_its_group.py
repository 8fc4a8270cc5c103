"""Are processes the same group that a user would call the same, under the name that a user would call it?"""

import json
from pathlib import Path

import numpy as np
import pytest

from hopscope.agent import AgentError
from hopscope.agent.cgroups import CONTAINER, CgroupPaths, container_of, unit_of
from hopscope.agent.discovery import Place
from hopscope.agent.discovery.file import FileDiscovery
from hopscope.agent.discovery.host import HostDiscovery
from hopscope.agent.processes import KEEP_GONE, Processes
from hopscope.agent.processes.facts import cgroup_of, script_of, start_of

ID = "0123456789abcdef" * 4
PROCESS = np.dtype(
    [("tgid", "u4"), ("parent", "u4"), ("args_length", "u4"), ("start", "u8"), ("cgroup", "u8"), ("comm", "S16")]
)
EXEC = np.dtype([("process", PROCESS), ("filename", "u1", 128), ("args", "u1", 256)])
ABSENT = 4_194_304
"""Above the largest process id there can be."""


@pytest.mark.parametrize(
    ("command", "script"),
    [
        (("/usr/sbin/nginx", "-g", "daemon off;"), ("", "")),
        (("python3", "/srv/productpage.py", "9080"), ("/srv/productpage.py", "productpage")),
        (("python3", "-u", "-W", "error", "app.py"), ("app.py", "app")),
        (("python3", "-m", "http.server", "8000"), ("http.server", "http.server")),
        (("python3", "-c", "import this"), ("import this", "")),
        (("python3", "/usr/bin/gunicorn", "-w", "4", "shop:app"), ("gunicorn shop:app", "shop")),
        (("python3", "-m", "uvicorn", "pay.main:app"), ("uvicorn pay.main:app", "pay.main")),
        (("python3", "/usr/bin/celery", "-A", "jobs", "worker"), ("celery jobs", "jobs")),
        (("gunicorn: worker [shop:app]",), ("gunicorn shop:app", "shop")),
        (("java", "-cp", "a.jar:b.jar", "-Xmx1g", "com.example.Main"), ("com.example.Main", "com.example.Main")),
        (("java", "-jar", "/opt/ratings.jar"), ("/opt/ratings.jar", "ratings")),
        (("node", "--require", "x", "server.js"), ("server.js", "server")),
    ],
)
def test_what_an_interpreter_runs(command: tuple[str, ...], script: tuple[str, str]) -> None:
    executable = "/usr/bin/python3.11" if command[0].startswith(("python", "gunicorn")) else command[0]
    assert script_of(executable, command) == script


@pytest.mark.parametrize(
    ("path", "container", "unit"),
    [
        (f"/docker/{ID}", ID, None),
        (f"/system.slice/docker-{ID}.scope", ID, f"docker-{ID}"),
        (f"/kubepods.slice/kubepods-pod1.slice/cri-containerd-{ID}.scope", ID, f"cri-containerd-{ID}"),
        (f"/kubepods/burstable/pod1/{ID}", ID, None),
        (f"/machine.slice/libpod-{ID}.scope/container", ID, f"libpod-{ID}"),
        (f"/kubepods.slice/crio-{ID}.scope", ID, f"crio-{ID}"),
        (f"/system.slice/containerd.service/kubepods-pod1:cri-containerd:{ID}", ID, "containerd"),
        ("/system.slice/nginx.service", None, "nginx"),
        ("/user.slice/user-0.slice/session-3.scope", None, None),
        ("/user.slice/user-1000.slice/user@1000.service/app.slice/app-x.service", None, "app-x"),
        ("/", None, None),
    ],
)
def test_containers_and_units(path: str, container: str | None, unit: str | None) -> None:
    assert (container_of(path), unit_of(path)) == (container, unit)


def test_the_cgroup_that_says_most() -> None:
    unified, old = "0::/system.slice/nginx.service", "9:name=systemd:/init.scope"
    assert cgroup_of([old, "3:cpu:/a/b", unified], CONTAINER) == "/system.slice/nginx.service"
    assert cgroup_of([old, "3:cpu:/a/b", "0::/"], CONTAINER) == "/init.scope"
    assert cgroup_of(["9:name=systemd:/", "3:cpu:/a/b", "0::/"], CONTAINER) == "/a/b"
    assert cgroup_of([unified, f"4:memory:/docker/{ID}"], CONTAINER) == f"/docker/{ID}"


def test_a_cgroup_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    paths = CgroupPaths(tmp_path)
    assert paths.path((tmp_path / "a" / "b").stat().st_ino) == "/a/b"
    (tmp_path / "c").mkdir()
    assert paths.path((tmp_path / "c").stat().st_ino) == "/c"
    assert paths.path(1) is None


def test_the_start_in_a_stat_line_with_a_malicious_name() -> None:
    fields = ["S", "1", *["0"] * 17, "500", "0"]
    assert start_of(f"7 (a) b) {' '.join(fields)}") == 5_000_000_000


def process(tgid: int, parent: int = 1, start: int = 5, comm: bytes = b"x") -> np.void:
    record = np.zeros(1, PROCESS)[0]
    record["tgid"], record["parent"], record["start"], record["comm"] = tgid, parent, start, comm
    return record


def execution(tgid: int, *command: str) -> np.void:
    record = np.zeros(1, EXEC)[0]
    record["process"] = process(tgid, comm=command[0].encode()[-15:])
    arguments = b"\0".join(word.encode() for word in command)
    record["process"]["args_length"] = len(arguments)
    record["args"][: len(arguments)] = list(arguments)
    record["filename"][: len(command[0])] = list(command[0].encode())
    return record


def test_a_process_that_lived_and_died_between_two_looks() -> None:
    processes = Processes("host")
    processes.observe_process_record(True, process(ABSENT + 1))
    processes.observe_exec_record(execution(ABSENT + 1, "/opt/absent/tool", "run"))
    processes.observe_process_record(True, process(ABSENT + 2, ABSENT + 1))
    for tgid in (1, 2):
        processes.observe_process_record(False, process(ABSENT + tgid))
    first, second = (processes.owner_of(ABSENT + tgid) for tgid in (1, 2))
    assert first is not None and second is not None
    assert first.name == second.name == "tool" and first.id == second.id


def test_a_reused_number_is_another_process() -> None:
    processes = Processes("host")
    processes.observe_exec_record(execution(ABSENT + 1, "/opt/absent/one"))
    first = processes.owner_of(ABSENT + 1)
    processes.observe_process_record(False, process(ABSENT + 1))
    processes.observe_exec_record(execution(ABSENT + 3, "/opt/absent/two"))
    processes.observe_process_record(True, process(ABSENT + 1, ABSENT + 3, start=9))
    second = processes.owner_of(ABSENT + 1)
    assert first is not None and second is not None and (first.name, second.name) == ("one", "two")
    for _ in range(KEEP_GONE + 2):
        processes.forget()
    assert processes.owner_of(ABSENT + 1) == second


def test_of_one_that_nobody_heard_of_the_kernels_word_must_do() -> None:
    owner = Processes("host").owner_of(ABSENT + 1, comm="ghost")
    assert owner is not None and owner.name == "ghost"


def test_exec_may_move_a_process_to_another_group() -> None:
    processes = Processes("host")
    processes.observe_exec_record(execution(ABSENT + 1, "/opt/absent/shell"))
    first = processes.owner_of(ABSENT + 1)
    processes.observe_exec_record(execution(ABSENT + 1, "/opt/absent/server"))
    second = processes.owner_of(ABSENT + 1)
    assert first is not None and second is not None and first.id != second.id
    assert processes.moved == {ABSENT + 1}


def test_names_are_unique_and_only_then_longer() -> None:
    processes = Processes("host")
    processes.observe_exec_record(execution(ABSENT + 1, "/opt/absent/a/tool"))
    processes.observe_exec_record(execution(ABSENT + 2, "/opt/absent/b/tool"))
    first, second = (processes.owner_of(ABSENT + tgid) for tgid in (1, 2))
    assert first is not None and second is not None
    assert first.name == "tool" and second.name == f"tool-{second.id[:4]}"


def test_a_file_says_which_cgroup_is_which_pod(tmp_path: Path) -> None:
    path = tmp_path / "pods.json"
    entry = {"service": "productpage", "instance": "pod-1", "container": "app", "layer": "MESH", "labels": {"v": "1"}}
    path.write_text(json.dumps({"version": 1, "cgroups": {"/pods/a/": entry, "/pods": {"instance": "pods"}}}))
    found = FileDiscovery(path, HostDiscovery("host"))
    assert found.place("/pods/a/deeper") == Place("productpage", "pod-1", "app", "MESH", {"v": "1"})
    assert found.place("/pods/b").instance == "pods"
    assert found.place("/podsy").instance == "host"
    assert not found.changed()
    path.write_text("{")
    assert not found.changed() and "is not JSON" in (found.warning() or "")
    assert found.place("/pods/a").instance == "pod-1"
    path.write_text(json.dumps({"version": 1, "cgroups": {"/pods/a": {"instance": "pod-2"}}}))
    assert found.changed() and found.warning() is None
    assert found.place("/pods/a").instance == "pod-2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is not JSON"),
        ("[]", '"version": 1'),
        ('{"version": 2, "cgroups": {}}', '"version": 1'),
        ('{"version": 1, "cgroups": {"/a": 1}}', "must be an object"),
        ('{"version": 1, "cgroups": {"/a": {}}}', "'instance' is missing"),
        ('{"version": 1, "cgroups": {"/a": {"instance": "a", "sevice": "b"}}}', "'sevice' is not known"),
        ('{"version": 1, "cgroups": {"/a": {"instance": 1}}}', "'instance' must be a text"),
        ('{"version": 1, "cgroups": {"/a": {"instance": "a", "labels": {"b": 1}}}}', "'labels' must be texts"),
        ('{"version": 1, "cgroups": {"/a": {"instance": "a", "attributes": []}}}', "'attributes' must be texts"),
    ],
)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "pods.json"
    path.write_text(text)
    with pytest.raises(AgentError, match=says) as caught:
        FileDiscovery(path, HostDiscovery("host"))
    assert str(path) in str(caught.value)


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(AgentError, match="No such file"):
        FileDiscovery(tmp_path / "absent", HostDiscovery("host"))
