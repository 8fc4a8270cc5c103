"""Do conversations that look like another protocol, or change it on their way, get the right label or none?"""

import ctypes
import struct

import pytest

from hopscope.agent.protocols import UNKNOWN, Label
from tests.protocols.conversation import Conversation, Piece, client, recorded, server

HTTP, HTTP2, GRPC = Label("http", "none"), Label("http2", "none"), Label("grpc", "none")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HUFFMAN = bytes.fromhex("1d75d0620d263d4c4d6564")
GET = client(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
OK = server(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + struct.pack(">BBI", kind, flags, stream) + payload


SETTINGS, ACK = frame(4, 0, 0, b"\0\3\0\0\0\x64"), frame(4, 1, 0, b"")
ANSWER = frame(1, 4, 1, b"\x88\x76\x82\xaa\x63")
PLAIN_REQUEST = frame(1, 5, 1, b"\x82\x84\x86\x41\x01a")


def request(content_type: bytes) -> bytes:
    return frame(1, 4, 1, b"\x83\x86\x44\x02/a\x41\x01a\x5f" + content_type)


def literal(text: bytes) -> bytes:
    return bytes([len(text)]) + text


def mysql(number: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


COLUMN = b"\x03def\x01d\x01t\x01t\x01a\x01a\x0c\x3f\0\x0b\0\0\0\x03\0\0\0\0\0"

CONVERSATIONS = {
    "http head and answer": ([client(b"HEAD /a HTTP/1.0\r\n\r\n"), OK], HTTP),
    "http options": ([client(b"OPTIONS * HTTP/1.1\r\n\r\n"), OK], HTTP),
    "http connect": ([client(b"CONNECT a:443 HTTP/1.1\r\n\r\n"), OK], HTTP),
    "http long target": ([client(b"GET /" + b"x" * 900 + b" HTTP/1.1\r\n\r\n"), OK], HTTP),
    "websocket": (
        [GET, server(b"HTTP/1.1 101 Switching Protocols\r\n\r\n"), client(b"\x81\x85abcdefghi"), server(b"\x81\x05")],
        HTTP,
    ),
    "h2c by upgrade": (
        [GET, server(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n" + SETTINGS), client(PREFACE + ACK)],
        HTTP2,
    ),
    "http2, settings first": ([server(SETTINGS), client(PREFACE + SETTINGS + PLAIN_REQUEST), server(ANSWER)], HTTP2),
    "http2 in many writes": (
        [client(PREFACE), client(SETTINGS), client(PLAIN_REQUEST), server(SETTINGS), server(ACK), server(ANSWER)],
        HTTP2,
    ),
    "grpc, literal": ([client(PREFACE + SETTINGS + request(literal(b"application/grpc"))), server(SETTINGS)], GRPC),
    "grpc, with its encoding": (
        [client(PREFACE + SETTINGS), server(SETTINGS), client(request(literal(b"application/grpc+proto")))],
        GRPC,
    ),
    "grpc, huffman": (
        [client(PREFACE), client(SETTINGS + request(bytes([0x80 | 11]) + HUFFMAN)), server(SETTINGS + ACK)],
        GRPC,
    ),
    "grpc, only the answer says it": (
        [
            client(PREFACE + SETTINGS + PLAIN_REQUEST),
            server(SETTINGS),
            server(frame(1, 4, 1, b"\x88\x5f" + literal(b"application/grpc"))),
        ],
        GRPC,
    ),
    "grpc-web": (
        [
            client(PREFACE + SETTINGS + request(literal(b"application/grpc-web"))),
            server(SETTINGS + ACK),
            client(ACK),
            server(ANSWER),
        ],
        HTTP2,
    ),
    "http2 asked of an http1 server": (
        [client(PREFACE + SETTINGS + PLAIN_REQUEST), server(b"HTTP/1.1 400 Bad Request\r\n\r\n")],
        UNKNOWN,
    ),
    "http asked of redis": ([GET, server(b"-ERR wrong number of arguments for 'get' command\r\n")], UNKNOWN),
    "redis, typed by a person": ([client(b"GET page\r\n"), server(b"$2\r\nok\r\n")], Label("redis", "none")),
    "a request half answered": ([GET, server(b"H"), client(b"G"), OK], UNKNOWN),
    "http 0.9": ([client(b"GET /\r\n"), server(b"<html></html>")], UNKNOWN),
    "rtsp": ([client(b"OPTIONS rtsp://a RTSP/1.0\r\nCSeq: 1\r\n\r\n"), server(b"RTSP/1.0 200 OK\r\n\r\n")], UNKNOWN),
    "pop3": (
        [
            server(b"+OK ready\r\n"),
            client(b"USER a\r\n"),
            server(b"+OK\r\n"),
            client(b"STAT\r\n"),
            server(b"+OK 0 0\r\n"),
        ],
        UNKNOWN,
    ),
    "nats": (
        [server(b'INFO {"a":1}\r\n'), client(b"CONNECT {}\r\nPING\r\n"), server(b"PONG\r\n"), client(b"PING\r\n")],
        UNKNOWN,
    ),
    "memcached": (
        [
            client(b"get a\r\n"),
            server(b"VALUE a 0 1\r\nx\r\nEND\r\n"),
            client(b"set a 0 0 1\r\nx\r\n"),
            server(b"STORED\r\n"),
        ],
        UNKNOWN,
    ),
    "smtp, then TLS": (
        [
            server(b"220 a ESMTP\r\n"),
            client(b"EHLO b\r\n"),
            server(b"250-a\r\n250 STARTTLS\r\n"),
            client(b"STARTTLS\r\n"),
            server(b"220 go\r\n"),
            *recorded("tls-openssl")[0][:2],
        ],
        Label("unknown", "tls"),
    ),
    "kafka, another correlation": (
        [client(struct.pack(">ihhih", 14, 18, 0, 7, 4) + b"test"), server(struct.pack(">iihi", 10, 8, 0, 0))],
        UNKNOWN,
    ),
    "mongodb, another request": (
        [
            client(struct.pack("<iiiiIB", 26, 5, 0, 2013, 0, 0) + b"\x05\0\0\0\0"),
            server(struct.pack("<iiiiIB", 26, 9, 6, 2013, 0, 0) + b"\x05\0\0\0\0"),
        ],
        UNKNOWN,
    ),
    "postgresql refuses TLS, then starts": (
        [
            client(struct.pack(">ii", 8, 80877103)),
            server(b"N"),
            client(struct.pack(">ii", 22, 196608) + b"user\0postgr\0\0"),
            server(struct.pack(">cii", b"R", 8, 0)),
        ],
        Label("postgresql", "none"),
    ),
    "postgresql asks for GSS, then TLS": (
        [
            client(struct.pack(">ii", 8, 80877104)),
            server(b"N"),
            client(struct.pack(">ii", 8, 80877103)),
            server(b"S"),
            *recorded("tls-openssl")[0][:2],
        ],
        Label("postgresql", "tls"),
    ),
    "a byte S is no answer by itself": ([client(b"\0\0\0\x08"), server(b"S"), client(b"x"), server(b"N")], UNKNOWN),
}


@pytest.mark.parametrize("name", CONVERSATIONS)
@pytest.mark.parametrize("older", [False, True])
def test_label(code: ctypes.CDLL, name: str, older: bool) -> None:
    pieces, label = CONVERSATIONS[name]
    assert Conversation(code, older).say(pieces).label == label


@pytest.mark.parametrize("length", [1, 255, 256, 512, 1024, 4096, 16384, 65536])
@pytest.mark.parametrize("first", range(10))
def test_a_mysql_result_set_is_never_http2(code: ctypes.CDLL, length: int, first: int) -> None:
    """Rows whose length and number read as the length and type of a frame, from the middle of a connection on."""
    row = mysql(first, (bytes([4, 0, 0, 0, 1, 0x88]) + b"\0" * length)[:length])
    query = mysql(0, b"\x03select a from t")
    for pieces in ([server(row), client(query)], [client(query), server(row)], [client(row), server(row)]):
        label = Conversation(code, older=True).say(pieces * 4).label
        assert label in (UNKNOWN, Label("mysql", "none"))
    result = mysql(1, b"\1") + mysql(2, COLUMN) + row
    assert Conversation(code, older=True).say([server(row), client(query), server(result)]).label.protocol == "mysql"


def test_a_value_of_redis_that_looks_like_http(code: ctypes.CDLL) -> None:
    """Read as clients do: the length first, then the value."""
    get = client(b"*2\r\n$3\r\nGET\r\n$4\r\npage\r\n")
    value = [server(b"$15\r\n"), server(b"HTTP/1.1 200 OK"), server(b"\r\n")]
    for older in (False, True):
        assert Conversation(code, older).say([get, *value]).label == Label("redis", "none")
    assert Conversation(code, True).say([*value[1:], get, *value]).label == Label("redis", "none")
    assert Conversation(code, True).say([value[1], get, value[1]]).label == UNKNOWN


def test_mysql_seen_from_its_start_begins_with_the_greeting(code: ctypes.CDLL) -> None:
    talk = [client(mysql(0, b"\x03select a from t")), server(mysql(1, b"\0\0\0\2\0\0\0"))]
    assert Conversation(code, older=True).say(talk).label == Label("mysql", "none")
    assert Conversation(code).say(talk).label == UNKNOWN


def test_http2_whose_frames_were_lost_may_be_grpc(code: ctypes.CDLL) -> None:
    """Nothing is said then, at this end; the other one reads or writes in other pieces."""
    ping = frame(6, 0, 0, b"12345678")
    pieces = [client(PREFACE), server(SETTINGS)] + [piece for byte in ping * 60 for piece in (client(bytes([byte])),)]
    assert Conversation(code).say([*pieces, *[server(ACK), client(ACK)] * 20]).label_at_end == UNKNOWN


def test_bytes_that_cannot_be_read_end_a_message(code: ctypes.CDLL) -> None:
    conversation = Conversation(code)
    conversation.moved(GET, shown=0)
    conversation.moved(OK)
    assert not conversation.decided
    assert conversation.say([GET, OK]).label == HTTP


def test_a_body_that_cannot_be_read_does_not_hide_its_head(code: ctypes.CDLL) -> None:
    """nginx writes the head from memory and sends the file from pages."""
    conversation = Conversation(code)
    conversation.moved(GET)
    conversation.moved(OK)
    assert conversation.label == HTTP


def test_what_stays_undecided_is_given_up(code: ctypes.CDLL) -> None:
    talk = Conversation(code).say([client(b"\xff"), server(b"\xfe")] * 20)
    assert talk.decided and talk.label == UNKNOWN and talk.moves <= 17
    upload = Conversation(code).say(Piece(True, b"", 100_000) for _ in range(2000))
    assert upload.decided and upload.label == UNKNOWN and upload.moves <= 1001


def test_a_label_does_not_change(code: ctypes.CDLL) -> None:
    conversation = Conversation(code).say([GET, OK])
    state = conversation.state
    for piece in recorded("redis")[0]:
        conversation.moved(piece)
    assert conversation.state == state
