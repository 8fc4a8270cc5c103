"""`hopscope agent`: the half that watches this host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from hopscope.cli.children import end_with_parent
from hopscope.cli.flags import settings
from hopscope.settings import AgentSettings, read

EPILOG = """\b
Examples:
  hopscope agent
  hopscope agent --server 10.0.0.5:11800
  hopscope agent --config /etc/hopscope.toml

\b
/etc/hopscope.toml:
  [agent]
  server = "10.0.0.5:11800"
  slots = 131072
"""


@click.command(epilog=EPILOG)
@settings(AgentSettings)
@click.option("--child", is_flag=True, hidden=True)
def command(config: Path | None, child: bool, **flags: Any) -> None:
    """Watch this host, all the time or on demand, and report to a server. Needs root."""
    chosen = read(AgentSettings, config, flags)
    from hopscope.agent.run import run

    if child:
        end_with_parent()
    run(chosen)
