"""The blocks of batches as one set of columns, checked. Pure.

A batch has some thirty blocks of a row for each edge. Each step here is one for all of them: one for each block took
14 us a row of an agent with ten edges, one for each batch still 3 us.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from hopscope.edges.histogram import BUCKETS
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

_OPTIONAL = {
    "label": "<u4", "filled": "<u4", "count": "<u8", "bytes": "<u8", "sum": "<f8", "min": "<f8", "max": "<f8",
}  # fmt: skip
_HISTOGRAM = {"bucket": "<u4", "held": "<u8"}


def measured(batches: Sequence[wire.Batch]) -> dict[str, Any]:
    """The columns of all blocks by their names on the wire, `metric`, `second`, `batch` (which of them it is in) and
    those that were left out too. `label` is an index into `words`; `bucket` and `held` are as long as `filled` says.
    Raises ValueError."""
    blocks = [block for batch in batches for block in batch.blocks]
    lengths = _lengths(blocks)
    rows, whole = lengths["line"], wire.Block()
    for block in blocks:
        # Takes all columns at once, and what has no row has no values.
        whole.MergeFrom(block)
    columns = {name: _column(whole, name, kind, rows, lengths[name]) for name, kind in _OPTIONAL.items()}
    columns |= {name: np.array(getattr(whole, name), kind) for name, kind in _HISTOGRAM.items()}
    columns["line"] = np.array(whole.line, "<u8")
    columns["side"] = np.frombuffer(b"".join(b.side or bytes(len(b.line)) for b in blocks), "u1")
    columns["metric"] = np.repeat(np.array([block.metric for block in blocks], "<u4"), rows)
    of = np.repeat(np.arange(len(batches)), [len(batch.blocks) for batch in batches])
    columns["batch"] = np.repeat(of, rows)
    columns["second"] = np.array([batch.second for batch in batches], "<u4")[columns["batch"]]
    _check(columns, blocks, lengths, np.array([max(1, len(batch.labels)) for batch in batches], "<u4"))
    columns["label"], columns["words"] = _labels(columns, batches)
    return columns


def _lengths(blocks: Sequence[wire.Block]) -> dict[str, Any]:
    """How many values each block has in each column. Raises ValueError."""
    names = ("line", "side", *_OPTIONAL, *_HISTOGRAM)
    # Spelt out, which takes half as long as asking for them by their names.
    found = [
        (len(b.line), len(b.side), len(b.label), len(b.filled), len(b.count), len(b.bytes), len(b.sum), len(b.min),
         len(b.max), len(b.bucket), len(b.held))
        for b in blocks
    ]  # fmt: skip
    lengths = np.array(found, "<i8").reshape(-1, len(names))
    rows, given = lengths[:, :1], lengths[:, 1 : -len(_HISTOGRAM)]
    for wrong, what in (
        (((given != 0) & (given != rows)).any(axis=1), "its columns are not of equal length"),
        ((rows == 0)[:, 0] & lengths[:, -len(_HISTOGRAM) :].any(axis=1), "a histogram that does not add up"),
    ):
        if wrong.any():
            raise ValueError(f"block of metric {blocks[int(np.argmax(wrong))].metric}: {what}")
    return dict(zip(names, lengths.T, strict=True))


def _column(whole: wire.Block, name: str, kind: str, rows: Any, given: Any) -> Any:
    """A column of all blocks; 0 in those that left it out."""
    values = np.array(getattr(whole, name), kind)
    if len(values) == rows.sum():
        return values
    made = np.zeros(rows.sum(), kind)
    made[np.repeat(given > 0, rows)] = values
    return made


def _labels(columns: dict[str, Any], batches: Sequence[wire.Batch]) -> tuple[Any, list[str]]:
    """The labels of all batches as indices into one list of words, and that list."""
    words: dict[str, int] = {}
    codes = [words.setdefault(word, len(words)) for batch in batches for word in (batch.labels or [""])]
    counts = [len(batch.labels) or 1 for batch in batches]
    before = np.cumsum([0, *counts[:-1]])
    return np.array(codes, "<u4")[before[columns["batch"]] + columns["label"]], list(words)


def _check(columns: dict[str, Any], blocks: Sequence[wire.Block], lengths: dict[str, Any], labels: Any) -> None:
    rows = lengths["line"]
    ends = np.cumsum(rows)

    def refuse(wrong: Any, what: str) -> None:
        """Names the block of the first row that is wrong."""
        if wrong.any():
            block = blocks[int(np.searchsorted(ends, np.argmax(wrong), "right"))]
            raise ValueError(f"block of metric {block.metric}: {what}")

    wrong = (columns["label"] >= labels[columns["batch"]]) | (columns["side"] > wire.SIDE_SERVER)
    refuse(wrong, "a label or a side that there is not")
    sums = np.concatenate([[0], np.cumsum(columns["filled"], dtype="<i8")])
    filled = np.diff(sums[np.concatenate([[0], ends])])
    for name in _HISTOGRAM:
        refuse(np.repeat(filled != lengths[name], rows), "a histogram that does not add up")
    buckets = np.repeat(np.arange(len(columns["filled"])), columns["filled"])[columns["bucket"] >= BUCKETS]
    refuse(np.isin(np.arange(len(columns["line"])), buckets), "a histogram with buckets that there are not")
    for name in ("sum", "min", "max"):
        refuse(~np.isfinite(columns[name]), "a number that is not finite")
