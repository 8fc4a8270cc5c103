"""Runs a command under the limits of a systemd unit: confined.py UNIT UID WRITABLE... -- COMMAND...

What systemd would do where it is process 1: capabilities, no new privileges, a world that is read-only but for the
folders named, no homes, no changes under /proc/sys and /sys, and the unit's filter of system calls.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path

CLONE_NEWNS, PR_SET_NO_NEW_PRIVS = 0x20000, 38
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM


def settings(unit: Path) -> dict[str, str]:
    """The unit's lines of NAME=VALUE."""
    lines = [line for line in unit.read_text().splitlines() if "=" in line and not line.startswith("#")]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def calls(words: list[str]) -> set[str]:
    """System calls by name; groups of systemd's are looked up."""
    found = set()
    for word in words:
        if not word.startswith("@"):
            found.add(word)
            continue
        listed = subprocess.run(["systemd-analyze", "syscall-filter", word], capture_output=True, text=True, check=True)
        members = [line.strip() for line in listed.stdout.splitlines()[1:]]
        found |= calls([member for member in members if member and not member.startswith("#")])
    return found


def mount(libc: ctypes.CDLL, what: str, where: str, kind: str, flags: int) -> None:
    if libc.mount(what.encode(), where.encode(), kind.encode(), flags, None):
        raise OSError(ctypes.get_errno(), f"mount {where}: {os.strerror(ctypes.get_errno())}")


def confine(libc: ctypes.CDLL, writable: list[str]) -> None:
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), "unshare")
    mount(libc, "", "/", "", MS_REC | MS_PRIVATE)
    for folder in (*writable, "/", "/proc/sys", "/sys"):
        mount(libc, folder, folder, "", MS_BIND | (MS_REC if folder == "/sys" else 0))
    for folder in ("/", "/proc/sys", "/sys"):
        mount(libc, "", folder, "", MS_REMOUNT | MS_BIND | MS_RDONLY)
    reachable(libc, Path(__file__).parents[2])


def reachable(libc: ctypes.CDLL, checkout: Path) -> None:
    """Takes the homes away, but for this checkout and its Python where they lie in one that others may not enter."""
    kept = {folder: os.open(folder, os.O_PATH) for folder in (checkout, Path(sys.base_prefix))}
    parents = {parent for folder in kept for parent in folder.parents}
    closed = {parent for parent in parents if not parent.stat().st_mode & 0o001} | {Path("/home")}
    for cover in sorted(closed, key=lambda folder: len(folder.parts)):
        if not any(above in closed for above in cover.parents):
            mount(libc, "tmpfs", str(cover), "tmpfs", 0)
            cover.chmod(0o755)
    for folder, held in kept.items():
        if closed & set(folder.parents):
            folder.mkdir(parents=True, exist_ok=True)
            mount(libc, f"/proc/self/fd/{held}", str(folder), "", MS_BIND | MS_REC)


def filtered(names: set[str]) -> None:
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    rules = ctypes.c_void_p(library.seccomp_init(REFUSE))
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            library.seccomp_rule_add(rules, ALLOW, number, 0)
    if library.seccomp_load(rules):
        raise OSError("seccomp_load")


def main() -> None:
    unit, uid, rest = settings(Path(sys.argv[1])), int(sys.argv[2]), sys.argv[3:]
    writable, command = rest[: rest.index("--")], rest[rest.index("--") + 1 :]
    allowed = calls(unit["SystemCallFilter"].split())
    libc = ctypes.CDLL(None, use_errno=True)
    confine(libc, writable)
    kept = "".join(f",+{name.removeprefix('CAP_').lower()}" for name in unit["CapabilityBoundingSet"].split())
    who = ["--reuid", str(uid), "--regid", str(uid), "--clear-groups"] if uid else []
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    # After the filter nothing more can be given up, so the capabilities go by the command that is let in with it.
    filtered(allowed)
    os.execvp("setpriv", ["setpriv", *who, "--bounding-set", f"-all{kept}", "--inh-caps", "-all", *command])


if __name__ == "__main__":
    main()
