"""The command line: one command per file."""

from __future__ import annotations

import errno
import os
import sys
from traceback import walk_tb

import click

from hopscope import logs

EXTRAS = {
    "numpy": "agent",
    "google": "agent",
    "grpc": "agent",
    "chdb": "server",
    "uvicorn": "server",
    "anyio": "server",
    "ariadne": "server",
    "graphql": "server",
    "httpx": "server",
    "starlette": "server",
    "prometheus_client": "server",
    "pyarrow": "all",
    "pandas": "all",
    "cryptography": "demo",
}


class Commands(click.Group):
    """Commands that are imported when they are asked for, so that `--help` needs nothing and starts at once."""

    names = (
        "profile", "top", "show", "diff", "check", "run", "demo", "agent", "server", "store",
        "services", "instances", "processes", "task", "topology", "edges", "connections", "mesh", "token",
    )  # fmt: skip

    def list_commands(self, context: click.Context) -> list[str]:
        """The commands, the most used first."""
        return list(self.names)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        """A command by its name; None if there is none."""
        if name not in self.names:
            return None
        module = __import__(f"hopscope.cli.{name}", fromlist=["command"])
        command: click.Command = module.command
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="hopscope")
def hopscope() -> None:
    """Which process talks to which, how fast, how lossy, and which hop is to blame.

    \b
    hopscope run                      agent and server, and a live view
    hopscope top                      the live view of this host
    hopscope profile --duration 10    one picture of this host
    """


def main(arguments: list[str] | None = None) -> int:
    """Runs a command and says in one line what went wrong. Returns the exit code."""
    try:
        result = hopscope.main(arguments, prog_name="hopscope", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        return 130
    except click.ClickException as error:
        return _say(error.format_message(), error.exit_code)
    except BrokenPipeError:
        # The reader, for example `head`, has what it wanted. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if os.environ.get("HOPSCOPE_DEBUG"):
            raise
        return _say(*_explained(error))


def _explained(error: Exception) -> tuple[str, int]:
    if isinstance(error, ModuleNotFoundError) and (extra := _extra(error)):
        return f"{error.name} is not installed; pip install 'hopscope[{extra}]'", 1
    if type(error).__module__.startswith("hopscope."):
        return str(error) or type(error).__name__, getattr(error, "exit_code", 1)
    if isinstance(error, OSError):
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            where = error.filename or "the output"
            return f"cannot write {where}: {error.strerror}; make room, or choose another place", 1
        return f"{error.strerror or error}: {error.filename}" if error.filename else error.strerror or str(error), 1
    return f"internal error: {type(error).__name__}: {error}; HOPSCOPE_DEBUG=1 shows the traceback", 70


def _extra(error: ModuleNotFoundError) -> str | None:
    """What brings a package that is not installed: the part of hopscope that wanted it says more than its name."""
    wanted = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(error.__traceback__)]
    ours = next((name for name in reversed(wanted) if name.startswith("hopscope.")), "")
    known = EXTRAS.get((error.name or "").partition(".")[0])
    return "server" if known and ours.startswith("hopscope.server.") else known


def _say(what: str, code: int) -> int:
    line = " ".join(what.split())
    if not logs.last_words(line):
        print(f"hopscope: {line}", file=sys.stderr)
    return code or 1
