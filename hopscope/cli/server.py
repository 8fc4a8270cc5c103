"""`hopscope server`: the half that keeps and answers."""

from __future__ import annotations

from importlib import import_module
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


# Imported before the user changes: the new one may not be allowed to read the folders that they lie in, /root for one.
IMPORTED_LATE = (
    *("chdb.dbapi", "chdb.progress_display", "chdb.session", "chdb.udf", "pyarrow.types", "decimal", "encodings.idna"),
    *("unicodedata", "xml.etree.ElementTree", "grpc._server", "grpc._interceptor", "uvicorn.loops.auto"),
    *("uvicorn.lifespan.off", "uvicorn.protocols.http.auto", "uvicorn.protocols.websockets.auto"),
)


@click.command(epilog=EPILOG)
@settings(ServerSettings)
@click.option("--child", is_flag=True, hidden=True)
def command(config: Path | None, child: bool, **flags: Any) -> None:
    """Receive what agents report, keep it and answer questions. Needs no root and does not keep it."""
    chosen = read(ServerSettings, config, flags)
    from hopscope.server.run import serve

    for module in IMPORTED_LATE:
        import_module(module)
    become(chosen)
    if child:
        end_with_parent()
    serve(chosen)
