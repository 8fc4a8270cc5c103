"""Does a selection take the edges that its words say, and no others?"""

import dataclasses

import pytest

from hopscope.edges.model import Connections, Edge, End, Profile, Side, Value, Window
from hopscope.edges.selection import Selection, select


def end(
    process: str | None, pids: tuple[int, ...], address: str, cgroup: str | None = None, box: str | None = None
) -> End:
    return End(process and f"id of {process}", process, None, None, box, pids, address, None, cgroup)


def edge(client: End, server: End, moved: int = 1, own: bool = False) -> Edge:
    side = Side({"write": Value(moved, moved * 10), "read": Value(0, 0), "write_rtt": Value(5)}, {})
    shape = Connections(0, 0, 1, {})
    return Edge(
        f"{client.address} {server.address}",
        client,
        server,
        "tcp",
        "http",
        "none",
        "HTTP",
        shape,
        side,
        None,
        None,
        own,
    )


WRK = end("wrk", (10, 11), "10.0.0.1", "/user/wrk")
NGINX = end("nginx", (20,), "10.0.0.2:80", "/system/nginx.service/workers", "0123456789ab")
REDIS = end("redis-server", (30,), "10.0.0.2:6379", "/system/nginx.service2")
EDGES = {
    "web": edge(WRK, NGINX),
    "cache": edge(dataclasses.replace(NGINX, address="10.0.0.2"), REDIS),
    "idle": edge(WRK, REDIS, moved=0),
    "out": edge(WRK, end(None, (), "192.0.2.7:443")),
    "own": edge(end("hopscope", (99,), "127.0.0.1"), end("hopscope", (98,), "127.0.0.1:11800"), own=True),
}
PROFILE = Profile("host", Window("2026-01-01T00:00:00+00:00", 1), tuple(EDGES.values()), (), {})


@pytest.mark.parametrize(
    ("asked", "taken"),
    [
        ({}, "web cache out"),
        ({"all": True}, "web cache idle out"),
        ({"own": True}, "web cache out own"),
        ({"pids": {11}}, "web idle out"),
        ({"pids": {20, 30}}, "web cache idle"),
        ({"name": "^nginx$"}, "web cache"),
        ({"name": "wrk|redis"}, "web cache idle out"),
        ({"ports": {80}}, "web"),
        ({"ports": {443, 6379}}, "cache idle out"),
        ({"ports": {443}, "name": "nginx"}, ""),
        ({"cgroup": "/system/nginx.service"}, "web cache"),
        ({"cgroup": "system/nginx.service/"}, "web cache"),
        ({"cgroup": "/user/wrk"}, "web idle out"),
        ({"cgroup": "/"}, "web cache idle out"),
        ({"container": "0123456"}, "web cache"),
        ({"container": "0123456789abcdef0123"}, "web cache"),
        ({"container": "123456"}, ""),
        ({"pids": {10}, "name": "nginx"}, ""),
        ({"pids": {99}}, ""),
    ],
)
def test_what_is_taken(asked: dict, taken: str) -> None:
    sets = {name: frozenset(it) if isinstance(it, set) else it for name, it in asked.items()}
    selection = Selection(**sets)
    found = select(PROFILE, selection)
    assert [name for name, it in EDGES.items() if it in found.edges] == taken.split()
    assert Selection.from_dict(selection.to_dict()) == selection
    if selection.narrow:
        others = [name for name, it in EDGES.items() if name not in ("own", *taken.split())]
        assert found.completeness["not_asked"]["edges"] == len(others)


def test_what_is_no_selection() -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        Selection(name="(")
    with pytest.raises(ValueError, match="not a selection"):
        Selection.from_dict({"uid": 5})
