"""What lines come to: a row for each second, line and side with all that a state needs, of the rows in `metric`.

A line's second is some forty rows there, of which a topology needs twenty numbers. A column is declared once; its kind,
how it adds up, and how it follows from rows of `metric` are made from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hopscope.metrics import ABSENT, BY_NAME
from hopscope.server.storage.tables.kinds import Rolled, fields, merged

Part = Literal["count", "bytes", "total", "least", "last", "histogram", "counts", "second"]
"""What is taken of the rows; `counts`: their count by label; `second`: when the latest was that counts anything."""
_KINDS: dict[Part, tuple[str, str]] = {
    "count": ("sum", "UInt64"),
    "bytes": ("sum", "UInt64"),
    "total": ("sum", "Float64"),
    "least": ("min", "Float64"),
    "last": ("max", "Tuple(UInt32, Float64)"),
    "histogram": ("sumMap", "Map(UInt16, UInt64)"),
    "counts": ("sumMap", "Map(String, UInt64)"),
    "second": ("max", "UInt32"),
}


@dataclass(frozen=True, slots=True)
class Summed:
    """A column: a part of the rows of some metrics, with one label or with any."""

    name: str
    metrics: tuple[int, ...]
    part: Part
    label: str | None = None

    @property
    def how(self) -> str:
        """How its values are merged."""
        return _KINDS[self.part][0]

    @property
    def type(self) -> str:
        """What one value is."""
        return _KINDS[self.part][1]

    @property
    def kind(self) -> str:
        """As the engine declares it."""
        codec = " CODEC(T64, LZ4)" if self.type == "UInt64" else ""
        return f"SimpleAggregateFunction({self.how}, {self.type}){codec}"

    @property
    def merged(self) -> str:
        """SQL: its value of several rows `w`."""
        value = f"{self.how}(w.{self.name})"
        return f"if(isFinite({value}), {value}, 0)" if self.part == "least" else value

    @property
    def measured(self) -> str:
        """SQL: its value of rows of `metric`."""
        which = f"metric IN ({', '.join(map(str, self.metrics))})"
        if self.label is not None:
            which += f" AND label = '{self.label}'"
        match self.part:
            case "counts":
                return f"sumMapIf(map(toString(label), count), {which} AND label != '{ABSENT}' AND count > 0)"
            case "second":
                return f"toUnixTimestamp(maxIf(ts, {which} AND count > 0))"
            case "least":
                # That which changes no minimum, where there is none.
                return f"if(countIf({which}) = 0, inf, minIf(least, {which}))"
            case _:
                return f"{self.how}If({self.part}, {which})"


def _of(part: Part, label: str | None = None, /, **columns: str) -> tuple[Summed, ...]:
    return tuple(Summed(name, (BY_NAME[metric].number,), part, label) for name, metric in columns.items())


_ADDED = (
    "segments_out", "busy", "rwnd_limited", "sndbuf_limited", "zero_window_probes", "opened", "closed", "srtt",
)  # fmt: skip
COLUMNS: tuple[Summed, ...] = (
    *_of("count", "", write_count="write", read_count="read", retransmit_count="retransmit"),
    *_of("bytes", "", write_bytes="write", read_bytes="read"),
    *_of("counts", drop="drop", reset="reset", failed="failed"),
    *_of("total", **{name: name for name in _ADDED}),
    *_of("count", srtt_count="srtt"),
    *_of("last", active="active"),
    *_of("least", min_rtt="min_rtt"),
    *_of("histogram", "time_ns", rtt="write_rtt", handshake="connect"),
    Summed("moved", (BY_NAME["write"].number, BY_NAME["read"].number), "second"),
)
METRICS = tuple(sorted({number for column in COLUMNS for number in column.metrics}))
"""The metrics of which a line has a row."""
LINE = Rolled(
    "line",
    fields(3, line="UInt64", side="UInt8"),
    fields(3, **{column.name: column.kind for column in COLUMNS}),
    shard="line",
    by_time=True,
)
BEGUN = merged(
    "begun",
    "rolled",
    fields(3, rolled="UInt8", since="SimpleAggregateFunction(max, DateTime('UTC'))"),
    shard="rolled",
    time="since",
)
"""From which second on `line` has what `metric` has; no row: always. Of data of an older version it has nothing."""
TABLES = (BEGUN, LINE)
