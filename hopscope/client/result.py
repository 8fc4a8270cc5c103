"""The profile that a caller gets: the model's, with a way into pandas and Arrow."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any

from hopscope.client.failure import HopscopeError
from hopscope.edges import model
from hopscope.edges.rows import COLUMNS, rows

if TYPE_CHECKING:
    import pandas
    import pyarrow


class Profile(model.Profile):
    """Everything seen in a window: `.edges`, `.listeners`, `.completeness`, `.probes`, `.to_json()`."""

    __slots__ = ()

    @classmethod
    def of(cls, profile: model.Profile) -> Profile:
        """The same profile with this class's methods."""
        given: dict[str, Any] = {held.name: getattr(profile, held.name) for held in fields(profile)}
        return cls(**given)

    def to_pandas(self) -> pandas.DataFrame:
        """A row per edge, columns as in docs/profile.md. Raises HopscopeError when pandas is not installed."""
        try:
            import pandas
        except ImportError as error:
            raise HopscopeError("pandas is not installed; pip install 'hopscope[frames]'") from error
        kinds = {"text": "object", "integer": "Int64", "number": "float64"}
        table = rows(self)
        return pandas.DataFrame(
            {
                name: pandas.Series([row[name] for row in table], dtype=kinds[kind])  # type: ignore[call-overload, unused-ignore]
                for name, kind in COLUMNS.items()
            }
        )

    def to_arrow(self) -> pyarrow.Table:
        """The same as an Arrow table. Raises HopscopeError when pyarrow is not installed."""
        try:
            import pyarrow
        except ImportError as error:
            raise HopscopeError("pyarrow is not installed; pip install 'hopscope[frames]'") from error
        kinds = {"text": pyarrow.string(), "integer": pyarrow.int64(), "number": pyarrow.float64()}
        schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
        return pyarrow.Table.from_pylist(rows(self), schema=schema)
