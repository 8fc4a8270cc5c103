"""From plain values to what a selection of fields asks for. Pure.

Law: a selection is read once for each request; a value then costs a lookup in its dict. The library's own execution
reads it again for each object, which for a thousand edges took more than a second. Our types are objects, enums and
scalars only: a fragment that is valid always applies.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLIncludeDirective,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLSkipDirective,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
)

Field = Callable[..., Any]
Fields = Mapping[str, Mapping[str, Field]]
"""What computes fields with arguments, by type and name, from the object's dict. Other fields are keys of it."""
_Shape = Callable[[Any], Any]


def key_of(name: str, *_: Any) -> str:
    """The key of a field in its object's dict, the name of an argument: `p99Ns` is `p99_ns`."""
    return re.sub("([A-Z])", r"_\1", name).lower()


class _Part(NamedTuple):
    """A field that is asked for: the key of the answer, its key in the object, and how its value is made."""

    key: str
    name: str
    needed: bool
    computed: Field | None
    shape: _Shape | None


class Absent(LookupError):
    """A value that the schema promises is not there: a mistake of ours."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A valid operation's surroundings. `go_on` raises when nobody waits for the answer any more."""

    schema: GraphQLSchema
    fields: Fields
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Any
    go_on: Callable[[], None]

    def collect(self, selections: Iterable[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """The fields of some selections by the name that the answer gives them."""
        found: dict[str, list[FieldNode]] = {}
        for selection in selections:
            for key, node in self._collected(selection):
                found.setdefault(key, []).append(node)
        return found

    def _collected(self, selection: SelectionSetNode) -> Iterator[tuple[str, FieldNode]]:
        for node in selection.selections:
            if not self._wanted(node):
                continue
            if isinstance(node, FieldNode):
                yield (node.alias or node.name).value, node
            elif isinstance(node, FragmentSpreadNode):
                yield from self._collected(self.fragments[node.name.value].selection_set)
            else:
                yield from self._collected(node.selection_set)  # type: ignore[attr-defined]

    def _wanted(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self.variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self.variables)
        return not (skip and skip["if"]) and not (include and not include["if"])

    def arguments(self, kind: GraphQLObjectType, node: FieldNode) -> dict[str, Any]:
        """The arguments of a field. Raises GraphQLError."""
        return get_argument_values(kind.fields[node.name.value], node, self.variables)

    def shape(self, kind: Any, nodes: Sequence[FieldNode]) -> _Shape | None:
        """What makes of a value of a type that which its selections ask for; None: the value itself."""
        if isinstance(kind, GraphQLNonNull):
            return self.shape(kind.of_type, nodes)
        if isinstance(kind, GraphQLList):
            return _each(self.shape(kind.of_type, nodes))
        if isinstance(kind, GraphQLEnumType):
            names = {value.value: name for name, value in kind.values.items()}
            return names.__getitem__
        if isinstance(kind, GraphQLObjectType):
            return self._object(kind, nodes)
        return None

    def _object(self, kind: GraphQLObjectType, nodes: Sequence[FieldNode]) -> _Shape:
        parts: list[_Part] = []
        selected = self.collect(node.selection_set for node in nodes if node.selection_set)
        for key, held in selected.items():
            name = held[0].name.value
            if name == "__typename":
                parts.append(_Part(key, "", True, lambda _: kind.name, None))
                continue
            declared = kind.fields[name].type
            needed = isinstance(declared, GraphQLNonNull)
            computed = self._computed(kind, held[0])
            parts.append(_Part(key, key_of(name), needed, computed, self.shape(declared, held)))
        return _made(kind.name, parts)

    def _computed(self, kind: GraphQLObjectType, node: FieldNode) -> Field | None:
        field = self.fields.get(kind.name, {}).get(node.name.value)
        if field is None:
            return None
        arguments = self.arguments(kind, node)

        def computed(value: Mapping[str, Any]) -> Any:
            self.go_on()
            return field(value, **arguments)

        return computed


def _each(shape: _Shape | None) -> _Shape | None:
    if shape is None:
        return None
    return lambda values: [None if value is None else shape(value) for value in values]


def _made(kind: str, parts: Sequence[_Part]) -> _Shape:
    plain = [part for part in parts if part.computed is None and part.shape is None]
    others = [part for part in parts if part.computed is not None or part.shape is not None]
    # A list of lines or of buckets is thousands of objects whose fields are nearly all plain.
    order, keys = dict.fromkeys(part.key for part in parts), [part.key for part in plain]
    several = itemgetter(*(part.name for part in plain)) if len(plain) > 1 else None

    def read(value: Mapping[str, Any]) -> tuple[Any, ...]:
        if several is not None:
            try:
                found: tuple[Any, ...] = several(value)
                return found
            except KeyError:
                pass
        return tuple(value.get(part.name) for part in plain)

    def checked(shaped: dict[str, Any]) -> dict[str, Any]:
        for part in parts:
            if part.needed and shaped[part.key] is None:
                raise Absent(f"{kind}.{part.name}")
        return shaped

    def alone(value: Mapping[str, Any]) -> dict[str, Any]:
        found = read(value)
        shaped = dict(zip(keys, found, strict=True))
        return checked(shaped) if None in found else shaped

    def made(value: Mapping[str, Any]) -> dict[str, Any]:
        shaped = order.copy()
        shaped.update(zip(keys, read(value), strict=True))
        for key, name, _, computed, shape in others:
            one = value.get(name) if computed is None else computed(value)
            shaped[key] = one if shape is None or one is None else shape(one)
        return checked(shaped)

    return made if others else alone
