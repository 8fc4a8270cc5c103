"""Do the pieces of a request's time add up, do columns follow the calls, and is a line called what it is?"""

from __future__ import annotations

import random

import numpy as np
import pytest

from hopscope.edges.state import of_requests
from hopscope.server.analysis.mesh_entries import UNKNOWN, Times, answer, failed, flags, moments, read_answer, times
from hopscope.server.analysis.mesh_layers import layers
from hopscope.server.analysis.words import Logged, words
from hopscope.server.storage.tables.mesh import PARTS
from hopscope.wire.envoy.v3 import accesslog_pb2 as envoy
from tests.server.access_logs import address, duration

MOMENTS = (
    "time_to_last_rx_byte", "time_to_first_upstream_tx_byte", "time_to_last_upstream_tx_byte",
    "time_to_first_upstream_rx_byte", "time_to_last_upstream_rx_byte", "time_to_first_downstream_tx_byte",
    "time_to_last_downstream_tx_byte",
)  # fmt: skip


def common(**said: int) -> envoy.AccessLogCommon:
    return envoy.AccessLogCommon(**{name: duration(ns) for name, ns in said.items() if ns})


def spent(said: envoy.AccessLogCommon) -> Times:
    """Of one request, beside another one."""
    other = moments(common(time_to_last_downstream_tx_byte=1))
    return Times(*(int(part[1]) for part in times(np.array([other, moments(said)]))))


@pytest.mark.parametrize("seed", range(50))
def test_the_pieces_add_up_in_any_order_of_moments(seed: int) -> None:
    chance = random.Random(seed)
    said = common(**{name: chance.choice((0, chance.randrange(1, 10**10))) for name in MOMENTS[:-1]})
    said.time_to_last_downstream_tx_byte.CopyFrom(duration(whole := chance.randrange(1, 10**10)))
    if chance.random() < 0.5:
        said.upstream_remote_address = address("10.0.0.1", 80)
    found = spent(said)
    pieces = [ns for name, ns in zip(PARTS, found, strict=True) if name != "whole" and ns != UNKNOWN]
    assert found.whole == whole == sum(pieces)
    assert min(pieces) >= 0


def test_each_end_answers_for_its_own_time() -> None:
    ms = 1_000_000
    usual = {
        "time_to_last_rx_byte": 1, "time_to_first_upstream_tx_byte": 3, "time_to_last_upstream_tx_byte": 4,
        "time_to_first_upstream_rx_byte": 20, "time_to_last_upstream_rx_byte": 24,
        "time_to_first_downstream_tx_byte": 21, "time_to_last_downstream_tx_byte": 26,
    }  # fmt: skip
    found = spent(common(**{name: at * ms for name, at in usual.items()}))
    # The last byte went 2 ms after it came, the first one 1 ms: the client was 1 ms too slow to read.
    assert found == (26 * ms, 2 * ms, 4 * ms, 20 * ms, 0)
    upload = usual | {"time_to_last_rx_byte": 23, "time_to_last_upstream_tx_byte": 23}
    assert spent(common(**{name: at * ms for name, at in upload.items()})).downstream == 24 * ms
    # Nobody answered for 15 s: that is upstream's.
    hung = {"time_to_last_rx_byte": 1, "time_to_last_upstream_tx_byte": 2, "time_to_first_downstream_tx_byte": 15_000}
    gave_up = spent(common(**{name: at * ms for name, at in hung.items()}, time_to_last_downstream_tx_byte=15_001 * ms))
    assert gave_up == (15_001 * ms, 1 * ms, 2 * ms, 14_998 * ms, 0)


def test_flags_and_answers_are_envoys_letters() -> None:
    raised = envoy.ResponseFlags(
        upstream_connection_failure=True, upstream_retry_limit_exceeded=True, downstream_remote_reset=True
    )
    raised.unauthorized_details = b"\x08\x01"
    assert flags(raised.SerializeToString()) == "UF,UAEX,URX,DR"
    assert read_answer(answer(503, None, "UF,URX")) == (503, "", ("UF", "URX"))
    assert read_answer(answer(200, "14", "")) == (200, "14", ())
    assert [failed(label) for label in ("200", "404", "500", "0 DC", "200 grpc:5", "200 grpc:14")] == [
        False, False, True, True, False, True,
    ]  # fmt: skip


def test_a_column_is_the_longest_way_from_an_entry() -> None:
    calls = [("in", "page"), ("page", "cart"), ("page", "stock"), ("cart", "stock"), ("stock", "page")]
    first = {"in": 1, "page": 2, "cart": 3, "stock": 4}
    assert layers(first, calls, first) == {"in": 0, "page": 1, "cart": 2, "stock": 3}
    # Seen last, page is where the cycle is broken: what it calls does not push anybody.
    assert layers(first, calls, first | {"page": 5}) == {"in": 0, "cart": 0, "stock": 1, "page": 2}
    assert layers(["a"], [("a", "a")], {}) == {"a": 0}


def test_columns_of_a_large_random_mesh_follow_the_calls() -> None:
    chance = random.Random(3)
    names = [str(number) for number in range(300)]
    calls = [(chance.choice(names), chance.choice(names)) for _ in range(900)]
    order = {name: float(place) for place, name in enumerate(names)}
    found = layers(names, calls, order)
    # Without the calls that lead back, each one goes to the right.
    forward = [(client, server) for client, server in calls if order[client] < order[server]]
    ahead = layers(names, forward, order)
    assert all(ahead[client] < ahead[server] for client, server in forward)
    assert set(found) == set(names) and max(found.values()) < len(names)


def test_a_state_names_the_causes() -> None:
    failing = of_requests(100, 12, {"503 UF": 8, "503 UC": 4}, 3, 2e9)
    assert (failing.name, failing.brief) == ("failing", "12.0% errors")
    assert failing.reasons == (
        "12 of 100 requests failed (8 503 UF, 4 503 UC)", "100 requests took 3 retries",
        "1 of 100 requests takes 2.0 s or longer",
    )  # fmt: skip
    assert of_requests(100_000, 3, {"500": 3}, 0, 1e6).name == "healthy"


@pytest.mark.parametrize(
    ("wire", "log", "said"),
    [
        (("unknown", "tls"), ("http", "mtls"), ("http", "mtls", "access log")),
        (("unknown", "tls"), ("tcp", "mtls"), ("unknown", "mtls", "access log")),
        (("unknown", "tls"), None, ("unknown", "tls", "wire")),
        (("unknown", "tls"), ("http", "none"), ("unknown", "tls", "wire")),
        (("unknown", "unknown"), ("grpc", "none"), ("grpc", "none", "access log")),
        (("http2", "none"), ("grpc", "mtls"), ("http2", "none", "wire")),
        (("unknown", "unknown"), None, ("unknown", "unknown", "")),
    ],
)
def test_the_wire_is_believed_and_the_log_adds_what_it_hides(
    wire: tuple[str, str], log: tuple[str, str] | None, said: tuple[str, str, str]
) -> None:
    ends = {"client_address": "10.0.0.1", "server_address": "10.0.0.2:80", "transport": "tcp"}
    row = {**ends, "protocol": wire[0], "security": wire[1]}
    half = {"client": "10.0.0.1", "server": "10.0.0.2:80"}
    logged = Logged.of([{**half, "protocol": log[0], "security": log[1]}] if log else [])
    found = words([row], logged)
    assert (found.protocol, found.security, found.source) == said
