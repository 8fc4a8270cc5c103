"""Does what we ship run where there is no compiler, no header and no checkout, only the distribution's libbpf?"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
LIBBPF = sorted(Path("/usr/lib").glob("*-linux-gnu/libbpf.so.1*"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    call = [sys.executable, "-m", "build", "-q", "--wheel", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(call, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    venv = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    call = [str(venv / "bin/pip"), "install", "-q", "--disable-pip-version-check", f"{wheel}[agent]"]
    subprocess.run(call, check=True, capture_output=True)
    return venv / "bin/hopscope"


def run_bare(installed: Path, *arguments: str, hidden: tuple[Path, ...] = ()) -> subprocess.CompletedProcess[str]:
    """Runs it in a mount namespace of its own that has no compiler, no headers, not this checkout, not `hidden`."""
    tools = [Path(found) for name in ("clang", "gcc", "cc", "bpftool") if (found := shutil.which(name))]
    folders = [Path("/usr/include"), CHECKOUT / "hopscope"]
    script = [f"mount -t tmpfs none {folder}" for folder in folders if folder.is_dir()]
    script += [f"mount --bind /dev/null {file.resolve()}" for file in (*tools, *hidden)]
    script += [f"exec {installed} {' '.join(arguments)}"]
    call = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", "\n".join(script)]
    bare = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": "/"}
    return subprocess.run(call, capture_output=True, text=True, cwd="/", env=bare, timeout=60)


def test_it_carries_the_objects_of_both_architectures(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"hopscope/bpf/hopscope.x86.o", "hopscope/bpf/hopscope.arm64.o"} <= set(names)
    assert not [name for name in names if name.endswith((".c", ".h"))]


@pytest.mark.usefixtures("root")
def test_it_profiles(installed: Path) -> None:
    done = run_bare(installed, "profile", "--duration", "1", "--all", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["version"] == 1


@pytest.mark.usefixtures("root")
def test_without_libbpf_it_says_which_package(installed: Path) -> None:
    assert LIBBPF, "libbpf1 is part of the set-up"
    done = run_bare(installed, "profile", "--duration", "1", hidden=tuple({file.resolve() for file in LIBBPF}))
    assert done.returncode != 0
    assert "apt-get install libbpf1" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show", "absent.json"], "absent.json"),
        (["services", "--server", "http://127.0.0.1:9"], "cannot reach http://127.0.0.1:9"),
        (["store", "status", "--server", "http://127.0.0.1:9"], "cannot reach http://127.0.0.1:9"),
        (["store", "status", "--data-dir", "/nonexistent"], "pip install 'hopscope[server]'"),
        (["agent"], "pip install 'hopscope[agent]'"),
    ],
)
def test_the_base_install_asks_and_shows(tmp_path: Path, arguments: list[str], says: str) -> None:
    """Client and command line work without numpy and gRPC, which only the halves need."""
    code = f"import sys, hopscope.cli; sys.exit(hopscope.cli.main({arguments!r}))"
    absent = ", ".join(f"{name}=None" for name in ("numpy", "grpc", "google", "chdb", "ariadne", "graphql", "uvicorn"))
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.modules.update({absent}); {code}"],
        capture_output=True, text=True, cwd=tmp_path, env={**os.environ, "LANG": "C"},
    )  # fmt: skip
    assert done.returncode != 0
    (line,) = done.stderr.splitlines()
    assert says in line
