"""Real servers of each protocol, each on a loopback port of its own, and a client that has one conversation with it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_listener(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    """Waits until somebody listens on the port, without connecting to it. Raises AssertionError."""
    wanted = f":{port:04X}"
    end = time.monotonic() + seconds
    while True:
        for table in ("tcp", "tcp6"):
            rows = (line.split() for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:])
            if any(row[1].endswith(wanted) and row[3] == "0A" for row in rows):
                return
        assert process.poll() is None, f"{process.args} ended with {process.returncode}"
        assert time.monotonic() < end, f"{process.args} does not listen on {port}"
        time.sleep(0.05)


@contextmanager
def running(command: Sequence[str], port: int, folder: Path, user: str | None = None) -> Iterator[int]:
    """A server process, as `user` and owning `folder` when one is given; yields its port."""
    if user:
        owner = pwd.getpwnam(user)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, owner.pw_uid, owner.pw_gid)
    with (folder / "log").open("wb") as log:
        # A session of its own: some servers have children that would outlive them.
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, user=user, group=user, start_new_session=True
        )
    try:
        wait_for_listener(port, process)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def run(*command: str, **options: object) -> str:
    """A client, to its end; its output. Raises CalledProcessError."""
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60, **options).stdout  # type: ignore[call-overload,no-any-return]


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for localhost, and its key."""
    pem, key = folder / "cert.pem", folder / "key.pem"
    subject = ("-subj", "/CN=localhost", "-days", "2", "-nodes", "-newkey", "rsa:2048")
    run("openssl", "req", "-x509", *subject, "-keyout", str(key), "-out", str(pem))
    key.chmod(0o600)
    return pem, key


@contextmanager
def python_http(folder: Path) -> Iterator[int]:
    """http.server of the standard library."""
    port = free_port()
    with running((sys.executable, "-m", "http.server", "-b", "127.0.0.1", str(port)), port, folder) as ready:
        yield ready


NGINX = """
daemon off; pid {folder}/pid; error_log {folder}/error.log; user root; events {{ }}
http {{
  access_log off; client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder}; sendfile on;
  server {{ listen 127.0.0.1:{port} {kind}; {tls} location / {{ root {folder}; }} }}
}}
"""


@contextmanager
def nginx(folder: Path, kind: str = "") -> Iterator[int]:
    """nginx; kind "http2" takes HTTP/2 by prior knowledge, "ssl http2" behind TLS."""
    port = free_port()
    (folder / "file").write_bytes(b"x" * 300_000)
    tls = ""
    if "ssl" in kind:
        pem, key = certificate(folder)
        tls = f"ssl_certificate {pem}; ssl_certificate_key {key};"
    (folder / "conf").write_text(NGINX.format(folder=folder, port=port, kind=kind, tls=tls))
    with running(("nginx", "-c", str(folder / "conf"), "-p", str(folder)), port, folder) as ready:
        yield ready


@contextmanager
def grpc(folder: Path) -> Iterator[int]:
    """A gRPC server of the grpcio package."""
    port = free_port()
    with running((sys.executable, str(HERE / "grpc_echo.py"), "serve", str(port)), port, folder) as ready:
        yield ready


