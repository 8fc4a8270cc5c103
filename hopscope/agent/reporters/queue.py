"""What has not been acknowledged yet, in a bounded memory, and what had to be dropped for it. Pure.

Law: every batch that was put in is acknowledged, refused, or part of a gap.
"""

from __future__ import annotations

import lzma
from collections import deque
from dataclasses import dataclass, replace

from hopscope.agent.reporters.blocks import Gap

_RANGES = 256
# A second of 1,000 edges, 1.5 MB, becomes a tenth, in 44 ms of CPU. The metrics of a batch name the same edges again
# and again, further apart than zlib looks back: that makes it a quarter.
_PRESET = 0


@dataclass(frozen=True, slots=True)
class Sealed:
    """A batch as it is sent, each time with the same bytes."""

    second: int
    sequence: int
    data: bytes
    gaps: tuple[Gap, ...] = ()


class Queue:
    """Batches in order, at most `seconds` old beside the newest and `size` bytes in all; the oldest are dropped. Those
    that wait behind others are packed."""

    def __init__(self, seconds: int, size: int) -> None:
        self._seconds, self._limit = seconds, size
        self._waiting: deque[tuple[Sealed, bool]] = deque()
        self._gaps: list[Gap] = []
        self.size = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, batch: Sealed) -> int:
        """Adds the newest; returns how many were dropped."""
        held = _packed(batch) if self._waiting else batch
        self._waiting.append((held, held is not batch))
        self.size += len(held.data)
        return self._trim()

    def take(self) -> Sealed | None:
        """The oldest, which is no longer in the queue: it is acknowledged, refused, or put back."""
        if not self._waiting:
            return None
        batch, packed = self._waiting.popleft()
        self.size -= len(batch.data)
        return replace(batch, data=lzma.decompress(batch.data)) if packed else batch

    def put_back(self, batch: Sealed) -> int:
        """What could not be delivered, again the oldest; returns how many were dropped."""
        self._waiting.appendleft((batch, False))
        self.size += len(batch.data)
        return self._trim()

    def _trim(self) -> int:
        dropped = 0
        newest = self._waiting[-1][0].second
        while self._waiting and (self.size > self._limit or self._waiting[0][0].second <= newest - self._seconds):
            oldest, _ = self._waiting.popleft()
            self.size -= len(oldest.data)
            self.lose(oldest, "the queue was full while the server was away")
            dropped += 1
        return dropped

    def lose(self, batch: Sealed, cause: str) -> None:
        """Marks a batch, with the gaps that it would have told, as one that nobody will store."""
        self.dropped += 1
        for gap in (*batch.gaps, Gap(batch.second, 1, 1, cause)):
            self._gaps = _joined([*self._gaps, gap])

    def take_gaps(self) -> tuple[Gap, ...]:
        """The gaps that nobody has told yet; who takes them tells them."""
        taken, self._gaps = tuple(self._gaps), []
        return taken


def _packed(batch: Sealed) -> Sealed:
    data = lzma.compress(batch.data, preset=_PRESET)
    return replace(batch, data=data) if len(data) < len(batch.data) else batch


def _joined(gaps: list[Gap]) -> list[Gap]:
    """Neighbouring ranges of one cause as one. Beyond a number the first ones too, whatever is between them."""
    joined: list[Gap] = []
    for gap in sorted(gaps, key=lambda gap: gap.second):
        last = joined[-1] if joined else None
        if last is not None and last.cause == gap.cause and gap.second <= last.second + last.seconds:
            joined[-1] = _join(last, gap)
        else:
            joined.append(gap)
    while len(joined) > _RANGES:
        joined[:2] = [_join(joined[0], joined[1])]
    return joined


def _join(first: Gap, second: Gap) -> Gap:
    end = max(first.second + first.seconds, second.second + second.seconds)
    return Gap(first.second, end - first.second, first.batches + second.batches, first.cause)
