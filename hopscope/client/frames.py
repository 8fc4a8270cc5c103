"""Answers as tables: rows of plain values, and data frames of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_type_hints, overload

from hopscope.client.failure import HopscopeError
from hopscope.client.reading import inner

if TYPE_CHECKING:
    import pandas
    import pyarrow

Row = TypeVar("Row")


class Listed(Sequence[Row]):
    """Answers of one kind, with a way into pandas and Arrow: a column for each plain field, nested ones by `a_b`."""

    __slots__ = ()

    @property
    @abstractmethod
    def rows(self) -> tuple[Row, ...]:
        """The answers."""

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Row, ...]: ...
    def __getitem__(self, index: int | slice) -> Row | tuple[Row, ...]:
        return self.rows[index]

    def __len__(self) -> int:
        return len(self.rows)

    def to_pandas(self) -> pandas.DataFrame:
        """A row each. Raises HopscopeError when pandas is not installed."""
        return frame(flat(row) for row in self.rows)

    def to_arrow(self) -> pyarrow.Table:
        """The same as an Arrow table. Raises HopscopeError when pyarrow is not installed."""
        try:
            import pyarrow
        except ImportError as error:
            raise HopscopeError("pyarrow is not installed; pip install 'hopscope[frames]'") from error
        return pyarrow.Table.from_pylist([flat(row) for row in self.rows])


class Rows(Listed[Row]):
    """Answers that come without anything beside them."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = tuple(rows)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The answers."""
        return self._rows

    def __repr__(self) -> str:
        return f"Rows({list(self._rows)!r})"


def frame(rows: Iterable[dict[str, Any]]) -> pandas.DataFrame:
    """Rows of plain values as a data frame. Raises HopscopeError when pandas is not installed."""
    try:
        import pandas
    except ImportError as error:
        raise HopscopeError("pandas is not installed; pip install 'hopscope[frames]'") from error
    return pandas.DataFrame(list(rows))


def flat(held: Any) -> dict[str, Any]:
    """An answer as one row: lists of plain values become texts, lists of other things their number."""
    return dict(_flat("", held))


def _flat(prefix: str, held: Any) -> Iterator[tuple[str, Any]]:
    hints = get_type_hints(type(held))
    for part in fields(held):
        name, value = f"{prefix}{part.name}", getattr(held, part.name)
        if is_dataclass(value):
            yield from _flat(f"{name}_", value)
        elif isinstance(value, tuple):
            nested = is_dataclass(inner(hints[part.name]))
            yield name, len(value) if nested else " ".join(map(str, value))
        else:
            yield name, value
