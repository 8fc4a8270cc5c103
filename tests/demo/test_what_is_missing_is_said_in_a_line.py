"""Does a machine that cannot run the demo hear in one line why, with nothing left behind?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.demo.oracle import demo
from tests.demo.test_the_machine_is_as_before import NOTHING, left

UP = [sys.executable, "-m", "hopscope.cli", "demo", "up", "--no-server"]


def refused(environment: dict[str, str] | None = None, user: int | None = None) -> str:
    """The line with which a demo ends that cannot be."""
    demo("clean")
    # A user who is not root may not read where this is installed, so the package is loaded before root is given up.
    drop = "import os, hopscope.cli, hopscope.cli.demo, hopscope.demo.detached"
    call = (
        UP
        if user is None
        else [sys.executable, "-c", f"{drop}; os.setuid({user}); raise SystemExit(hopscope.cli.main(['demo']))"]
    )
    done = subprocess.run(
        call, capture_output=True, text=True, env={**os.environ, **(environment or {})}, check=False, timeout=60
    )
    assert done.returncode == 1
    assert left() == NOTHING
    lines = done.stderr.splitlines()
    assert len(lines) == 1
    return lines[0]


def test_without_root() -> None:
    assert refused(user=65534) == "hopscope: the demo needs root; sudo hopscope demo"


def test_without_nft(tmp_path: Path) -> None:
    (tmp_path / "ip").symlink_to("/usr/sbin/ip")
    assert refused({"PATH": str(tmp_path)}) == "hopscope: nft is missing; apt-get install nftables"


@pytest.fixture
def cpu(tmp_path: Path) -> Path:
    """A package `envoy` whose program uses an instruction that no CPU has."""
    binary = tmp_path / "envoy" / "_bin" / "envoy"
    binary.parent.mkdir(parents=True)
    (tmp_path / "envoy" / "__init__.py").touch()
    source = tmp_path / "illegal.c"
    source.write_text("int main(void) { __builtin_trap(); }\n")
    subprocess.run(["gcc", "-o", binary, source], check=True)
    return tmp_path


def test_on_a_cpu_that_envoy_refuses(cpu: Path) -> None:
    line = refused({"PYTHONPATH": str(cpu)})
    assert line.startswith("hopscope: Envoy does not run on this CPU (it ended with SIG")


def test_an_unknown_fault_and_pod_are_said() -> None:
    demo("clean")
    demo("up", "--no-server")

    def fails(*arguments: str) -> str:
        done = subprocess.run([*UP[:-2], *arguments], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        return done.stderr

    assert fails("fault", "on", "rain") == "hopscope: there is no fault 'rain'; hopscope demo fault list names them\n"
    assert "there is no pod moon; the pods are istio-ingressgateway, " in fails("fault", "on", "loss", "--pod", "moon")
    assert "--value -3: must be above 0, in %" in fails("fault", "on", "loss", "--value", "-3")
    assert "node-local-dns has no link" in fails("fault", "on", "loss", "--pod", "node-local-dns")
    assert fails("fault", "off", "loss") == "hopscope: loss is not on\n"
    demo("down")


def test_a_host_whose_firewall_drops_all_is_no_hindrance() -> None:
    demo("clean")
    wall = "table inet wall { chain a { type filter hook input priority 0; policy drop; }\n"
    for hook in ("forward", "output"):
        wall += f"chain {hook} {{ type filter hook {hook} priority 0; policy drop; }}\n"
    script = f"nft -f - <<'END' && exec {' '.join(UP)}\n{wall}}}\nEND\n"
    subprocess.run(["unshare", "--net", "sh", "-c", script], check=True, capture_output=True, timeout=60)
    assert demo("send", "3").startswith("200: ")
    demo("down")
    assert left() == NOTHING
