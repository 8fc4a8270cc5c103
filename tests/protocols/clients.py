"""One conversation in each protocol, held by a real client with a server on a port."""

from __future__ import annotations

import socket
import sys

from tests.protocols.servers import HERE, run


def curl(port: int, *options: str, scheme: str = "http", path: str = "/file") -> None:
    run("curl", "-s", "-k", "-o", "/dev/null", *options, f"{scheme}://127.0.0.1:{port}{path}")


def curl_directory(port: int) -> None:
    curl(port, path="/")


def curl_http2(port: int) -> None:
    curl(port, "--http2-prior-knowledge")


def curl_upgrade(port: int) -> None:
    """HTTP/1.1 that offers h2c; nginx stays with HTTP/1.1."""
    curl(port, "--http2")


def curl_tls(port: int) -> None:
    run(
        "curl",
        "-s",
        "-k",
        "-o",
        "/dev/null",
        "--connect-to",
        f"localhost:443:127.0.0.1:{port}",
        "https://localhost/file",
    )


def grpc_call(port: int) -> None:
    run(sys.executable, str(HERE / "grpc_echo.py"), "call", str(port))


def redis_cli(port: int) -> None:
    run("redis-cli", "-p", str(port), input="SET page 'HTTP/1.1 200 OK'\nGET page\nINCR n\nLRANGE none 0 -1\n")


def redis_resp3(port: int) -> None:
    run("redis-cli", "-3", "-p", str(port), input="HSET h a 1\nHGETALL h\n")


def redis_inline(port: int) -> None:
    """What a person types, or a health check sends, one byte read at a time."""
    with socket.create_connection(("127.0.0.1", port)) as peer:
        for command in (b"PING\r\n", b"get page\r\n"):
            peer.sendall(command)
            answer = b""
            while not answer.endswith(b"\r\n"):
                answer += peer.recv(1)


def _mariadb(port: int, *options: str) -> None:
    statement = "create database if not exists d; use d; create table if not exists t (a int, b text);"
    statement += "insert into t values (1, 'HTTP/1.1 200 OK'); select * from t; select * from information_schema.tables"
    run("mariadb", "--no-defaults", "-h", "127.0.0.1", "-P", str(port), "-u", "root", *options, "-e", statement)


def mariadb_plain(port: int) -> None:
    _mariadb(port, "--skip-ssl")


def mariadb_tls(port: int) -> None:
    _mariadb(port, "--ssl")


def pymysql_client(port: int) -> None:
    program = "import pymysql, sys; where = {'host': '127.0.0.1', 'port': int(sys.argv[1]), 'user': 'root'}"
    program += "; pymysql.connect(**where, ssl_disabled=True).cursor().execute('select 1')"
    run(sys.executable, "-c", program, str(port))


def _psql(port: int, mode: str) -> None:
    target = f"host=127.0.0.1 port={port} user=postgres dbname=postgres sslmode={mode} gssencmode=disable"
    run("psql", target, "-c", "select relname, relkind from pg_class limit 40", "-c", "select 1/1")


def psql_plain(port: int) -> None:
    _psql(port, "disable")


def psql_tls(port: int) -> None:
    _psql(port, "require")


def openssl_client(port: int) -> None:
    names = ("-servername", "reviews.default.svc", "-alpn", "h2,http/1.1")
    run("openssl", "s_client", "-connect", f"127.0.0.1:{port}", *names, input="GET / HTTP/1.0\r\n\r\n")


def kafka_client(port: int) -> None:
    program = (
        "import sys; from kafka import KafkaProducer, KafkaConsumer; a = '127.0.0.1:' + sys.argv[1]\n"
        "p = KafkaProducer(bootstrap_servers=a); p.send('t', b'HTTP/1.1 200 OK').get(30); p.close()\n"
        "c = KafkaConsumer('t', bootstrap_servers=a, auto_offset_reset='earliest', consumer_timeout_ms=5000)\n"
        "assert next(c).value == b'HTTP/1.1 200 OK'; c.close()"
    )
    run(sys.executable, "-c", program, str(port))


def mongodb_client(port: int) -> None:
    program = (
        "import sys, pymongo\nwith pymongo.MongoClient('127.0.0.1', int(sys.argv[1])) as c:\n"
        "    c.d.t.insert_one({'a': 'HTTP/1.1 200 OK'}); assert c.d.t.find_one()['a'][:4] == 'HTTP'"
    )
    run(sys.executable, "-c", program, str(port))
