"""The server's two doors, as the settings have them."""

from __future__ import annotations

from hopscope.server.access.door import Door, Keys
from hopscope.server.access.proxy import Proxy
from hopscope.server.access.tls import Certificates
from hopscope.server.access.tokens import Tokens, token_file
from hopscope.settings import ServerSettings, address


class Doors:
    """`grpc` for agents, `http` for people, the `proxy` that may speak for these; `certificates` of both. Raises
    ServerError."""

    def __init__(self, settings: ServerSettings) -> None:
        tokens = Tokens(token_file(settings))
        self.proxy = Proxy(settings)
        self.certificates = Certificates(settings)
        self.http = Door(
            "http",
            address("http", settings.http)[0],
            tokens,
            Keys(
                frozenset({"read", "admin"}),
                settings.trusted_proxy is not None,
                "hopscope token create NAME, or trusted_proxy",
            ),
            settings.insecure,
        )
        self.grpc = Door(
            "grpc",
            address("grpc", settings.grpc)[0],
            tokens,
            Keys(
                frozenset({"agent"}),
                settings.client_ca is not None,
                "hopscope token create NAME --role agent, or client_ca",
            ),
            settings.insecure,
        )
