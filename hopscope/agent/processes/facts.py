"""What /proc and a program's own arguments say of a process: executable, script, cgroup."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

_INTERPRETERS = re.compile(
    r"^(python|pypy|node|nodejs|ruby|perl|bash|sh|dash|zsh|java|php|php-fpm|lua|deno|bun)[\d.]*$"
)
_LANGUAGES = {
    "python": r"python|pypy",
    "javascript": r"node|nodejs|deno|bun",
    "java": "java",
    "ruby": "ruby",
    "perl": "perl",
    "php": r"php|php-fpm",
    "lua": "lua",
    "shell": r"bash|sh|dash|zsh",
}
_MODULE_FLAGS = {"-m": "module", "-jar": "jar", "--jar": "jar"}
_CODE_FLAGS = frozenset(("-c", "-e", "--eval", "-r"))
_WITH_VALUE = frozenset(("-W", "-X", "-cp", "-classpath", "--class-path", "-p", "--module-path", "--require", "-I"))
_LAUNCHERS = frozenset(("gunicorn", "uvicorn", "hypercorn", "daphne", "uwsgi", "celery", "flask", "waitress-serve"))
_APP = re.compile(r"^[\w./]+(:[\w.()]+)?$")
_TITLE = re.compile(r"^(gunicorn|uvicorn|celery|uwsgi): .*\[(.+)\]$")


_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of one process. `cgroup`: its path. `start`: ns since boot, 0 if unknown.

    `told`: only the kernel's record of its exec says so; /proc may know it better as long as it lives.
    """

    tgid: int
    executable: str
    arguments: tuple[str, ...]
    cgroup: str
    comm: str
    start: int = 0
    told: bool = False
    unified: str | None = None
    """Its path in the hierarchy whose numbers the kernel gives, which may be another."""


def basename(path: str) -> str:
    """The last part of another process's path, which perhaps is gone."""
    return path.rstrip("/").rpartition("/")[2]


def language_of(executable: str) -> str | None:
    """What an interpreter's program is written in; None where the executable does not say."""
    found = _INTERPRETERS.match(basename(executable))
    return next((name for name, ours in _LANGUAGES.items() if found and re.fullmatch(ours, found[1])), None)


def user_of(tgid: int) -> str | None:
    """Who a process is, by the host's names of users, else by number; None when it is gone."""
    try:
        status = Path(f"/proc/{tgid}/status").read_text(errors="replace")
    except OSError:
        return None
    number = int(status.partition("\nUid:")[2].split(maxsplit=2)[1])
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def script_of(executable: str, arguments: Sequence[str]) -> tuple[str, str]:
    """What an interpreter runs, as an identity and as a name; both empty for other programs.

    `python -m http.server` is `http.server`, `python app.py` is `app`, two applications under gunicorn are two.
    """
    if not _INTERPRETERS.match(basename(executable)) or not arguments:
        return "", ""
    if title := _TITLE.match(arguments[0]):
        return f"{title[1]} {title[2]}", title[2].partition(":")[0]
    rest = iter(arguments[1:])
    for argument in rest:
        if argument in _MODULE_FLAGS:
            return _launched(next(rest, ""), rest)
        if argument in _CODE_FLAGS:
            return next(rest, argument), ""
        if argument in _WITH_VALUE:
            next(rest, None)
        elif not argument.startswith("-"):
            return _launched(argument, rest)
    return "", ""


def _launched(script: str, rest: Iterator[str]) -> tuple[str, str]:
    if script.startswith(("/dev/fd/", "/dev/stdin", "/proc/")):
        # A file that the caller opened: its number says nothing.
        return "", ""
    name = basename(script)
    for ending in (".py", ".js", ".mjs", ".rb", ".jar", ".sh", ".pl", ".php"):
        name = name.removesuffix(ending)
    if name not in _LAUNCHERS:
        return script, name
    named = ""
    for argument in rest:
        if argument in ("-A", "--app"):
            named = next(rest, "")
            break
        if _APP.match(argument) and (":" in argument or not named):
            named = argument
            if ":" in argument:
                break
    return f"{name} {named}".rstrip(), named.partition(":")[0] or name


def cgroup_of(lines: Sequence[str], is_container: re.Pattern[str]) -> str:
    """The cgroup that says most about a process, from the lines of /proc/<pid>/cgroup.

    A container's if any hierarchy has one, else the unified one's, else systemd's, else the deepest.
    """
    paths: dict[str, str] = {}
    for line in lines:
        _, controllers, path = line.rstrip("\n").split(":", 2)
        paths[controllers] = path
    for path in paths.values():
        if is_container.search(path):
            return path
    for name in ("", "name=systemd"):
        if paths.get(name, "/") != "/":
            return paths[name]
    return max(paths.values(), key=len, default="/")


def read_facts(tgid: int, is_container: re.Pattern[str]) -> Facts | None:
    """What /proc says; None when the process is gone."""
    base = Path(f"/proc/{tgid}")
    try:
        comm = (base / "comm").read_text(errors="replace").strip()
        command = (base / "cmdline").read_bytes().decode(errors="surrogateescape").rstrip("\0")
        cgroups = (base / "cgroup").read_text().splitlines()
        start = start_of((base / "stat").read_text(errors="replace"))
    except OSError:
        return None
    try:
        executable = str((base / "exe").readlink()).removesuffix(" (deleted)")
    except OSError:
        executable = comm
    arguments = tuple(command.split("\0")) if command else ()
    executable = called_as(executable, arguments[0] if arguments else "", base / "root")
    unified = next((line[3:] for line in cgroups if line.startswith("0::")), None)
    return Facts(tgid, executable, arguments, cgroup_of(cgroups, is_container), comm, start, unified=unified)


def start_of(stat: str) -> int:
    """ns since boot at which a process began, to the clock tick, from /proc/<pid>/stat."""
    return int(stat.rpartition(")")[2].split()[19]) * _TICK_NS


def start_of_process(tgid: int) -> int | None:
    """The same of a process; None when it is gone."""
    try:
        return start_of(Path(f"/proc/{tgid}/stat").read_text(errors="replace"))
    except OSError:
        return None


def called_as(executable: str, word: str, root: Path = Path("/")) -> str:
    """The path of a program under the name it was called by, where that name is a link beside it.

    `redis-server` is a link to `redis-check-rdb`, every command of a small image one to `busybox`. `word`: what it was
    called. `root`: where its paths begin.
    """
    name = basename(word.split(" ", 1)[0])
    path = Path(executable)
    if not name or name == path.name or not path.is_absolute():
        return executable
    try:
        target = (root / path.parent.relative_to("/") / name).readlink()
    except OSError:
        return executable
    # A link to the same program with its version (python3 to python3.11) is no other program.
    if _INTERPRETERS.match(path.name):
        return executable
    return str(path.parent / name) if target.name == path.name else executable
