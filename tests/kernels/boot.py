"""How a kernel is started under QEMU, and what became of it."""

from __future__ import annotations

import collections
import os
import selectors
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.kernels.image import initramfs, second_stage
from tests.kernels.packages import REPOSITORY, Kernel, KernelsError

TAIL = 25


@dataclass(frozen=True, slots=True)
class Run:
    """One start of a kernel: `failure` is None when the command in the guest ended with 0."""

    seconds: float
    failure: str | None
    console: tuple[str, ...]  # its last lines
    results: Path


def run(
    kernel: Kernel,
    command: str,
    results: Path,
    *,
    timeout: float,
    say: Callable[[str], None],
    counting: bool = False,
    boot: str = "",
) -> Run:
    """Runs a shell command on a kernel, as root in this machine's own files, writes going nowhere but to `results`.

    The guest sees `results` as /run/results. Lines on its console that begin with "@ " go to `say`.
    `boot`: more for the kernel's own command line.
    With `counting` the guest's clock advances by 1 ns per instruction (QEMU -icount), with one processor.
    """
    shutil.rmtree(results, ignore_errors=True)
    results.mkdir(parents=True)
    (results / "init").write_text(second_stage(kernel, REPOSITORY, command))
    started = time.monotonic()
    machine = subprocess.Popen(
        _command_line(kernel, results, counting, boot),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    tail: collections.deque[str] = collections.deque(maxlen=TAIL)
    end: int | None = None
    try:
        with (results / "console").open("w", buffering=1) as console:
            for line in _lines(machine, started + timeout):
                console.write(line + "\n")
                tail.append(line)
                if line.startswith("@ end "):
                    end = int(line.removeprefix("@ end "))
                elif line.startswith("@ "):
                    say(line.removeprefix("@ "))
        timed_out = machine.poll() is None and time.monotonic() >= started + timeout
    finally:
        machine.kill()
        machine.wait()
    seconds = time.monotonic() - started
    failure: str | None
    if end is None:
        failure = f"still running after {timeout:.0f} s" if timed_out else "the kernel stopped before the end"
    else:
        failure = f"the command in the guest ended with {end}" if end else None
    return Run(seconds, failure, tuple(tail), results)


def _command_line(kernel: Kernel, results: Path, counting: bool, boot: str) -> list[str]:
    if shutil.which("qemu-system-x86_64") is None:
        raise KernelsError("qemu-system-x86_64 is missing: apt-get install qemu-system-x86")
    share = "local,security_model=none,multidevs=remap"
    append = f"console=ttyS0 quiet panic=-1 oops=panic mitigations=off nokaslr random.trust_cpu=on {boot}"
    pace = ["-icount", "shift=0,align=off,sleep=off", "-smp", "1", "-accel", "tcg"]
    free = ["-smp", str(min(2, os.cpu_count() or 1)), "-accel", "tcg,thread=multi"]
    return [
        # the guest does not outlive us, however we end
        *(
            "setpriv",
            "--pdeathsig",
            "KILL",
            "nice",
            "-n",
            "5",
            "qemu-system-x86_64",
            "-M",
            "q35",
            "-cpu",
            "max",
            "-m",
            "2048",
        ),
        *(pace if counting else free),
        *("-nodefaults", "-no-user-config", "-display", "none", "-serial", "stdio", "-no-reboot"),
        *("-kernel", str(kernel.image), "-initrd", str(initramfs(kernel))),
        *("-virtfs", f"{share},path=/,mount_tag=root,readonly=on"),
        *("-virtfs", f"{share},path={results},mount_tag=results"),
        *("-append", append + (" tsc=reliable" if counting else "")),
    ]


def _lines(machine: subprocess.Popen[bytes], deadline: float) -> Iterator[str]:
    """The console's lines until the machine ends or the deadline has passed."""
    assert machine.stdout is not None
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(machine.stdout, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if not selector.select(left):
                break
            chunk = os.read(machine.stdout.fileno(), 65536)
            if not chunk:
                break
            *lines, pending = (pending + chunk).split(b"\n")
            yield from (line.decode(errors="replace").rstrip("\r") for line in lines)
    if pending:
        yield pending.decode(errors="replace")
