"""How large a question may be."""

from __future__ import annotations

from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    OperationDefinitionNode,
    ValidationRule,
)

SECONDS = 20.0
"""What a request may take."""
DEPTH, FIELDS, ROOTS, TOKENS = 15, 500, 10, 4000
"""Levels of nesting; fields and fields of the root with each fragment spread out; words of the text."""


class Bounded(ValidationRule):
    """Refuses operations beyond the limits."""

    def enter_operation_definition(self, node: OperationDefinitionNode, *_: Any) -> None:
        """Counts an operation."""
        self._left, self._roots = FIELDS, 0
        self._walk(node, 0, frozenset())

    def _walk(self, node: Any, depth: int, spread: frozenset[str]) -> None:
        if depth > DEPTH or self._left <= 0:
            if self._left > 0 or depth > DEPTH:
                self.report_error(GraphQLError(f"nested deeper than {DEPTH}", node))
            self._left = -1
            return
        for selected in node.selection_set.selections if node.selection_set else ():
            if isinstance(selected, FragmentSpreadNode):
                name = selected.name.value
                fragment: FragmentDefinitionNode | None = self.context.get_fragment(name)
                if fragment is not None and name not in spread:
                    self._walk(fragment, depth, spread | {name})
            elif isinstance(selected, FieldNode):
                self._left -= 1
                self._roots += depth == 0
                if depth == 0 and self._roots == ROOTS + 1:
                    self.report_error(GraphQLError(f"more than {ROOTS} questions in one request", node))
                if self._left == 0:
                    self.report_error(GraphQLError(f"more than {FIELDS} fields", node))
                self._walk(selected, depth + 1, spread)
            else:
                self._walk(selected, depth, spread)
