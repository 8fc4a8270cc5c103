"""Is a window the difference of two readings, whoever else reads, and is nothing kept that nobody asks for?"""

import numpy as np

from hopscope.agent.books import COLUMN, Books
from hopscope.agent.listeners import Listeners
from hopscope.agent.truths import TcpTruths
from hopscope.edges.histogram import index_of

NEW = np.array([0])
"""No connection had the slot before."""
TRUTHS = np.dtype(
    [
        *((name, "u8") for name in ("at", "sent", "received", "retransmitted_bytes")),
        *((name, "u4") for name in ("srtt_us", "rttvar_us", "min_rtt_us", "segments_out", "retransmitted", "lost")),
        *((name, "u4") for name in ("out_of_order", "busy", "rwnd_limited", "sndbuf_limited", "zero_window_probes")),
        *((name, "u4") for name in ("unacked", "unread")),
    ]
)


def column(books: Books, side: int, name: str, since: object) -> int:
    return int(books.since(since).counts[side, COLUMN[name]])  # type: ignore[arg-type]


def test_two_windows_over_one_set_of_sums() -> None:
    books = Books()
    books.make_room(200)
    first = books.read()
    books.add(150, "opened", 2)
    books.duration(150, "connect", 1000)
    books.reason(150, "reset", "peer")
    second = books.read()
    books.add(150, "opened", 3)
    books.duration(150, "connect", 5000)
    books.reason(150, "reset", "peer", 4)
    assert (column(books, 150, "opened", first), column(books, 150, "opened", second)) == (5, 3)
    early, late = books.since(first), books.since(second)
    assert early.histograms[150, "connect"].sum() == 2 and late.histograms[150, "connect"].sum() == 1
    assert late.histograms[150, "connect"][index_of(5000)] == 1
    assert (early.reasons[150]["reset"]["peer"], late.reasons[150]["reset"]["peer"]) == (5, 4)


def test_what_was_read_does_not_change_afterwards() -> None:
    books = Books()
    start = books.read()
    books.duration(1, "write", 1000)
    grown = books.since(start)
    books.duration(1, "write", 1000)
    assert grown.histograms[1, "write"].sum() == 1


def test_a_side_that_is_given_to_another_starts_anew_in_every_window() -> None:
    books = Books()
    books.add(3, "opened", 7)
    books.duration(3, "connect", 10)
    books.reason(3, "drop", "no_socket")
    start = books.read()
    books.clear({3})
    books.add(3, "opened", 1)
    grown = books.since(start)
    assert grown.counts[3, COLUMN["opened"]] == 1 and (3, "connect") not in grown.histograms
    assert 3 not in grown.reasons


def reading(sent: int, received: int = 0, **more: int) -> np.ndarray:
    made = np.zeros(1, TRUTHS)
    made["at"], made["sent"], made["received"] = 1, sent, received
    for name, number in more.items():
        made[name] = number
    return made


def test_bytes_that_no_hook_saw_come_from_the_totals_and_each_comes_once() -> None:
    books, truths = Books(), TcpTruths(TRUTHS, 8)
    start, at, side, flags = books.read(), np.array([5]), np.array([2]), np.array([8], np.uint16)
    truths.begin(at, reading(1000), NEW)  # older: a thousand went before we looked
    # A call of 300 bytes is under way: 100 of them are in the sequence space, none is counted yet.
    truths.book(books, at, side, reading(1100), flags)
    assert column(books, 2, "write_bytes", start) == 100
    books.add_at(side, "write_bytes", truths.count(at, np.array([[300, 0]]))[:, 0])
    assert column(books, 2, "write_bytes", start) == 300
    truths.book(books, at, side, reading(1300, 50), flags)
    assert (column(books, 2, "write_bytes", start), column(books, 2, "read_bytes", start)) == (300, 50)


def test_totals_of_an_upper_layer_are_not_the_applications() -> None:
    books, truths = Books(), TcpTruths(TRUTHS, 8)
    start, at, side = books.read(), np.array([5]), np.array([2])
    truths.begin(at, reading(0), NEW)
    truths.book(books, at, side, reading(500), np.array([8 | 1024], np.uint16))
    assert column(books, 2, "write_bytes", start) == 0


def test_counters_of_32_bits_wrap() -> None:
    books, truths = Books(), TcpTruths(TRUTHS, 8)
    start, at, side, flags = books.read(), np.array([0]), np.array([0]), np.array([8], np.uint16)
    truths.begin(at, reading(0, segments_out=0xFFFFFFF0), NEW)
    truths.book(books, at, side, reading(0, segments_out=0x10), flags)
    assert column(books, 0, "segments_out", start) == 0x20


def test_gauges_are_of_the_connections_that_are_open() -> None:
    truths = TcpTruths(TRUTHS, 4)
    truths.seen[:3] = np.concatenate(
        [reading(0, srtt_us=s, rttvar_us=1, min_rtt_us=m) for s, m in ((100, 9), (300, 7), (5, 1))]
    )
    found = truths.gauges(np.array([1, 1, -1, -1]))
    assert (found["srtt"][1], found["readings"][1], found["min_rtt"][1]) == (400, 2, 7)


def test_nothing_is_heard_of_listeners_that_are_gone() -> None:
    listeners = Listeners()
    listeners.look([], None, lambda _: None)
    assert listeners.heard == {} and listeners.sums() == {}