@contextmanager
def redis(folder: Path) -> Iterator[int]:
    """redis-server without persistence."""
    port = free_port()
    command = ("redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "")
    with running(command, port, folder) as ready:
        yield ready


@contextmanager
def mariadb(folder: Path) -> Iterator[int]:
    """A MariaDB server with a database of its own, TLS offered."""
    port, data = free_port(), folder / "data"
    certificate(folder)
    data.mkdir()
    run(
        "mariadb-install-db",
        "--no-defaults",
        "--user=mysql",
        f"--datadir={data}",
        "--auth-root-authentication-method=normal",
    )
    files = (f"--datadir={data}", f"--socket={folder}/s", f"--pid-file={folder}/pid")
    tls = (f"--ssl-cert={folder}/cert.pem", f"--ssl-key={folder}/key.pem")
    network = ("--bind-address=127.0.0.1", f"--port={port}", "--skip-name-resolve")
    with running(("mariadbd", "--no-defaults", *files, *tls, *network), port, folder, "mysql") as ready:
        yield ready


@contextmanager
def postgresql(folder: Path) -> Iterator[int]:
    """A PostgreSQL server with a cluster of its own, TLS offered."""
    port, data = free_port(), folder / "data"
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))[-1]
    pem, key = certificate(folder)
    data.mkdir()
    owner = pwd.getpwnam("postgres")
    for path in (folder, data, pem, key):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    run(str(programs / "initdb"), "-D", str(data), "-A", "trust", user="postgres", cwd=folder)
    settings = ("-c", "ssl=on", "-c", f"ssl_cert_file={pem}", "-c", f"ssl_key_file={key}")
    command = (str(programs / "postgres"), "-D", str(data), "-h", "127.0.0.1", "-p", str(port), "-k", str(folder))
    with running((*command, *settings), port, folder, "postgres") as ready:
        yield ready


@contextmanager
def openssl(folder: Path) -> Iterator[int]:
    """openssl s_server."""
    port = free_port()
    pem, key = certificate(folder)
    command = ("openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(pem), "-key", str(key), "-www")
    with running((*command, "-alpn", "http/1.1"), port, folder) as ready:
        yield ready


def jars(name: str, artifact: str) -> str:
    """The class path of a Maven artifact with all that it needs; fetched once."""
    group, identifier, version = artifact.split(":")
    folder = Path(sys.prefix) / "jars" / f"{name}-{version}"
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        (folder / "pom.xml").write_text(
            "<project><modelVersion>4.0.0</modelVersion><groupId>t</groupId><artifactId>t</artifactId>"
            "<version>1</version><dependencies><dependency>"
            f"<groupId>{group}</groupId><artifactId>{identifier}</artifactId><version>{version}</version>"
            "</dependency></dependencies></project>"
        )
        goal = ("dependency:copy-dependencies", f"-DoutputDirectory={folder}/lib")
        subprocess.run(("mvn", "-q", "-B", *goal), cwd=folder, check=True, timeout=600)
        (folder / "complete").touch()
    return f"{folder}/lib/*"


@contextmanager
def kafka(folder: Path) -> Iterator[int]:
    """A Kafka broker that is its own controller."""
    port, controller = free_port(), free_port()
    java = ("java", "-Xmx512m", "-cp", jars("kafka", "org.apache.kafka:kafka_2.13:4.1.0"))
    (folder / "properties").write_text(
        "process.roles=broker,controller\nnode.id=1\n"
        f"controller.quorum.voters=1@127.0.0.1:{controller}\ncontroller.listener.names=CONTROLLER\n"
        f"listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n"
        f"log.dirs={folder}/logs\noffsets.topic.replication.factor=1\n"
        "transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n"
    )
    properties = str(folder / "properties")
    run(*java, "kafka.tools.StorageTool", "format", "-t", "MkU3OEVBNTcwNTJENDM2Qg", "-c", properties, cwd=folder)
    with running((*java, "kafka.Kafka", properties), port, folder) as ready:
        yield ready


@contextmanager
def mongodb(folder: Path) -> Iterator[int]:
    """mongo-java-server: MongoDB's wire protocol over tables in memory."""
    port = free_port()
    (folder / "start").write_text(
        "new de.bwaldvogel.mongo.MongoServer(new de.bwaldvogel.mongo.backend.memory.MemoryBackend())"
        f'.bind("127.0.0.1", {port});\nThread.sleep(1000000L);\n'
    )
    path = jars("mongodb", "de.bwaldvogel:mongo-java-server:1.47.0")
    with running(("jshell", "--class-path", path, str(folder / "start")), port, folder) as ready:
        yield ready
