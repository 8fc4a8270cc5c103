"""How many different things one agent may tell of in an hour; what is beyond is left out and counted. Pure.

A host whose addresses or labels are different each second would else fill the store with lines of one row. What is left
out is counted in the completeness of the same second (`over_limit.lines`, `.rows`, `.labels`), so answers show it. What
was accepted in an hour stays accepted. The memory of it is a receiver's own: after a restart an hour begins anew.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from hopscope.wire.hopscope.v1 import collector_pb2 as wire

LINES, LINES_OF_INSTANCE, LABELS = 200_000, 20_000, 2_000
"""Of an agent in an hour: edges and listeners, edges of one instance, labels of rows."""
_HOURS = 4096
_NONE = np.zeros(0, "<u8")
_COLUMNS = ("line", "label", "count", "bytes", "sum", "min", "max", "filled")


@dataclass(slots=True)
class _Hour:
    lines: Any = field(default_factory=lambda: _NONE)
    refused: Any = field(default_factory=lambda: _NONE)
    labels: set[str] = field(default_factory=set)
    edges: dict[str, set[int]] = field(default_factory=dict)


class Bounds:
    """What each agent told of lately. Safe to use from several threads."""

    def __init__(self, lines: int = LINES, of_instance: int = LINES_OF_INSTANCE, labels: int = LABELS) -> None:
        self._limits = lines, of_instance, labels
        self._guard = threading.Lock()
        self._hours: OrderedDict[tuple[int, int], _Hour] = OrderedDict()
        self._instances: OrderedDict[int, str] = OrderedDict()

    def keep(self, batch: wire.Batch) -> bool:
        """Leaves out of a well-formed batch what is beyond the bounds; returns whether that was anything."""
        with self._guard:
            hour = self._hour(batch)
            labels = self._labels(hour, batch)
            lines = self._lines(hour, batch)
        if not labels and not len(lines):
            return False
        rows = sum(_leave_out(block, lines, labels) for block in batch.blocks)
        over = set(lines.tolist())
        for things in (batch.edges, batch.listeners):
            for number in reversed(range(len(things))):
                if things[number].id in over:
                    del things[number]
        amounts = batch.completeness.amounts
        for name, number in (("lines", len(lines)), ("labels", len(labels)), ("rows", rows)):
            amounts[f"over_limit.{name}"] += number
        return True

    def _hour(self, batch: wire.Batch) -> _Hour:
        key = batch.host, batch.second // 3600
        hour = self._hours.pop(key, None) or _Hour()
        self._hours[key] = hour
        if len(self._hours) > _HOURS:
            self._hours.popitem(last=False)
        for process in batch.processes:
            self._instances[process.id] = f"{process.service}/{process.instance}"
            if len(self._instances) > 100 * _HOURS:
                self._instances.popitem(last=False)
        return hour

    def _labels(self, hour: _Hour, batch: wire.Batch) -> set[int]:
        """Which labels of the batch are too many."""
        over = set()
        for number, label in enumerate(batch.labels):
            if label and label not in hour.labels:
                if len(hour.labels) >= self._limits[2]:
                    over.add(number)
                else:
                    hour.labels.add(label)
        return over

    def _lines(self, hour: _Hour, batch: wire.Batch) -> Any:
        """Which lines of the batch are too many."""
        refused = [edge.id for edge in batch.edges if not self._known(hour, edge)]
        if refused:
            hour.refused = np.union1d(hour.refused, np.array(refused, "<u8"))
        told = {line for block in batch.blocks for line in block.line}
        told.update(edge.id for edge in batch.edges)
        lines = np.fromiter(told, "<u8", len(told))
        if not len(hour.refused) and _within(lines, hour.lines):
            # As good as always.
            return _NONE
        lines.sort()
        new = np.setdiff1d(np.setdiff1d(lines, hour.lines, True), hour.refused, True)
        room = self._limits[0] - len(hour.lines)
        if len(new) > room:
            hour.refused = np.union1d(hour.refused, new[room:])[-10 * self._limits[0] :]
        if len(new):
            hour.lines = np.union1d(hour.lines, new[:room])
        return np.intersect1d(lines, hour.refused, True) if len(hour.refused) else _NONE

    def _known(self, hour: _Hour, edge: wire.Edge) -> bool:
        """Whether an edge has room in its instance."""
        end = edge.client.process or edge.server.process
        known = hour.edges.setdefault(self._instances.get(end, ""), set())
        if edge.id in known:
            return True
        if len(known) >= self._limits[1]:
            return False
        known.add(edge.id)
        return True


def _within(numbers: Any, known: Any) -> bool:
    """Whether all numbers are in an array that is sorted."""
    at = np.searchsorted(known, numbers)
    return bool((at < len(known)).all() and (known[at] == numbers).all())


def _leave_out(block: wire.Block, lines: Any, labels: set[int]) -> int:
    """Takes rows out of a block; returns how many."""
    keep = ~np.isin(np.array(block.line, "<u8"), lines)
    if labels and len(block.label):
        keep &= ~np.isin(np.array(block.label, "<u4"), list(labels))
    if keep.all():
        return 0
    if len(block.filled):
        buckets = np.repeat(keep, np.array(block.filled, "<i8"))
        for name in ("bucket", "held"):
            _only(getattr(block, name), buckets)
    if block.side:
        block.side = np.frombuffer(block.side, "u1")[keep].tobytes()
    for name in _COLUMNS:
        if len(column := getattr(block, name)):
            _only(column, keep)
    return int((~keep).sum())


def _only(column: Any, keep: Any) -> None:
    kept = np.array(column)[keep].tolist()
    del column[:]
    column.extend(kept)
