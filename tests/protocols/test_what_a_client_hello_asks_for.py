"""Do we read from a ClientHello the name and the protocols that the client was told to ask for?"""

import random
import ssl
import struct

import pytest

from hopscope.agent.protocols import DECIDED, LIKELY, SECURE, Label, label_of
from hopscope.agent.protocols.tls import PENDING, ClientHello, HelloPieces, client_hello


def openssl_hello(name: str | None, alpn: list[str]) -> bytes:
    """The first flight of this machine's OpenSSL."""
    context = ssl.create_default_context()
    context.check_hostname = False
    if alpn:
        context.set_alpn_protocols(alpn)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def with_first_extension(hello: bytes, kind: int, length: int) -> bytes:
    """The same hello with one more extension before the others, as a large post-quantum key share may stand."""
    at = 5 + 4 + 34
    at += 1 + hello[at]
    at += 2 + int.from_bytes(hello[at : at + 2])
    at += 1 + hello[at]
    extension = struct.pack(">HH", kind, length) + bytes(length)
    extensions = int.from_bytes(hello[at : at + 2]) + len(extension)
    body = hello[9:at] + struct.pack(">H", extensions) + extension + hello[at + 2 :]
    return hello[:3] + struct.pack(">H", len(body) + 4) + hello[5:6] + len(body).to_bytes(3) + body


@pytest.mark.parametrize("name", [None, "ratings.default.svc.cluster.local"])
@pytest.mark.parametrize("alpn", [[], ["h2"], ["istio-peer-exchange", "h2", "http/1.1"]])
def test_openssl(name: str | None, alpn: list[str]) -> None:
    assert client_hello(openssl_hello(name, alpn)) == ClientHello(name, tuple(alpn))


def test_a_large_key_share_before_the_name() -> None:
    hello = with_first_extension(openssl_hello("reviews", ["h2"]), 51, 1260)
    assert len(hello) > 1700
    assert client_hello(hello) == ClientHello("reviews", ("h2",))


def test_any_cut_gives_nothing_wrong() -> None:
    hello = openssl_hello("details", ["h2", "http/1.1"])
    for length in range(len(hello)):
        found = client_hello(hello[:length])
        if found is None:
            continue
        assert not found.complete
        assert found.sni in (None, "details") and found.alpn in ((), ("h2", "http/1.1"))


def test_pieces_as_servers_read_them() -> None:
    hello = openssl_hello("details", ["h2"])
    pieces = HelloPieces()
    assert pieces.add((7, 1), 0, hello[:5]) is None
    assert pieces.add((8, 1), 0, hello[:5]) is None
    assert pieces.add((7, 1), 5, hello[5:]) == ClientHello("details", ("h2",))
    assert pieces.add((7, 1), len(hello), b"x") is None
    assert pieces.add((8, 1), 6, hello[6:]) is None
    assert pieces.add((8, 1), 5, hello[5:]) is None


def test_beginnings_are_bounded() -> None:
    hello = openssl_hello("details", [])
    pieces = HelloPieces()
    for index in range(PENDING + 1):
        pieces.add((index, 1), 0, hello[:5])
    assert pieces.add((0, 1), 5, hello[5:]) is None
    assert pieces.add((PENDING, 1), 5, hello[5:]) == ClientHello("details", ())


def test_a_hello_split_over_records() -> None:
    hello = openssl_hello("details", ["h2"])
    body = hello[5:]
    split = b"".join(b"\x16\x03\x01" + struct.pack(">H", len(p)) + p for p in (body[:40], body[40:90], body[90:]))
    assert client_hello(split) == ClientHello("details", ("h2",))


def test_other_bytes_are_no_hello() -> None:
    source = random.Random(7)
    assert client_hello(b"") is None
    assert client_hello(b"GET / HTTP/1.1\r\n\r\n") is None
    for _ in range(2000):
        data = source.randbytes(source.randrange(300))
        assert client_hello(data) is None
        client_hello(b"\x16\x03\x01" + data)
        client_hello(b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03" + data)


def test_a_name_cannot_drive_the_terminal() -> None:
    hello = openssl_hello("details", []).replace(b"details", b"\x1b]0;x\x07\\")
    assert client_hello(hello) == ClientHello("\\x1b]0;x\\x07\\x5c", ())


NAMES = {0: "PROTOCOL_UNKNOWN", 1: "PROTOCOL_HTTP", 3: "PROTOCOL_MYSQL", 9: "PROTOCOL_TLS"}


@pytest.mark.parametrize(
    ("state", "closed", "label"),
    [
        (0, False, Label()),
        (1, True, Label()),
        (LIKELY | 1, False, Label()),
        (LIKELY | 1, True, Label("http", "none")),
        (DECIDED, False, Label()),
        (DECIDED | 1, False, Label("http", "none")),
        (DECIDED | SECURE | 9, False, Label("unknown", "tls")),
        (DECIDED | SECURE | 3, False, Label("mysql", "tls")),
        (DECIDED | 0x500 | 3, False, Label("mysql", "none")),
        (0xFFFFFFFF, False, Label()),
    ],
)
def test_what_the_kernels_state_stands_for(state: int, closed: bool, label: Label) -> None:
    assert label_of(state, NAMES, closed) == label
