"""How a request becomes an answer: read, bounded, answered, projected. Runs in a thread that may wait."""

from __future__ import annotations

import logging
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from ariadne import EnumType, ScalarType, load_schema_from_path, make_executable_schema
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    execute_sync,
    get_operation_ast,
    get_variable_values,
    is_non_null_type,
    parse,
    specified_rules,
    validate,
)

from hopscope.server.access.identity import Caller
from hopscope.server.query import limits
from hopscope.server.query.concern import Concern
from hopscope.server.query.limits import TOKENS, Bounded
from hopscope.server.query.projection import Asked, Field, key_of
from hopscope.server.query.remembered import one_answer
from hopscope.server.storage.store import StoreError

log = logging.getLogger(__name__)

# Read with the program: later we may be a user who is not allowed to read the place it is installed in.
_SDL = load_schema_from_path(str(Path(__file__).with_name("schema")))
_STEPS = {"SECOND": "1s", "MINUTE": "1m", "HOUR": "1h"}
_READ = 200
"""Documents that are kept as read; a page asks the same ones again and again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back. `valid`: the request could be read; its answer may still hold errors."""

    valid: bool
    body: bytes


class Execution:
    """Answers requests with what the concerns know."""

    def __init__(self, concerns: Sequence[Concern]) -> None:
        self._fields: dict[str, dict[str, Field]] = defaultdict(dict)
        for concern in concerns:
            for kind, fields in concern.fields.items():
                self._fields[kind] |= fields
        moment = ScalarType("DateTime", value_parser=_moment)
        self.schema = make_executable_schema(
            _SDL, moment, EnumType("Step", _STEPS), *_lower(), convert_names_case=key_of
        )
        self._read = lru_cache(_READ)(self._document)

    def answer(self, request: Mapping[str, Any], caller: Caller) -> Answer:
        """Answers one request: `query`, `variables`, `operationName`."""
        try:
            document = self._read(request["query"])
            operation = get_operation_ast(document, request.get("operationName"))
            if operation is None:
                raise _Invalid([GraphQLError("which operation? `operationName` must name one of the document")])
            given = request.get("variables") or {}
            variables = get_variable_values(self.schema, operation.variable_definitions or [], given)
            if isinstance(variables, list):
                raise _Invalid(variables)
        except _Invalid as error:
            return Answer(False, orjson.dumps({"errors": [one.formatted for one in error.errors]}))
        fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
        asked = Asked(self.schema, self._fields, fragments, variables, _until(time.monotonic() + limits.SECONDS))
        with one_answer():
            return Answer(True, orjson.dumps(_Operation(operation, given, asked, caller).executed()))

    def _document(self, text: str) -> DocumentNode:
        try:
            document = parse(text, max_tokens=TOKENS)
        except GraphQLError as error:
            raise _Invalid([error]) from error
        if errors := validate(self.schema, document, [*specified_rules, Bounded]):
            raise _Invalid(errors)
        return document


@dataclass(frozen=True, slots=True)
class _Operation:
    node: OperationDefinitionNode
    given: Mapping[str, Any]
    asked: Asked
    caller: Caller

    def executed(self) -> dict[str, Any]:
        """The questions one after the other: what is asked in one request shares the machine with other requests."""
        kind = self.asked.schema.get_root_type(self.node.operation)
        assert kind is not None
        data: dict[str, Any] = {}
        errors, complete = [], True
        for key, nodes in self.asked.collect([self.node.selection_set]).items():
            try:
                data[key] = self._root(kind, key, nodes)
            except GraphQLError as error:
                errors.append({**error.formatted, "path": [key]})
                data[key] = None
                complete = complete and not is_non_null_type(kind.fields[nodes[0].name.value].type)
        return {"data": data if complete else None, **({"errors": errors} if errors else {})}

    def _root(self, kind: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Any:
        name = nodes[0].name.value
        if name == "__typename":
            return kind.name
        if name.startswith("__"):
            return self._schema_itself(nodes)[key]
        if self.node.operation is OperationType.MUTATION and self.caller.role != "admin":
            raise GraphQLError(f"{self.caller.name} may only read; this needs an admin", nodes)
        arguments = self.asked.arguments(kind, nodes[0])
        shape = self.asked.shape(kind.fields[name].type, nodes)
        self.asked.go_on()
        found = _said(nodes, lambda: self.asked.fields[kind.name][name](self.caller, **arguments))
        return found if shape is None or found is None else _said(nodes, lambda: shape(found))

    def _schema_itself(self, nodes: list[FieldNode]) -> dict[str, Any]:
        """The schema is described by the library."""
        alone = OperationDefinitionNode(
            operation=self.node.operation,
            name=self.node.name,
            variable_definitions=self.node.variable_definitions,
            selection_set=SelectionSetNode(selections=tuple(nodes)),
        )
        document = DocumentNode(definitions=(alone, *self.asked.fragments.values()))
        result = execute_sync(self.asked.schema, document, variable_values=dict(self.given))
        if result.errors:
            raise result.errors[0]
        return result.data or {}


class _Invalid(Exception):
    def __init__(self, errors: list[GraphQLError]) -> None:
        self.errors = errors


def _until(end: float) -> Callable[[], None]:
    """What raises once the time of a request is over: its thread is not needed any more."""

    def go_on() -> None:
        if time.monotonic() > end:
            raise GraphQLError(f"no answer within {limits.SECONDS:g} seconds; a shorter window")

    return go_on


def _said(nodes: list[FieldNode], work: Callable[[], Any]) -> Any:
    """What the work gives, its errors as the asker's; the request edge of CONTRIBUTING."""
    try:
        return work()
    except GraphQLError:
        raise
    except (StoreError, ValueError) as error:
        raise GraphQLError(str(error), nodes) from error
    except Exception as error:
        log.exception("%s failed", nodes[0].name.value)
        raise GraphQLError("internal error; the server's log has it", nodes) from error


def _lower() -> list[EnumType]:
    """All other enums: in Python their values are words in lower case."""
    enums = [kind for kind in make_executable_schema(_SDL).type_map.values() if isinstance(kind, GraphQLEnumType)]
    return [
        EnumType(kind.name, {name: name.lower() for name in kind.values})
        for kind in enums
        if kind.name != "Step" and not kind.name.startswith("__")
    ]


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise GraphQLError(f"{text!r} is not a moment like 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
