"""Do conversations of real programs get their label, however calls cut them, and none another's?"""

import ctypes
import itertools
import random

import pytest

from hopscope.agent.protocols import DECIDED, LIKELY, PROTOCOL_MASK, SECURE, UNKNOWN, Label
from tests.protocols.conversation import NAMES, Conversation, Piece, in_steps, recorded, recordings

LABELS = {
    "grpc": Label("grpc", "none"),
    "http-nginx": Label("http", "none"),
    "http-python": Label("http", "none"),
    "http-upgrade-refused": Label("http", "none"),
    "http2-nginx": Label("http2", "none"),
    "kafka": Label("kafka", "none"),
    "mongodb": Label("mongodb", "none"),
    "mysql": Label("mysql", "none"),
    "mysql-pymysql": Label("mysql", "tls"),
    "mysql-tls": Label("mysql", "tls"),
    "postgresql": Label("postgresql", "none"),
    "postgresql-tls": Label("postgresql", "tls"),
    "redis": Label("redis", "none"),
    "redis-inline": Label("redis", "none"),
    "redis-resp3": Label("redis", "none"),
    "tls-nginx": Label("unknown", "tls"),
    "tls-openssl": Label("unknown", "tls"),
}
EACH = [(name, at) for name in recordings() for at in range(len(recorded(name)))]


def test_every_recording_has_a_label() -> None:
    assert set(recordings()) == set(LABELS)


def test_python_and_c_mean_the_same_bits(code: ctypes.CDLL) -> None:
    constants = (ctypes.c_uint32 * 4).in_dll(code, "constants")
    assert list(constants) == [PROTOCOL_MASK, SECURE, LIKELY, DECIDED]


@pytest.mark.parametrize(("name", "at"), EACH)
@pytest.mark.parametrize("older", [False, True])
def test_as_the_calls_were(code: ctypes.CDLL, name: str, at: int, older: bool) -> None:
    assert Conversation(code, older).say(recorded(name)[at]).label == LABELS[name]


@pytest.mark.parametrize(("name", "at"), EACH)
@pytest.mark.parametrize("size", [1, 4, 5, 9, 40, 128])
def test_in_calls_of_one_size(code: ctypes.CDLL, name: str, at: int, size: int) -> None:
    """HTTP/2 in calls smaller than its frame headers cannot be told from gRPC, and is not."""
    label = Conversation(code).say(in_steps(recorded(name)[at], itertools.repeat(size))).label
    small = LABELS[name].protocol in ("http2", "grpc") and size < 40
    assert label == LABELS[name] or (small and label == UNKNOWN)


@pytest.mark.parametrize(("name", "at"), EACH)
def test_in_calls_of_any_size(code: ctypes.CDLL, name: str, at: int) -> None:
    source = random.Random(11)
    for _ in range(100):
        sizes = iter(lambda: source.choice((1, 2, 4, 5, 7, 13, 100, 1000)), None)
        label = Conversation(code, source.random() < 0.5).say(in_steps(recorded(name)[at], sizes)).label
        assert label in (LABELS[name], UNKNOWN)


@pytest.mark.parametrize(("name", "at"), EACH)
def test_from_any_message_on(code: ctypes.CDLL, name: str, at: int) -> None:
    """Of a TLS connection the inner protocol is not to be seen later; HTTP/2 from the middle is HTTP/2."""
    wanted = {LABELS[name], UNKNOWN}
    if LABELS[name].security == "tls":
        wanted.add(Label("unknown", "tls"))
    pieces = recorded(name)[at]
    for start in range(len(pieces)):
        conversation = Conversation(code, older=True).say(pieces[start:])
        assert conversation.label in wanted and conversation.label_at_end.protocol in (LABELS[name].protocol, "unknown")


@pytest.mark.parametrize("name", ["mysql", "postgresql", "redis", "mongodb", "kafka", "http-python", "grpc"])
def test_an_older_connection_gets_its_label_later(code: ctypes.CDLL, name: str) -> None:
    """Idle it is unknown; once a request and its answer went by, it has a label."""
    conversation = Conversation(code, older=True)
    assert conversation.label_at_end == UNKNOWN
    pieces = recorded(name)[0]
    starts = [at for at in range(len(pieces)) if at == 0 or pieces[at].from_client]
    labels = [Conversation(code, older=True).say(pieces[at:]).label for at in starts]
    assert LABELS[name] in labels[1:] or len(pieces) < 4


def test_every_client_with_every_other_server(code: ctypes.CDLL) -> None:
    sides = {
        name: [[p for p in recorded(name)[0] if p.from_client is who] for who in (True, False)] for name in recordings()
    }
    for (asks, (asking, _)), (answers, (_, answering)) in itertools.product(sides.items(), repeat=2):
        family = {"grpc": "http2"}  # gRPC is HTTP/2 with a content type of its own, and the request says which.
        asked, answered = (family.get(name, name) for name in (LABELS[asks].protocol, LABELS[answers].protocol))
        same = asked == answered
        both_tls = LABELS[asks].security == LABELS[answers].security == "tls"
        for first in (asking, answering):
            second = answering if first is asking else asking
            mixed = [p for pair in itertools.zip_longest(first, second) for p in pair if p is not None]
            for older in (False, True):
                label = Conversation(code, older).say(mixed).label
                assert label == UNKNOWN or same or (both_tls and label.protocol == "unknown"), (asks, answers, label)


def test_damaged_conversations_never_get_another_label(code: ctypes.CDLL) -> None:
    source = random.Random(5)
    for name, at in EACH:
        for _ in range(300):
            pieces = []
            for piece in recorded_once(name, at):
                data = bytearray(piece.data)
                for _ in range(source.randrange(3)):
                    data[source.randrange(min(len(data), 64))] = source.randrange(256)
                pieces.append(Piece(piece.from_client, bytes(data), piece.length))
            source.random() < 0.2 and source.shuffle(pieces)
            label = Conversation(code, source.random() < 0.5).say(pieces).label
            # A gRPC conversation whose content type is damaged is HTTP/2.
            near = {"grpc": ("grpc", "http2")}.get(LABELS[name].protocol, (LABELS[name].protocol,))
            assert label.protocol in (*near, "unknown"), (name, label)


def recorded_once(name: str, at: int, _known: dict[tuple[str, int], list[Piece]] = {}) -> list[Piece]:  # noqa: B006
    if (name, at) not in _known:
        _known[name, at] = recorded(name)[at]
    return _known[name, at]


@pytest.mark.parametrize("older", [False, True])
def test_random_bytes_get_no_label(code: ctypes.CDLL, older: bool) -> None:
    source = random.Random(3)
    for _ in range(20000):
        conversation = Conversation(code, older)
        for turn in range(8):
            length = source.choice((1, 4, 9, 20, 60, 200, 3000))
            data = source.randbytes(min(length, 512))
            if source.random() < 0.5:
                data = bytes(length and source.choice((0, 0, 0, 1, 22, 23)) for _ in range(4))[:length] + data[4:]
            conversation.moved(Piece(turn % 2 == 0, data, length))
        assert conversation.label_at_end == UNKNOWN, conversation.label_at_end


def test_names_are_the_enums() -> None:
    assert len(NAMES) == 10 and NAMES[9] == "PROTOCOL_TLS"
