"""Is each entry of an access log in the answer, once, under the right names, and is what cannot be counted said?"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from hopscope.edges.histogram import bounds, index_of, percentile
from hopscope.server.analysis.entities import service_id
from hopscope.wire.envoy.v3 import accesslog_pb2 as envoy
from tests.server.access_logs import (
    MESH,
    PODS,
    WHOLE,
    Envoy,
    Pod,
    Request,
    address,
    channel,
    duration,
    endpoint,
    inbound,
    now,
    outbound,
    random_request,
    served,
)
from tests.server.conftest import Server

PAGE = Pod("page-1", "page", "10.0.0.1")
CART = Pod("cart-1", "cart", "10.0.0.2")
CART_2 = Pod("cart-2", "cart", "10.0.0.3")
SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)


def window_of(start: int, end: int) -> dict[str, str]:
    return {"from": time.strftime("%FT%TZ", time.gmtime(start)), "to": time.strftime("%FT%TZ", time.gmtime(end))}


def mesh(server: Server, start: int, end: int, **more: Any) -> dict[str, Any]:
    return server.ask(MESH + WHOLE, window=window_of(start, end), **more)["mesh"]


def pods(server: Server, service: str, start: int, end: int) -> dict[str, Any]:
    return server.ask(PODS + WHOLE, service=service_id(service), window=window_of(start, end))["meshPods"]


def ask(server: Server, entries: int, window: tuple[int, int], **more: Any) -> dict[str, Any]:
    """The mesh, once so many entries are in it."""
    until = time.monotonic() + 45
    while (found := mesh(server, *window, **more))["entries"] < entries:
        assert time.monotonic() < until, (found["entries"], entries)
        time.sleep(0.1)
    assert found["entries"] == entries
    return found


def line(found: dict[str, Any], client: str, server: str) -> dict[str, Any]:
    names = {service["id"]: service["name"] for service in found["services"]}
    lines = [one for one in found["lines"] if (names[one["client"]], names[one["server"]]) == (client, server)]
    assert len(lines) == 1, [(names[one["client"]], names[one["server"]]) for one in found["lines"]]
    return lines[0]


def named(reasons: list[dict[str, Any]]) -> dict[str, int]:
    return {row["reason"]: row["count"] for row in reasons}


def latest(minutes: int = 0) -> tuple[int, int]:
    """A window around now, in whole minutes if asked for."""
    start = int(time.time()) // 60 * 60 if minutes else int(time.time())
    # Wide enough for a batch that is late on a busy machine.
    return (start - 60 * minutes, start + 180) if minutes else (start - 30, start + 60)


FLAGS = {"upstream_connection_termination": "UC", "delay_injected": "DI", "rate_limited": "RL"}


def test_a_known_stream_is_answered_exactly(server: Server) -> None:
    chance = random.Random(1)
    requests = [random_request(chance, now() - chance.randrange(10**9)) for _ in range(500)]
    with channel(server.socket) as to:
        client, behind = Envoy(to, PAGE), Envoy(to, CART)
        for first in range(0, 500, 50):
            client.log(outbound(request, PAGE, CART) for request in requests[first : first + 50])
            behind.log(inbound(served(request), PAGE, CART) for request in requests[first : first + 50])
        seconds, minutes = latest(), latest(5)
        found = ask(server, 1000, seconds)
        assert line(ask(server, 1000, minutes), "page.default", "cart.default")["requests"] == 500
    one = line(found, "page.default", "cart.default")
    assert (one["requests"], one["connections"], one["protocol"], one["security"]) == (500, 0, "http", "mtls")
    assert one["clientSeen"] and one["serverSeen"] and found["proxies"] == 2
    codes = Counter(str(request.code) for request in requests)
    assert named(one["byStatus"]) == codes
    assert one["errors"] == codes["500"] + codes["503"]
    assert named(one["byFlag"]) == Counter(FLAGS[flag] for request in requests for flag in request.flags)
    assert one["retries"] == sum(request.attempts - 1 for request in requests)
    assert one["bytesIn"] == sum(sum(request.received) for request in requests)
    assert one["bytesOut"] == sum(sum(request.sent) for request in requests)
    _times(one, requests)
    page = next(service for service in found["services"] if service["name"] == "page.default")
    cart = next(service for service in found["services"] if service["name"] == "cart.default")
    assert (page["layer"], cart["layer"], cart["requests"], page["requests"]) == (0, 1, 500, 0)
    assert cart["state"] == "FAILING" and "503" in cart["reasons"][0]


def waited(request: Request) -> int:
    return request.times["time_to_last_upstream_rx_byte"] - request.times["time_to_last_upstream_tx_byte"]


def _times(one: dict[str, Any], requests: list[Request]) -> None:
    parts = {part["part"]: part for part in one["latency"]}
    known = {
        "whole": [request.times["time_to_last_downstream_tx_byte"] for request in requests],
        "upstream": [waited(request) for request in requests],
        "app": [waited(served(request)) for request in requests],
    }
    for name, values in known.items():
        assert parts[name]["averageNs"] == pytest.approx(sum(values) / len(values), rel=1e-12)
        buckets = Counter(index_of(value) for value in values)
        histogram = [[*bounds(index), count] for index, count in sorted(buckets.items())]
        assert parts[name]["histogram"] == histogram
        assert parts[name]["percentiles"] == [percentile(map(tuple, histogram), share) for share in SHARES]
    together = sum(part["averageNs"] for name, part in parts.items() if name not in ("whole", "upstream"))
    assert together == pytest.approx(parts["whole"]["averageNs"], rel=1e-12)
    inside = sum(parts[name]["averageNs"] for name in ("network", "server_proxy", "app"))
    assert inside == pytest.approx(parts["upstream"]["averageNs"], rel=1e-12)


ANSWERED = {
    "time_to_last_rx_byte": 10_000, "time_to_first_upstream_tx_byte": 200_000, "time_to_last_upstream_tx_byte": 210_000,
    "time_to_first_upstream_rx_byte": 5_000_000, "time_to_last_upstream_rx_byte": 5_100_000,
    "time_to_first_downstream_tx_byte": 5_050_000, "time_to_last_downstream_tx_byte": 5_200_000,
}  # fmt: skip


def good(count: int, **more: Any) -> list[Request]:
    return [Request(now(), times=dict(ANSWERED), **more) for _ in range(count)]


def test_each_request_counts_once_whoever_reports_it(server: Server) -> None:
    silent = Pod("job-1", "job", "10.0.0.9")
    gone = [
        Request(now(), 503, ("upstream_connection_failure",), times={"time_to_last_downstream_tx_byte": 9_000_000})
        for _ in range(7)
    ]
    with channel(server.socket) as to:
        Envoy(to, PAGE).log(
            [outbound(r, PAGE, CART) for r in good(20)]
            + [outbound(r, PAGE, CART_2) for r in good(30)]
            + [outbound(r, PAGE, CART) for r in gone]
            + [outbound(r, PAGE, CART, reached=False) for r in gone[:2]]
        )
        Envoy(to, CART).log(
            [inbound(served(r), PAGE, CART) for r in good(20)] + [inbound(r, silent, CART, mtls=False) for r in good(5)]
        )
        found = ask(server, 84, latest())
        by_pod = pods(server, "cart.default", *latest())
    one = line(found, "page.default", "cart.default")
    assert (one["requests"], one["errors"], named(one["byFlag"])) == (59, 9, {"UF": 9})
    assert one["errorShare"] == 9 / 59
    assert one["reasons"][0] == "9 of 59 requests failed (9 503 UF)"
    # Of those whose connection failed nothing says where their time went, and that is said; the two without a server
    # were answered by the proxy.
    parts = {part["part"]: part["averageNs"] for part in one["latency"]}
    assert parts["not_explained"] == pytest.approx(7 * 9_000_000 / 59, rel=1e-12)
    direct = line(found, "10.0.0.9", "cart.default")
    assert (direct["requests"], direct["security"], direct["label"]) == (5, "none", "HTTP")
    assert (direct["clientSeen"], direct["serverSeen"]) == (False, True)
    names = {pod["id"]: pod["name"] for pod in by_pod["services"]}
    counted = {(names[one["client"]], names[one["server"]]): one["requests"] for one in by_pod["lines"]}
    assert counted == {
        ("page-1", "cart-1"): 27, ("page-1", "10.0.0.3"): 30, ("page-1", "cart.default"): 2, ("10.0.0.9", "cart-1"): 5,
    }  # fmt: skip


def test_a_rate_is_of_the_seconds_that_were_received(make_server: Callable[..., Server]) -> None:
    server, begun, listened = make_server(), time.monotonic(), 0.0
    # What one takes in after another are other seconds.
    for turn in (1, 2):
        server.start()
        ready = time.monotonic()
        with channel(server.socket) as to:
            Envoy(to, PAGE).log(outbound(r, PAGE, CART) for r in good(30))
            ask(server, 30 * turn, latest())
            time.sleep(4)
            found = ask(server, 30 * turn, latest())
        listened += time.monotonic() - ready
        lived = time.monotonic() - begun
        server.stop()
    received = {row["name"]: row["value"] for row in found["complete"]}["seconds.received"]
    # A second is on its way.
    assert listened - 2.5 < received <= lived < found["window"]["seconds"]
    cart = next(service for service in found["services"] if service["name"] == "cart.default")
    assert line(found, "page.default", "cart.default")["rate"] == cart["rate"] == pytest.approx(60 / received, rel=1e-9)


def test_a_client_behind_address_translation_is_not_counted_again(server: Server) -> None:
    with channel(server.socket) as to:
        # The client's own inbound log tells whose certificate it is.
        Envoy(to, PAGE).log([outbound(r, PAGE, CART) for r in good(10)] + [inbound(r, CART_2, PAGE) for r in good(1)])
        Envoy(to, CART).log(inbound(r, PAGE, CART, seen_as="192.168.7.7") for r in good(10))
        found = ask(server, 21, latest())
    assert line(found, "page.default", "cart.default")["requests"] == 10
    assert "192.168.7.7" not in {service["name"] for service in found["services"]}


def test_what_is_not_over_does_not_count_and_a_wrong_clock_counts_now(server: Server) -> None:
    going_on = outbound(good(1)[0], PAGE, CART)
    going_on.common_properties.access_log_type = 5
    partly = outbound(good(1)[0], PAGE, CART)
    partly.common_properties.intermediate_log_entry = True
    late = Request(now() - 86_400 * 10**9, times=dict(ANSWERED))
    with channel(server.socket) as to:
        Envoy(to, PAGE).log([going_on, partly, outbound(late, PAGE, CART), outbound(good(1)[0], PAGE, CART)])
        found = ask(server, 2, latest())
    assert line(found, "page.default", "cart.default")["requests"] == 2
    assert {row["name"]: row["value"] for row in found["complete"]}["entries_out_of_time"] == 1


def test_grpc_and_tcp_are_what_envoy_says(server: Server) -> None:
    calls = [*good(4, version=3, trailers={"grpc-status": "0"}), *good(3, version=3, trailers={"grpc-status": "14"})]
    tcp = envoy.TCPAccessLogEntry()
    tcp.common_properties.MergeFrom(
        envoy.AccessLogCommon(
            start_time=duration(now()),
            upstream_cluster="PassthroughCluster",
            upstream_remote_address=address("198.51.100.7", 5432),
            downstream_direct_remote_address=endpoint(PAGE.address, 4000),
            response_flags=envoy.ResponseFlags(upstream_connection_failure=True).SerializeToString(),
            duration=duration(5_000_000),
        )
    )
    tcp.connection_properties.received_bytes, tcp.connection_properties.sent_bytes = 11, 22
    with channel(server.socket) as to:
        Envoy(to, PAGE).log(outbound(call, PAGE, CART) for call in calls)
        Envoy(to, PAGE).log([tcp])
        Envoy(to, CART).log(inbound(call, PAGE, CART) for call in calls)
        found = ask(server, 15, latest())
    one = line(found, "page.default", "cart.default")
    assert (one["label"], one["errors"]) == ("gRPC (mTLS)", 3)
    assert named(one["byStatus"]) == {"200": 7, "grpc 0": 4, "grpc 14": 3}
    other = line(found, "page.default", "198.51.100.7:5432")
    assert (other["connections"], other["requests"], other["errors"]) == (1, 0, 1)
    assert (other["bytesIn"], other["bytesOut"], named(other["byFlag"])) == (11, 22, {"UF": 1})


def test_numbers_that_cannot_be_harm_no_other(server: Server) -> None:
    past, most = (1 << 63) - 1, (1 << 64) - 1
    bad = [outbound(request, PAGE, CART) for request in good(6, received=(most, most), sent=(most, most), attempts=9)]
    for one, name in zip(bad, ANSWERED, strict=False):
        getattr(one.common_properties, name).seconds = past
    bad[0].common_properties.start_time.seconds = past
    bad[1].common_properties.time_to_last_downstream_tx_byte.seconds = past
    bad[2].common_properties.time_to_last_downstream_tx_byte.seconds = -past
    with channel(server.socket) as to:
        stream = Envoy(to, PAGE)
        stream.log(bad)
        ask(server, 6, latest())
        stream.log(outbound(r, PAGE, CART) for r in good(4))
        one = line(ask(server, 10, latest()), "page.default", "cart.default")
    assert (one["requests"], one["retries"]) == (10, 48)


def test_a_malformed_stream_harms_no_other(server: Server) -> None:
    with channel(server.socket) as to:
        well = Envoy(to, PAGE)
        well.log(outbound(r, PAGE, CART) for r in good(3))
        for bad, node in ((b"\xff\xff\xff", None), (b"", None), (b"\x12\x04\x0a\x02\x0a\x7f", CART)):
            stream = Envoy(to, node)
            stream.write(bad)
            code, why = stream.status()
            assert code is grpc.StatusCode.INVALID_ARGUMENT and "not an access log" in why
        large = Envoy(to, CART)
        large.write(bytes(100_000_000))
        assert large.status()[0] is grpc.StatusCode.RESOURCE_EXHAUSTED
        well.log(outbound(r, PAGE, CART) for r in good(4))
        found = ask(server, 7, latest())
        assert not well.ended.is_set()
    assert line(found, "page.default", "cart.default")["requests"] == 7
    assert {row["name"]: row["value"] for row in found["complete"]}["malformed_streams"] == 3


def test_a_cardinality_bomb_loses_detail_and_no_count(server: Server) -> None:
    gateway = Pod("gateway-1", "gateway", "10.0.0.8", "router")
    with channel(server.socket) as to:
        stream = Envoy(to, gateway)
        for block in range(20):
            stream.log(
                outbound(request, Pod("", "", f"100.{block}.{number // 250}.{number % 250}"), CART)
                for number, request in enumerate(good(500))
            )
        found = ask(server, 10_000, latest())
    names = {service["id"]: service["name"] for service in found["services"]}
    coming = [one for one in found["lines"] if names[one["server"]] == "gateway.default"]
    assert sum(one["requests"] for one in coming) == 10_000
    assert 1024 < len(coming) < 1100
    assert "100.19.0.0/24" in names.values()
    assert line(found, "gateway.default", "cart.default")["requests"] == 10_000
    assert {row["name"]: row["value"] for row in found["complete"]}["folded_peers"] == 10_000 - 1024


def test_a_server_that_ends_has_stored_what_came_and_proxies_come_back(server: Server) -> None:
    with channel(server.socket) as to:
        stream = Envoy(to, PAGE)
        stream.log(outbound(r, PAGE, CART) for r in good(40))
        time.sleep(0.2)
        assert server.stop() == 0
        assert stream.status()[0] in (grpc.StatusCode.OK, grpc.StatusCode.CANCELLED)
    server.start()
    assert line(ask(server, 40, latest()), "page.default", "cart.default")["requests"] == 40


def test_a_killed_server_loses_the_last_second_at_most(make_server: Callable[..., Server]) -> None:
    server = make_server().start()
    with channel(server.socket) as to:
        stream = Envoy(to, PAGE)
        stream.log(outbound(r, PAGE, CART) for r in good(40))
        ask(server, 40, latest())
        stream.log(outbound(r, PAGE, CART) for r in good(5))
        server.kill()
    server.start()
    kept = mesh(server, *latest())["entries"]
    assert kept in (40, 45)
    with channel(server.socket) as to:
        Envoy(to, PAGE).log(outbound(r, PAGE, CART) for r in good(2))
        found = ask(server, kept + 2, latest())
    assert line(found, "page.default", "cart.default")["requests"] == kept + 2


def test_what_cannot_be_asked_is_said(server: Server) -> None:
    answer = server.post(PODS + WHOLE, {"service": "cart", "window": {"last": 60}})
    assert answer["errors"][0]["message"] == "'cart' is not the id of a service"
    assert mesh(server, *latest(), namespace="shop")["services"] == []
