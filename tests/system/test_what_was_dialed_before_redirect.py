"""Does connection tracking say what a client dialed that is on no host of ours?"""

import socket
import time
from pathlib import Path

import pytest
from namespaces import Endpoint, namespaces, redirect
from test_both_ends_are_one_edge import SERVICE

from hopscope.agent.connections import SERVER, Connection
from hopscope.agent.conntrack import Conntrack, redirected

TABLE = """\
ipv4     2 tcp      6 431999 ESTABLISHED src=10.77.0.1 dst=10.77.0.2 sport=40000 dport=9080 src=10.77.0.2 dst=10.77.0.1 sport=15006 dport=40000 [ASSURED] mark=0 use=1
ipv4     2 tcp      6 431999 ESTABLISHED src=10.77.0.1 dst=10.77.0.2 sport=40001 dport=80 src=10.77.0.2 dst=10.77.0.1 sport=80 dport=40001 [ASSURED] mark=0 use=1
ipv4     2 udp      17 29 src=10.77.0.1 dst=10.77.0.2 sport=53 dport=53 src=10.77.0.2 dst=10.77.0.1 sport=54 dport=53 mark=0 use=1
ipv6     10 tcp      6 5 SYN_SENT src=fd00::1 dst=fd00::2 sport=7 dport=80 [UNREPLIED] src=fd00::2 dst=fd00::1 sport=8080 dport=7 mark=0 use=1
"""  # noqa: E501 - lines as the kernel writes them


def test_only_what_was_redirected_is_kept() -> None:
    assert redirected(TABLE) == {("10.77.0.1", 40000): (9080, 15006), ("fd00::1", 7): (80, 8080)}


@pytest.mark.usefixtures("root")
def test_the_kernels_own_table_of_another_namespace() -> None:
    with namespaces() as (left, right):
        server, client = Endpoint(right), Endpoint(left)
        try:
            to = server.do("listen", right.address)
            redirect(right, "prerouting", SERVICE, to)
            client.do("connect", right.address, SERVICE)
            server.do("accept")
            rows = right.run("cat", "/proc/net/tcp").splitlines()[1:]
            (remote,) = [row.split()[2] for row in rows if row.split()[3] == "01"]
            local, initiator = address(right.address), address(left.address)
            port = int(remote.partition(":")[2], 16)
            netns = Path(f"/proc/{server.pid}/ns/net").stat().st_ino
            accepted = Connection(1, 1, 0, SERVER, local, to, initiator, port, netns, 8)
            tracked = Conntrack()
            assert tracked.dialed_port(accepted, server.pid) == SERVICE
            accepted.remote_port += 1
            assert tracked.dialed_port(accepted, server.pid) is None
            began = time.monotonic()
            for _ in range(1000):
                tracked.dialed_port(accepted, server.pid)
            assert time.monotonic() - began < 0.5
        finally:
            client.end()
            server.end()


def address(text: str) -> bytes:
    return b"\0" * 10 + b"\xff\xff" + socket.inet_aton(text)
