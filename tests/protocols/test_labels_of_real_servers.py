"""Does a connection between a real client and a real server get its label, on the kernel that runs?"""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.protocols.record import CONVERSATIONS
from tests.system.observing import edges_to, observing

pytestmark = pytest.mark.usefixtures("root")
HEAVY = ("mysql", "postgresql", "kafka", "mongodb")
"""Their servers are large packages."""


def _case(name: str) -> object:
    heavy = [pytest.mark.heavy, pytest.mark.timeout(600)] if name.startswith(HEAVY) else []
    return pytest.param(name, marks=heavy)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Some servers run as users of their own, whom every pytest that starts locks out of pytest's own folders."""
    with tempfile.TemporaryDirectory(prefix="hopscope-server-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize("name", [_case(name) for name in CONVERSATIONS])
def test_label(name: str, folder: Path) -> None:
    serve, talk, wanted = CONVERSATIONS[name]
    with serve(folder) as port, observing("off") as seen:
        talk(port)
        time.sleep(0.2)
        picture = seen.take()
    labels = {(edge.protocol, edge.security) for edge in edges_to(picture, port)}
    assert labels == {tuple(wanted.split())}


def test_what_a_tls_client_asks_for_is_shown(folder: Path) -> None:
    serve, talk, _ = CONVERSATIONS["tls-openssl"]
    with serve(folder) as port, observing("off") as seen:
        talk(port)
        time.sleep(0.2)
        (edge,) = edges_to(seen.take(), port)
    assert edge.tls is not None
    assert edge.tls["sni"] == ("reviews.default.svc",)
    assert set(edge.tls["alpn"]) == {"h2", "http/1.1"}
