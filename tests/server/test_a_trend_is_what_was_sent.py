"""Is the trend of a service and of an instance their calls of each minute, and a gap where nothing was recorded?"""

from __future__ import annotations

from .conftest import Server
from .world import CLIENT, SERVER, Host, edge, now, traffic

QUESTION = """{ services { services { name trend } }
  instances(service: "shop") { instances { name trend } } }"""
SECONDS, FROM_AFAR = 3, 7
"""Of each minute that has any; calls a second of a line of which only the server is seen."""


def test_calls_by_minute(server: Server) -> None:
    here = Host("here")
    shops = [here.process("shop", service="shop", instance=f"shop-{number}") for number in (1, 2)]
    buyer = here.process("buyer", service="buyer", instance="buyer-1")
    here.process("idle", service="idle", instance="idle-1")
    minute = now() // 60
    calls = {minute - ago: calls for ago, calls in ((20, 5), (13, 30), (3, 0), (2, 10), (1, 20))}
    for at, each in calls.items():
        for second in range(60 * at, 60 * at + SECONDS):
            batch = here.batch(second)
            for shop, times in zip(shops, (1, 2), strict=True) if each else ():
                both = edge(batch, (buyer, "10.0.0.1"), (shop, f"10.0.0.{times + 1}:80"))
                # Of a line whose client is seen nothing else counts.
                calls_of = each * times
                traffic(batch, both, CLIENT, calls_of, reads=3 * calls_of)
                traffic(batch, both, SERVER, calls_of, writes=5 * calls_of, reads=7 * calls_of)
            if each:
                afar = edge(batch, (0, "10.9.9.9"), (shops[0], "10.0.0.2:80"))
                traffic(batch, afar, SERVER, FROM_AFAR, writes=5 * FROM_AFAR)
            server.send(batch.SerializeToString())
    asked, answer = None, {}
    while asked != now() // 60:
        asked = now() // 60
        answer = server.ask(QUESTION)
    found = {it["name"]: it["trend"] for it in (*answer["services"]["services"], *answer["instances"]["instances"])}
    shown = range(asked - 14, asked + 1)

    def trend(times: int, more: int = 0) -> list[float | None]:
        return [calls[at] * times + more * (calls[at] > 0) if at in calls else None for at in shown]

    assert found["shop-1"] == trend(1, FROM_AFAR)
    assert found["shop-2"] == trend(2)
    assert found["shop"] == trend(3, FROM_AFAR)
    assert found["buyer"] == trend(3)
    assert found["idle"] == trend(0)
