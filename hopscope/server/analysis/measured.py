"""The blocks of a batch as one set of columns, checked. Pure.

A batch has some thirty blocks of a row for each edge. Each step here is one for all of them: one for each block took
14 us a row of an agent with ten edges.
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


def measured(batch: wire.Batch) -> dict[str, Any]:
    """The columns of all blocks by their names on the wire, `metric` and those that were left out too. `bucket` and
    `held` are as long as `filled` says. Raises ValueError."""
    blocks = [block for block in batch.blocks if _of_equal_length(block)]
    rows = np.array([len(block.line) for block in blocks], "<i8")
    whole, zeros = wire.Block(), [0] * int(rows.max(initial=0))
    for block, length in zip(blocks, rows.tolist(), strict=True):
        for name in ("line", *_HISTOGRAM):
            getattr(whole, name).MergeFrom(getattr(block, name))
        for name in _OPTIONAL:
            getattr(whole, name).extend(getattr(block, name) or zeros[:length])
    columns = {name: np.array(getattr(whole, name), kind) for name, kind in (_OPTIONAL | _HISTOGRAM).items()}
    columns["line"] = np.array(whole.line, "<u8")
    columns["metric"] = np.repeat(np.array([block.metric for block in blocks], "<u4"), rows)
    columns["side"] = np.frombuffer(b"".join(b.side or bytes(len(b.line)) for b in blocks), "u1")
    _check(columns, blocks, rows, len(batch.labels))
    return columns


def _of_equal_length(block: wire.Block) -> bool:
    """Whether it has rows. Raises ValueError."""
    rows = len(block.line)
    given = [len(block.side), *(len(getattr(block, name)) for name in _OPTIONAL)]
    if any(length not in (0, rows) for length in given):
        raise ValueError(f"block of metric {block.metric}: its columns are not of equal length")
    if not rows and (block.bucket or block.held):
        raise ValueError(f"block of metric {block.metric}: a histogram that does not add up")
    return rows > 0


def _check(columns: dict[str, Any], blocks: Sequence[wire.Block], rows: Any, labels: int) -> None:
    ends = np.cumsum(rows)

    def refuse(wrong: Any, what: str) -> None:
        """Names the block of the first row that is wrong."""
        if wrong.any():
            block = blocks[int(np.searchsorted(ends, np.argmax(wrong), "right"))]
            raise ValueError(f"block of metric {block.metric}: {what}")

    wrong = (columns["label"] >= max(1, labels)) | (columns["side"] > wire.SIDE_SERVER)
    refuse(wrong, "a label or a side that there is not")
    filled = np.diff(np.cumsum(columns["filled"], dtype="<i8")[ends - 1], prepend=0)
    for name in _HISTOGRAM:
        given = np.array([len(getattr(block, name)) for block in blocks], "<i8")
        refuse(np.repeat(filled != given, rows), "a histogram that does not add up")
    buckets = np.repeat(np.arange(len(columns["filled"])), columns["filled"])[columns["bucket"] >= BUCKETS]
    refuse(np.isin(np.arange(len(columns["line"])), buckets), "a histogram with buckets that there are not")
    for name in ("sum", "min", "max"):
        refuse(~np.isfinite(columns[name]), "a number that is not finite")
