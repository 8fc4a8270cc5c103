"""GraphQL over HTTP: a question to a server, its answer or what went wrong in one line."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from hopscope.client.failure import HopscopeError


class Server:
    """A server's API, for one thread. `ca`: a file of certificates to trust instead of the system's."""

    def __init__(self, url: str, token: str | None, ca: Path | None, seconds: float) -> None:
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise HopscopeError(f"{url} is no address; for example http://127.0.0.1:8080", 2) from error
        if address.scheme not in ("http", "https") or not address.host:
            raise HopscopeError(f"{url} is no address; for example http://127.0.0.1:8080", 2)
        if token is not None and not (token.isascii() and token.isprintable()):
            raise HopscopeError("that is no token: it has letters that no token has", 2)
        self.url = str(address).rstrip("/")
        headers = {"authorization": f"Bearer {token}"} if token else {}
        # An address that was given is meant: no proxy out of the environment takes it elsewhere.
        self._http = httpx.Client(
            headers=headers, timeout=seconds, trust_env=False, verify=True if ca is None else _trusting(ca)
        )

    def ask(self, question: str, variables: Mapping[str, Any]) -> dict[str, Any]:
        """The `data` of an answer. Raises HopscopeError."""
        try:
            answer = self._http.post(f"{self.url}/graphql", json={"query": question, "variables": dict(variables)})
        except httpx.TimeoutException as error:
            raise HopscopeError(f"{self.url} gave no answer within {self._http.timeout.read:g} seconds") from error
        except httpx.TransportError as error:
            advice = "is `hopscope server` running there?"
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                advice = "trust the server's authority with --ca FILE"
            raise HopscopeError(f"cannot reach {self.url}: {str(error).rstrip('.')}; {advice}") from error
        return _data(self.url, answer)

    def close(self) -> None:
        """Ends the connection."""
        self._http.close()


def _trusting(ca: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except ssl.SSLError as error:
        raise HopscopeError(f"{ca} holds no certificate in PEM", 2) from error
    except OSError as error:
        raise HopscopeError(f"cannot read {ca}, certificates to trust: {error.strerror}", 2) from error


def _data(url: str, answer: httpx.Response) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise HopscopeError(f"{url} answered {answer.status_code} {answer.reason_phrase}; is that a hopscope server?")
    if errors := said.get("errors"):
        what = "; ".join(dict.fromkeys(str(error.get("message")) for error in errors))
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            what += "; --token-file, or HOPSCOPE_TOKEN" if "token" not in what else ""
        raise HopscopeError(what)
    data: dict[str, Any] = said.get("data") or {}
    return data
