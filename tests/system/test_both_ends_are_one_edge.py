"""Are both ends on this host one edge, with the right roles, wherever they are and whenever they were opened?"""

import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from namespaces import Endpoint, conversation, namespaces, redirect
from observing import edge_to, edges_to, observing, value

from hopscope.edges.model import Edge

pytestmark = pytest.mark.usefixtures("root")
SERVICE = 20000 + os.getpid() % 10000


def of_both(edge: Edge, client: Endpoint, server: Endpoint) -> None:
    assert client.pid in edge.client.pids and server.pid in edge.server.pids
    assert edge.client_side is not None and edge.server_side is not None


@pytest.mark.parametrize("open_before", [False, True], ids=["opened while we look", "open before"])
def test_across_namespaces(open_before: bool) -> None:
    with namespaces() as (left, right):
        if open_before:
            with conversation(left, right) as (client, server, port), observing() as seen:
                client.do("send", 3, 100)
                server.do("recv", 300)
                edge = edge_to(seen.take(), port)
        else:
            with observing() as seen, conversation(left, right) as (client, server, port):
                client.do("send", 3, 100)
                server.do("recv", 300)
                edge = edge_to(seen.take(), port)
        of_both(edge, client, server)
        assert value(edge.client_side, "write").bytes == value(edge.server_side, "read").bytes == 300
        assert value(edge.client_side, "connect").count == value(edge.server_side, "accept").count == (not open_before)
        assert edge.connections.active == 1
        assert (edge.client.address, edge.server.address) == (left.address, f"{right.address}:{port}")


def test_the_id_does_not_depend_on_the_other_half_nor_on_the_agents_life() -> None:
    with namespaces() as (left, right), conversation(left, right) as (_, _, port):
        ids = set()
        for _ in range(2):
            with observing() as seen:
                ids.add(edge_to(seen.take(), port).id)
        assert len(ids) == 1


@pytest.mark.parametrize("open_before", [False, True], ids=["opened while we look", "open before"])
def test_through_redirect_in_the_servers_namespace(open_before: bool) -> None:
    with namespaces() as (left, right):
        server, client = Endpoint(right), Endpoint(left)
        try:
            to = server.do("listen", right.address)
            dialed = SERVICE + (to == SERVICE)
            redirect(right, "prerouting", dialed, to)
            if open_before:
                client.do("connect", right.address, dialed)
                server.do("accept")
            with observing() as seen:
                if not open_before:
                    client.do("connect", right.address, dialed)
                    server.do("accept")
                client.do("send", 3, 100)
                server.do("recv", 300)
                picture = seen.take()
            edge = edge_to(picture, dialed)
            of_both(edge, client, server)
            assert not edges_to(picture, to)
            assert edge.server.listen == f"{right.address}:{to}"
            assert value(edge.client_side, "write").bytes == value(edge.server_side, "read").bytes == 300
        finally:
            client.end()
            server.end()


def test_an_address_that_exists_only_in_nat_rules() -> None:
    with namespaces() as (left, _):
        left.run("ip", "route", "add", "10.96.0.0/16", "via", "10.77.0.2")
        server, client = Endpoint(left), Endpoint(left)
        try:
            to = server.do("listen", "0.0.0.0")
            redirect(left, "output", SERVICE, to)
            with observing() as seen:
                client.do("connect", "10.96.0.12", SERVICE)
                server.do("accept")
                client.do("send", 1, 7)
                server.do("recv", 7)
                edge = edge_to(seen.take(), SERVICE)
            of_both(edge, client, server)
            assert edge.server.address == f"10.96.0.12:{SERVICE}"
            assert edge.server.listen is not None and edge.server.listen.endswith(f":{to}")
        finally:
            client.end()
            server.end()


def test_processes_that_are_gone_before_anybody_asks() -> None:
    code = (
        "import socket,sys; s=socket.create_connection(('127.0.0.1',int(sys.argv[1]))); s.sendall(b'x'*101); s.recv(1)"
    )
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener, observing() as seen:
        port = listener.getsockname()[1]

        def answer() -> None:
            for _ in range(5):
                peer, _ = listener.accept()
                while len(peer.recv(200)):
                    pass
                peer.close()

        server = threading.Thread(target=answer)
        server.start()
        script = Path(os.environ.get("TMPDIR", "/tmp")) / f"shortlived{os.getpid()}.py"
        script.write_text(code.replace("; s.recv(1)", ""))
        try:
            pids = set()
            for _ in range(5):
                child = subprocess.Popen([sys.executable, "-I", "-S", str(script), str(port)])
                assert child.wait() == 0
                pids.add(child.pid)
        finally:
            script.unlink()
        server.join()
        time.sleep(0.1)
        (edge,) = edges_to(seen.take(), port)
    assert edge.client.process == script.stem
    assert set(edge.client.pids) == pids
    assert value(edge.client_side, "write").bytes == 5 * 101
    assert (edge.connections.opened, edge.connections.closed) == (5, 5)


def test_all_workers_of_a_forking_server_are_one_group() -> None:
    with observing() as seen, socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        port = listener.getsockname()[1]
        workers = []
        for _ in range(3):
            child = os.fork()
            if child == 0:
                try:
                    for _ in range(2):
                        peer, _ = listener.accept()
                        peer.sendall(b"y" * 11)
                        peer.recv(1)
                        time.sleep(0.05)
                finally:
                    os._exit(0)
            workers.append(child)
        for _ in range(6):
            with socket.create_connection(("127.0.0.1", port)) as client:
                assert client.recv(11)
        for worker in workers:
            os.waitpid(worker, 0)
        picture = seen.take()
        (edge,) = edges_to(picture, port)
        (heard,) = [it for it in picture.listeners if it.address.endswith(f":{port}")]
    assert set(edge.server.pids) <= {*workers, os.getpid()}
    assert value(edge.server_side, "write").count == 6
    assert value(edge.server_side, "write").bytes == 66
    assert value(edge.server_side, "accept").count == edge.connections.opened == 6
    assert heard.limit == 64 and heard.process.id == edge.server.id


def test_sockets_with_reuseport_add_up() -> None:
    with observing() as seen:
        sockets = [socket.socket() for _ in range(3)]
        for one in sockets:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sockets[0].bind(("127.0.0.1", 0))
        address = sockets[0].getsockname()
        for one in sockets[1:]:
            one.bind(address)
        for one in sockets:
            one.listen(7)
        waiting = [socket.create_connection(address) for _ in range(5)]
        (heard,) = [it for it in seen.take().listeners if it.address.endswith(f":{address[1]}")]
        for one in (*waiting, *sockets):
            one.close()
    assert (heard.queue, heard.limit) == (5, 21)


def test_a_full_accept_queue_overflows() -> None:
    with observing() as seen, socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        address = listener.getsockname()
        clients = []
        for _ in range(3):
            one = socket.socket()
            one.setblocking(False)
            one.connect_ex(address)
            clients.append(one)
        time.sleep(0.2)
        (heard,) = [it for it in seen.take().listeners if it.address.endswith(f":{address[1]}")]
        for one in clients:
            one.close()
    assert (heard.queue, heard.limit) == (1, 0)
    assert heard.overflows >= 1
