"""Does a server that became nobody answer everything where nobody may read the place that it is installed in?"""

from __future__ import annotations

import importlib.metadata
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

import hopscope

from .conftest import Server

# Root reads them when the program starts; nobody else ever does.
CLOSED = """
set -e
mount --make-rprivate /
for folder in "$1" "$2"; do
  copy=$(mktemp -d)
  cp -a "$folder/." "$copy"
  mount -t tmpfs -o mode=700 tmpfs "$folder"
  cp -a "$copy/." "$folder"
  chmod 700 "$folder"
  rm -r "$copy"
done
shift 2
exec "$@"
"""
QUESTIONS = """{
  server { version } agents { host } me { name } tasks { id } store { version } storeFaults search(text: "x") { id }
  services { total } mesh(window: {last: 60}) { entries } edges(window: {last: 60}) { total }
}"""


@pytest.mark.timeout(180)
def test_each_address_is_answered(make_server: Callable[..., Server], root: None) -> None:
    server = make_server("--user", "nobody", "--socket", "none")
    for folder in (server.folder, server.folder.parent):
        folder.chmod(0o755)
    installed = importlib.metadata.distribution("hopscope").locate_file("")
    (known,) = Path(str(installed)).glob("hopscope-*.dist-info")
    server.wrapper = ("unshare", "--mount", "sh", "-c", CLOSED, "sh", str(known), str(Path(hopscope.__file__).parent))
    server.start()
    assert server.ask(QUESTIONS)["server"]["version"] == importlib.metadata.version("hopscope")
    for path in ("/metrics", "/healthz", "/readyz", "/"):
        with urllib.request.urlopen(server.http.removesuffix("/graphql") + path, timeout=30) as answer:
            assert answer.status == 200 and answer.read()
    said = (server.folder / "log").read_text()
    assert "Traceback" not in said, said
