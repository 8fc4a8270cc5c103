"""`hopscope run`: both halves on this host, and the live view."""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import click

from hopscope.cli.children import Half
from hopscope.settings import AgentSettings, ServerSettings, address, read

EPILOG = """\b
Examples:
  hopscope run
  hopscope run --no-server
  hopscope run --config /etc/hopscope.toml

\b
The server half needs more packages (pip install 'hopscope[server]') and its two
ports. Without them the agent and the view run alone, and it is said why.
Ctrl-C or q ends all of it.
"""
PATIENCE = 60.0
"""Seconds until the agent must have its probes in the kernel: some kernels' verifiers are slow."""


@click.command(epilog=EPILOG)
@click.option("--config", type=click.Path(path_type=Path), help="A TOML file with [agent] and [server].")
@click.option("--socket", metavar="PATH", type=click.Path(path_type=Path), help="The agent's local socket.")
@click.option("--grpc", metavar="HOST:PORT", help="Where agents report to the server.")
@click.option("--http", metavar="HOST:PORT", help="Where the server's API is.")
@click.option("--data-dir", metavar="FOLDER", type=click.Path(path_type=Path), help="Where the server keeps its data.")
@click.option("--no-server", is_flag=True, help="Only the agent and the view.")
def command(
    config: Path | None,
    socket: Path | None,
    grpc: str | None,
    http: str | None,
    data_dir: Path | None,
    no_server: bool,
) -> None:
    """Start agent and server on this host and show live which process talks to which.

    Needs root; the server half does not keep it. Without a terminal it says
    where to look and stays.
    """
    from hopscope.client import HopscopeError
    from hopscope.client.agent_socket import connect

    agent = read(AgentSettings, config, {"socket": socket})
    server = read(ServerSettings, config, {"grpc": grpc, "http": http, "data_dir": data_dir})
    if os.geteuid() != 0:
        raise HopscopeError("hopscope run puts probes into the kernel and needs root: sudo hopscope run")
    if (there := connect(agent.socket)) is not None:
        there.close()
        raise HopscopeError(f"an agent already runs at {agent.socket}; hopscope top shows what it sees")
    why_not = "--no-server" if no_server else _no_server_because(server)
    view = sys.stdout.isatty() and sys.stdin.isatty()
    if why_not and not no_server:
        print(f"hopscope: without the server: {why_not}", file=sys.stderr)
    with _ended_by_signals(), _halves(config, agent, server, not why_not, view) as halves:
        _await_agent(halves[0], agent.socket)
        print(_where(agent, None if why_not else server), flush=True)
        if view:
            _view(halves, agent, why_not, None if why_not else _page(server))
        else:
            _stay(halves)


def _no_server_because(settings: ServerSettings) -> str | None:
    """Why a server could not start here, in one clause with what to do; None if nothing speaks against it."""
    missing = [name for name in ("chdb", "grpc", "uvicorn") if find_spec(name) is None]
    if missing:
        return f"{', '.join(missing)} not installed; pip install 'hopscope[server]'"
    for name in ("grpc", "http"):
        where = getattr(settings, name)
        host, port = address(name, where)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                return f"{where} is not to be had ({error.strerror}); another --{name}, or stop what has it: ss -ltnp"
    return None


@contextmanager
def _halves(
    config: Path | None, agent: AgentSettings, server: ServerSettings, both: bool, quiet: bool
) -> Iterator[list[Half]]:
    """Agent and, if `both`, server at work for as long as the block runs; the agent is the first and ends first."""
    common = ["--config", str(config)] if config else []
    report = agent.server
    if both:
        report = f"unix:{server.socket}" if server.socket else server.grpc
    elif report == AgentSettings().server:
        report = None  # nobody would be there
    halves = []
    try:
        halves.append(Half("agent", [*common, "--socket", str(agent.socket), "--server", report or "none"], quiet))
        if both:
            given = ["--grpc", server.grpc, "--http", server.http, "--data-dir", str(server.data_dir)]
            halves.append(Half("server", [*common, *given], quiet))
        yield halves
    finally:
        for half in halves:
            half.stop()


def _await_agent(agent: Half, path: Path) -> None:
    from hopscope.client import HopscopeError
    from hopscope.client.agent_socket import connect

    end = time.monotonic() + PATIENCE
    while (there := connect(path)) is None:
        if agent.ended:
            raise HopscopeError(f"the agent ended: {agent.last_words}")
        if time.monotonic() > end:
            raise HopscopeError(f"the agent does not answer at {path} after {PATIENCE:.0f} s; see hopscope agent")
        time.sleep(0.02)
    there.close()


def _view(halves: list[Half], agent: AgentSettings, why_not: str | None, page: str | None) -> None:
    from hopscope.cli.live import Live
    from hopscope.client import HopscopeError, Selection, watching

    def notice() -> str | None:
        if why_not:
            return "no server"
        return "the server ended; q says why" if halves[-1].ended else page

    with watching(Selection(), settings=agent) as window:
        app = Live(window, notice=notice)
        app.run()
    if halves[0].ended:
        raise HopscopeError(f"the agent ended: {halves[0].last_words}")
    if app.failure is not None:
        raise app.failure
    if halves[-1].ended:
        raise HopscopeError(f"the server ended: {halves[-1].last_words}")


def _where(agent: AgentSettings, server: ServerSettings | None) -> str:
    at = f"the page is at {_page(server)}; " if server else ""
    return f"hopscope watches this host: {at}hopscope top and hopscope profile ask the agent at {agent.socket}"


def _page(server: ServerSettings) -> str:
    """The address as one clicks it."""
    scheme = "https" if server.tls_cert else "http"
    host, port = address("http", server.http)
    name = "localhost" if host in ("127.0.0.1", "::1") else f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}:{port}"


def _stay(halves: list[Half]) -> None:
    """Until a signal comes or the agent ends; a server that ends is said, and the agent goes on."""
    from hopscope.client import HopscopeError

    said = False
    while True:
        time.sleep(0.2)
        if halves[0].ended:
            raise HopscopeError("the agent ended; its last words are above")
        if halves[-1].ended and not said:
            said = True
            print("hopscope: the server ended, its last words are above; the agent goes on", file=sys.stderr)


class _Ended(Exception):
    pass


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGINT end the block in order; that is how this command is meant to end."""

    def end(_number: int, _frame: object) -> None:
        raise _Ended

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    except _Ended:
        pass
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
