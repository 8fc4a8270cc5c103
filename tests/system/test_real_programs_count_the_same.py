"""Do connections and bytes equal what nginx, wrk, redis-server and redis-benchmark counted themselves?"""

import time
from pathlib import Path

import pytest

from tests.system.observing import edge_to, observing, value
from tests.system.programs import nginx, redis, redis_benchmark, wrk

pytestmark = pytest.mark.usefixtures("root")


@pytest.mark.parametrize("path", ["memory", "large"])
def test_nginx_and_wrk(tmp_path: Path, path: str) -> None:
    (tmp_path / "large").write_bytes(b"z" * 300_001)
    with nginx(tmp_path) as server, observing() as seen:
        counted = wrk(f"http://127.0.0.1:{server.port}/{path}", tmp_path, connections=33)
        time.sleep(0.2)
        picture = seen.take()
        accepted, log = server.accepted(), server.log()
    edge = edge_to(picture, server.port)
    assert (edge.client.process, edge.server.process) == ("wrk", "nginx")
    assert counted.failed == 0
    assert counted.requests > 100
    assert edge.connections.opened == edge.connections.closed == accepted == 34  # wrk tries the address once more
    assert edge.connections.active == 0
    assert value(edge.client_side, "connect").count == accepted
    assert value(edge.server_side, "accept").count == accepted
    assert value(edge.client_side, "read").bytes == counted.bytes
    assert value(edge.server_side, "write").bytes == sum(sent for _, _, sent in log)
    assert value(edge.server_side, "read").bytes == sum(got for _, got, _ in log)
    assert value(edge.client_side, "write").bytes == sum(got for _, got, _ in log)
    assert value(edge.client_side, "write").count == len(log)
    if path == "memory":
        assert value(edge.server_side, "write").count == len(log)
    assert edge.label == "HTTP"


def test_redis(tmp_path: Path) -> None:
    with redis(tmp_path) as server, observing() as seen:
        redis_benchmark(server.port)
        time.sleep(0.2)
        picture = seen.take()
        connections, got, sent = server.counts()
    edge = edge_to(picture, server.port)
    assert (edge.client.process, edge.server.process) == ("redis-benchmark", "redis-server")
    assert edge.connections.opened == edge.connections.closed == connections > 20
    client, served = edge.client_side, edge.server_side
    assert value(served, "read").bytes == value(client, "write").bytes == got
    assert value(served, "write").bytes == value(client, "read").bytes == sent
