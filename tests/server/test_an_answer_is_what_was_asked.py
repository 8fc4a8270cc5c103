"""Is an answer what the request asked for, field by field, and a wrong request refused in a line?"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import build_client_schema, get_introspection_query, parse, separate_operations, validate

from hopscope.agent.reporters.blocks import Blocks
from hopscope.server.access.identity import Caller
from hopscope.server.query import limits
from hopscope.server.query.execution import Execution
from hopscope.server.query.projection import Fields

from .conftest import Server, servers
from .profiles import HOST, profile

QUESTION = """
query Whole($few: WindowInput!, $yes: Boolean! = true) {
  __typename
  mine: edges(window: $few, limit: 1) { ...window window { seconds } edges { id ...sides } }
  other: edges(window: $few) { total kind: __typename step edges @skip(if: $yes) { id } }
  agents { host @include(if: $yes) boot @include(if: false) }
  __type(name: "Tls") { name fields { name } }
}
query Other { agents { host } }
fragment window on Edges { window { from } }
fragment sides on Edge {
  clientSide { metrics(names: ["write"]) { metric half: percentiles(shares: [0.5]) all: percentiles } }
  clientSide { tcp { name } }
  ... on Edge { label }
}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with servers() as make:
        server = make().start()
        server.send(Blocks(1, "1.0").batches(profile(int(time.time()) - 5))[0][1].SerializeToString())
        yield server


def test_aliases_fragments_and_conditions(server: Server) -> None:
    body = {"query": QUESTION, "variables": {"few": {"last": 60}}, "operationName": "Whole"}
    code, answer = send(server, json.dumps(body).encode())
    assert code == 200 and "errors" not in answer, answer
    data = answer["data"]
    assert list(data) == ["__typename", "mine", "other", "agents", "__type"] and data["__typename"] == "Query"
    assert set(data["mine"]["window"]) == {"from", "seconds"}
    (edge,) = data["mine"]["edges"]
    assert list(edge) == ["id", "clientSide", "label"]
    (write,) = edge["clientSide"]["metrics"]
    assert write["metric"] == "write" and len(write["half"]) == 1 and len(write["all"]) == 5
    assert edge["clientSide"]["tcp"][0]["name"] == "srtt"
    assert data["other"] == {"total": 3, "kind": "Edges", "step": "SECOND"}
    assert data["agents"] == [{"host": HOST}]
    assert data["__type"] == {"name": "Tls", "fields": [{"name": "sni"}, {"name": "alpn"}]}


def test_the_schema_can_be_asked_for(server: Server) -> None:
    schema = build_client_schema(server.ask(get_introspection_query()))
    assert schema.query_type is not None and "edges" in schema.query_type.fields
    assert schema.mutation_type is not None
    roots = schema.query_type, schema.mutation_type
    said = {name: kind for name, kind in schema.type_map.items() if not name.startswith("__") and kind not in roots}
    said |= {f"{root.name}.{name}": field for root in roots for name, field in root.fields.items()}
    assert not [name for name, it in said.items() if not it.description]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"no JSON", "not JSON"),
        (b"[]", "object with a `query`"),
        (b'{"query": 1}', "object with a `query`"),
        (b'{"query": "{ agents { host } }", "variables": 3}', "`variables`"),
        (b'{"query": "{ agents { host } ", "variables": {}}', "Syntax Error"),
        (b'{"query": "{ agents { nobody } }"}', "Cannot query field"),
        (b'{"query": "query A { agents { host } } query B { agents { host } }"}', "which operation"),
        (b'{"query": "{ agents { host } }", "operationName": "C"}', "which operation"),
        (b'{"query": "query($w: WindowInput!) { edges(window: $w) { total } }"}', "to be provided"),
        (b'{"query": "{ edges(window: {last: \\"x\\"}) { total } }"}', "Int cannot represent"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_what_cannot_be_read_is_refused(server: Server, body: bytes, why: str) -> None:
    code, answer = send(server, body)
    assert code == 400 and why in json.dumps(answer["errors"]), answer


def test_one_refused_question_leaves_a_line_and_no_data(server: Server) -> None:
    code, answer = send(server, json.dumps({"query": "{ a: agents { host } edges(window: {}) { total } }"}).encode())
    (error,) = answer["errors"]
    assert code == 200 and answer["data"] is None and error["path"] == ["edges"]
    assert error["message"] == "a window is either `from` and `to`, or `last`"


class Slow:
    """A concern whose every answer takes a while."""

    def __init__(self) -> None:
        self.asked = 0
        self.fields: Fields = {
            "Query": {"agents": self.agents, "processes": lambda _, instance: {"processes": [{}] * 50}},
            "Process": {"listeners": lambda _: self.agents(None)},
        }

    def agents(self, _: object) -> list[dict[str, str]]:
        self.asked += 1
        time.sleep(0.1)
        return []


@pytest.mark.parametrize(
    "query",
    [
        "{ a: agents { host } b: agents { host } c: agents { host } d: agents { host } e: agents { host } }",
        '{ processes(instance: "x") { processes { listeners { address } } } }',
    ],
)
def test_what_nobody_waits_for_any_more_stops(monkeypatch: pytest.MonkeyPatch, query: str) -> None:
    monkeypatch.setattr(limits, "SECONDS", 0.25)
    slow = Slow()
    answer = json.loads(Execution([slow]).answer({"query": query}, Caller("ann", "read")).body)
    assert {error["message"] for error in answer["errors"]} == {"no answer within 0.25 seconds; a shorter window"}
    assert slow.asked <= 3


def test_only_json_is_read(server: Server) -> None:
    code, answer = send(server, b"{}", "text/plain")
    assert code == 415 and "application/json" in answer["errors"][0]["message"]


def send(server: Server, body: bytes, kind: str = "application/json; charset=utf-8") -> tuple[int, dict]:
    request = urllib.request.Request(server.http, body, {"content-type": kind})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


QUESTIONS = Path(__file__).parents[2] / "ui/src/queries"


def test_each_question_of_the_page_leaves_room_for_another_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ROOTS", limits.ROOTS - 1)
    monkeypatch.setattr(limits, "FIELDS", limits.FIELDS - 50)
    document = parse("\n".join(path.read_text() for path in sorted(QUESTIONS.glob("*.graphql"))))
    schema = Execution([]).schema
    refused = {
        name: [error.message for error in validate(schema, question, [limits.Bounded])]
        for name, question in separate_operations(document).items()
    }
    assert refused.keys() >= {"Find", "InstanceView", "MeshView", "CompareView", "Tasks"}
    assert not any(refused.values()), refused
