"""Where a Debian kernel of a series comes from: the mirror that apt already uses on this machine.

apt runs with a state directory of its own, so the machine's package lists and sources stay as they are.
"""

from __future__ import annotations

import functools
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
BUILD = REPOSITORY / "build" / "kernels"

SUITES = {
    "5.10": (("Debian-Security", "bullseye-security"),),
    "6.1": (("Debian-Security", "bookworm-security"), ("Debian", "bookworm")),
    "6.12": (("Debian-Security", "trixie-security"), ("Debian", "trixie")),
    "7.3": (("Debian", "trixie-backports"),),
}
"""The kernel series the tests run on, oldest first, and the suites (label, name) that carry it."""


class KernelsError(Exception):
    """A kernel that cannot be had or started, in one sentence."""


@dataclass(frozen=True, slots=True)
class Kernel:
    """One unpacked kernel: `root` holds `boot/` and `lib/modules/`."""

    series: str
    release: str  # what `uname -r` says, for example 6.1.0-41-amd64
    version: str  # of the Debian package
    root: Path

    @property
    def image(self) -> Path:
        """The bootable kernel; newer packages keep it beside the modules."""
        beside = self.modules / "vmlinuz"
        return beside if beside.exists() else self.root / "boot" / f"vmlinuz-{self.release}"

    @property
    def modules(self) -> Path:
        """Directory of its modules."""
        return self.root / "lib" / "modules" / self.release


def kernel(series: str, say: Callable[[str], None]) -> Kernel:
    """The newest kernel of a series, unpacked under build/kernels; what is there already is used again.

    Raises KernelsError when the mirror does not have it.
    """
    home = BUILD / series
    if not (home / "complete").exists():
        shutil.rmtree(home, ignore_errors=True)
        (home / "root").mkdir(parents=True)
        say("reading the mirror's package lists")
        apt = _Apt(BUILD / "apt", SUITES[series])
        package = apt.newest(series)
        for name, version in apt.with_parts(package):
            say(f"fetching {name} {version}")
            apt.unpack(name, version, home / "root")
        if not (home / "root" / "lib").exists():
            (home / "root" / "lib").symlink_to("usr/lib")
        release = package[0].removeprefix("linux-image-")
        _run("depmod", "-b", str(home / "root"), release)
        (home / "complete").write_text(f"{release} {package[1]}\n")
    release, version = (home / "complete").read_text().split()
    return Kernel(series, release, version, home / "root")


class _Apt:
    """apt over some suites of the configured mirror, without touching the machine's own lists."""

    def __init__(self, state: Path, suites: Iterable[tuple[str, str]]) -> None:
        for folder in ("lists/partial", "cache/archives/partial", "packages"):
            (state / folder).mkdir(parents=True, exist_ok=True)
        self.state = state
        bases = _mirrors()
        lines = [f"deb {bases[label]} {suite} main\n" for label, suite in suites if label in bases]
        if not lines:
            raise KernelsError(
                f"apt on this machine has no source labelled {' or '.join(label for label, _ in suites)}"
            )
        (state / "sources.list").write_text("".join(lines))
        self._options = (
            f"-oDir::Etc::sourcelist={state / 'sources.list'}",
            "-oDir::Etc::sourceparts=-",
            f"-oDir::State::lists={state / 'lists'}",
            f"-oDir::Cache={state / 'cache'}",
            "-oDir::State::status=/dev/null",
            "-oAPT::Sandbox::User=root",
            "-oAPT::Architecture=amd64",
        )
        _run("apt-get", *self._options, "-qq", "update")

    def _fields(self, name: str) -> list[dict[str, str]]:
        text = _run("apt-cache", *self._options, "show", name)
        return [_stanza(block) for block in text.strip().split("\n\n")]

    def newest(self, series: str) -> tuple[str, str]:
        """Name and version of the newest generic image of a series."""
        # 5.10.0-46-amd64, 6.12.118+deb13-amd64; not cloud-amd64, rt-amd64, amd64-unsigned
        generic = re.compile(rf"linux-image-{re.escape(series)}(\.\d+)*([-+](deb)?[\d.]+)*-amd64")
        names = _run("apt-cache", *self._options, "pkgnames", f"linux-image-{series}").split()
        wanted = [name for name in names if generic.fullmatch(name)]
        found = [(name, fields["Version"]) for name in wanted for fields in self._fields(name)]
        if not found:
            raise KernelsError(f"the mirror has no linux-image-{series}*-amd64")
        by_version = functools.cmp_to_key(_compare)
        return max(found, key=lambda package: by_version(package[1]))

    def with_parts(self, package: tuple[str, str]) -> list[tuple[str, str]]:
        """The image and the packages of the same build it is split into."""
        name, version = package
        (fields,) = (f for f in self._fields(name) if f["Version"] == version)
        needs = [need.strip().split(" ")[0] for need in fields.get("Depends", "").split(",")]
        return [package, *((n, version) for n in needs if n.startswith(("linux-binary-", "linux-modules-")))]

    def unpack(self, name: str, version: str, root: Path) -> None:
        """Downloads a package, checked by apt, and unpacks it."""
        folder = self.state / "packages"
        _run("apt-get", *self._options, "-qq", "download", f"{name}={version}", cwd=folder)
        (archive,) = folder.glob(f"{name}_*.deb")
        _run("dpkg-deb", "-x", str(archive), str(root))
        archive.unlink()


def _mirrors() -> dict[str, str]:
    """Base URL of each of Debian's archives (by label) among this machine's apt sources."""
    form = "$(ORIGIN) $(LABEL) $(REPO_URI)"
    lines = _run("apt-get", "indextargets", "--format", form, "Created-By: Packages").splitlines()
    pairs = (line.split(" ") for line in lines)
    return {label: uri for origin, label, uri in (pair for pair in pairs if len(pair) == 3) if origin == "Debian"}


def _stanza(block: str) -> dict[str, str]:
    lines = (line.split(": ", 1) for line in block.splitlines() if ": " in line and not line.startswith(" "))
    return {name: value for name, value in lines}


def _compare(a: str, b: str) -> int:
    def holds(relation: str) -> bool:
        return subprocess.run(["dpkg", "--compare-versions", a, relation, b], check=False).returncode == 0

    return -1 if holds("lt") else 1 if holds("gt") else 0


def _run(*command: str, cwd: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = "".join(done.stderr.strip().splitlines()[-1:])
        raise KernelsError(f"{command[0]} ... {command[-1]} failed: {reason}")
    return done.stdout
