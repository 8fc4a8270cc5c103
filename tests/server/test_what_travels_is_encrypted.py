"""Do both ports speak TLS with the server's certificate, does mTLS let only our agents in, and can both be renewed?"""

from __future__ import annotations

import json
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hopscope import Client, HopscopeError
from hopscope.agent import AgentError
from hopscope.agent.reporters.hopscope import Reporter
from hopscope.settings import AgentSettings, SettingsError, read

from .conftest import Server
from .profiles import profile
from .test_it_says_why_not import places, refused
from .test_only_who_may_comes_in import create

Make = Callable[..., Server]


class Authority:
    """A CA in a folder, and what it has signed: NAME.crt and NAME.key."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"authority {folder.name}")])
        own = self._builder(self._name, self._key, True).sign(self._key, hashes.SHA256())
        self.file = folder / "ca.crt"
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def _builder(self, name: x509.Name, key: ec.EllipticCurvePrivateKey, authority: bool) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key.public_key())
        made = made.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
        made = made.not_valid_after(now + timedelta(hours=1))
        return made.add_extension(x509.BasicConstraints(authority, None), True)

    def sign(self, name: str) -> tuple[Path, Path]:
        """Its certificate, good for 127.0.0.1 and localhost, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        places = [x509.IPAddress(ip_address("127.0.0.1")), x509.DNSName("localhost")]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._builder(subject, key, False).add_extension(x509.SubjectAlternativeName(places), False)
        signed = builder.sign(self._key, hashes.SHA256())
        files = self._folder / f"{name}.crt", self._folder / f"{name}.key"
        files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return files


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


def own(authority: Authority) -> list[str]:
    cert, key = authority.sign("server")
    return ["--tls-cert", str(cert), "--tls-key", str(key)]


def serial(server: Server, authority: Authority) -> int:
    """Of the certificate that the HTTP port shows, after checking it."""
    host, port = server.http.removeprefix("https://").removesuffix("/graphql").split(":")
    text = ssl.get_server_certificate((host, int(port)), ca_certs=str(authority.file))
    return x509.load_pem_x509_certificate(text.encode()).serial_number


def delivered(server: Server, **settings: Any) -> bool:
    """Whether an agent with these settings gets a second through."""
    reporter = Reporter(AgentSettings(server=server.grpc, **settings))
    reporter.report(profile(int(time.time()) - 60))
    end = time.monotonic() + 20
    try:
        while time.monotonic() < end:
            state = reporter.delivery()
            if state.acknowledged or state.trouble:
                return bool(state.acknowledged)
            time.sleep(0.02)
        raise AssertionError(state)
    finally:
        reporter.close()


def test_both_ports_speak_only_tls(make_server: Make, authority: Authority, tmp_path: Path) -> None:
    server = make_server(*own(authority)).start()
    assert server.http.startswith("https://127.0.0.1:")
    trusting = ssl.create_default_context(cafile=str(authority.file))
    request = urllib.request.Request(server.http, b'{"query": "{ me { name } }"}', {"content-type": "application/json"})
    with urllib.request.urlopen(request, context=trusting) as answer:
        assert json.load(answer)["data"]["me"]["name"] == "local"
    origin = server.http.removesuffix("/graphql")
    request.add_header("origin", origin)
    with urllib.request.urlopen(request, context=trusting) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.URLError, match="CERTIFICATE_VERIFY_FAILED"):
        urllib.request.urlopen(server.http)
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        urllib.request.urlopen(server.http.replace("https", "http"))
    assert delivered(server, server_ca=authority.file)
    assert not delivered(server)
    assert not delivered(server, server_ca=Authority(tmp_path / "others").file)


