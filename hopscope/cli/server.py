"""`hopscope server`: the half that keeps and answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hopscope.cli.children import become, end_with_parent
from hopscope.cli.flags import settings
from hopscope.settings import ServerSettings, read

EPILOG = """\b
Examples:
  hopscope server
  hopscope server --data-dir ~/hopscope --http 127.0.0.1:9090
  hopscope server --config /etc/hopscope.toml

\b
/etc/hopscope.toml:
  [server]
  retention_hours = 48
"""


@click.command(epilog=EPILOG)
@settings(ServerSettings)
@click.option("--child", is_flag=True, hidden=True)
def command(config: Path | None, child: bool, **flags: Any) -> None:
    """Receive what agents report, keep it and answer questions. Needs no root and does not keep it."""
    chosen = read(ServerSettings, config, flags)
    # Before the user changes: the new one may not be allowed to read the place this package is installed in.
    from hopscope.server.run import serve

    become(chosen)
    if child:
        end_with_parent()
    serve(chosen)