def asks(server: Server, *arguments: str, code: int = 0) -> str:
    """What a command says of the server, in one line where it fails."""
    command = [sys.executable, "-m", "hopscope.cli", *arguments, "--server", server.http.removesuffix("/graphql")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == code, ended.stderr
    assert len(ended.stderr.splitlines()) == (1 if code else 0)
    return ended.stderr if code else ended.stdout


def test_people_ask_with_a_token_and_trust_its_authority(
    make_server: Make, authority: Authority, tmp_path: Path
) -> None:
    server = make_server(*own(authority)).start()
    url, secret = server.http.removesuffix("/graphql"), create(server, "alice")
    agents = create(server, "node-1", "--role", "agent")
    with Client(url, secret, ca=authority.file) as client:
        assert not len(client.services()) and not len(client.tasks())
        with pytest.raises(HopscopeError, match="admin"):
            client.create_task("reviews-v1")
    (tmp_path / "empty").touch()
    for token, ca, why in (
        (None, authority.file, "a token is needed"),
        (secret[:-1], authority.file, "nobody knows this token"),
        (agents, authority.file, "role agent"),
        ("tökén", authority.file, "no token"),
        (secret, None, "trust the server's authority with --ca FILE"),
        (secret, Authority(tmp_path / "others").file, "CERTIFICATE_VERIFY_FAILED"),
        (secret, tmp_path / "empty", "holds no certificate in PEM"),
        (secret, tmp_path / "nowhere", "cannot read"),
    ):
        with pytest.raises(HopscopeError, match=why), Client(url, token, ca=ca) as client:
            client.services()
    (tmp_path / "token").write_text(secret + "\n")
    known = ["--ca", str(authority.file), "--token-file", str(tmp_path / "token")]
    assert json.loads(asks(server, "services", "--json", *known))["services"] == []
    assert json.loads(asks(server, "store", "status", "--json", *known))["server"]["spooled"] == 0
    assert "a token is needed" in asks(server, "store", "status", *known[:2], code=1)
    assert "CERTIFICATE_VERIFY_FAILED" in asks(server, "store", "check", *known[2:], code=1)
    assert "holds no token" in asks(server, "mesh", *known[:2], "--token-file", str(tmp_path / "empty"), code=2)


def test_with_mtls_only_our_agents_report(make_server: Make, authority: Authority, tmp_path: Path) -> None:
    server = make_server(*own(authority), "--client-ca", str(authority.file), "--grpc", "0.0.0.0:0").start()
    server.grpc = server.grpc.replace("0.0.0.0", "127.0.0.1")
    cert, key = authority.sign("node-1")
    assert delivered(server, server_ca=authority.file, client_cert=cert, client_key=key)
    assert not delivered(server, server_ca=authority.file)
    cert, key = Authority(tmp_path / "others").sign("node-1")
    assert not delivered(server, server_ca=authority.file, client_cert=cert, client_key=key)


def test_tls_is_no_key(make_server: Make, authority: Authority, tmp_path: Path) -> None:
    tokens = ["--tokens", str(tmp_path / "tokens.json")]
    server = make_server(*own(authority), *tokens, "--grpc", "0.0.0.0:0")
    secret = create(server, "node-1", "--role", "agent", *tokens)
    server.start()
    server.grpc = server.grpc.replace("0.0.0.0", "127.0.0.1")
    assert not delivered(server, server_ca=authority.file)
    (tmp_path / "token").write_text(secret)
    assert delivered(server, server_ca=authority.file, server_token_file=tmp_path / "token")


def test_a_renewed_certificate_serves_from_the_next_connection_on(make_server: Make, authority: Authority) -> None:
    server = make_server(*own(authority)).start()
    before = serial(server, authority)
    assert delivered(server, server_ca=authority.file)
    authority.sign("server")
    assert serial(server, authority) not in (before,)
    assert delivered(server, server_ca=authority.file)
    cert = authority.file.with_name("server.crt")
    cert.write_text("half of it")
    assert serial(server, authority)
    assert delivered(server, server_ca=authority.file)
    assert "the certificate read before goes on" in (server.folder / "log").read_text()


def test_grpc_takes_the_renewed_one_too(make_server: Make, authority: Authority, tmp_path: Path) -> None:
    server = make_server(*own(authority)).start()
    assert delivered(server, server_ca=authority.file)
    other = Authority(tmp_path / "others")
    for old, new in zip(("server.crt", "server.key"), other.sign("server"), strict=True):
        new.rename(authority.file.with_name(old))
    assert delivered(server, server_ca=other.file)
    assert not delivered(server, server_ca=authority.file)


def test_what_cannot_be_used_is_said(authority: Authority, tmp_path: Path) -> None:
    cert, key = authority.sign("server")
    pair = ["--tls-cert", str(cert), "--tls-key"]
    assert "cannot read tls_key" in refused(*places(tmp_path), *pair, str(tmp_path / "nowhere"))
    assert "are no certificate and its key" in refused(*places(tmp_path), *pair, str(authority.sign("other")[1]))
    (tmp_path / "empty").write_text("")
    assert "holds no certificate" in refused(*places(tmp_path), *pair, str(key), "--client-ca", str(tmp_path / "empty"))
    assert "needs the other" in refused(*places(tmp_path), "--tls-cert", str(cert))
    assert "client_ca needs" in refused(*places(tmp_path), "--client-ca", str(authority.file))
    for given, why in (
        ({"server_ca": tmp_path / "nowhere"}, "cannot read server_ca"),
        ({"server_ca": tmp_path / "empty"}, "nothing in PEM"),
        ({"server_token_file": tmp_path / "nowhere"}, "cannot read server_token_file"),
        ({"server_token_file": tmp_path / "empty"}, "does not hold a token"),
    ):
        with pytest.raises(AgentError, match=why):
            Reporter(AgentSettings(**given))
    with pytest.raises(SettingsError, match="needs server_ca"):
        read(AgentSettings, None, {"client_cert": cert, "client_key": key})
