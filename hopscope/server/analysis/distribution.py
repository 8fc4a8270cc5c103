"""A histogram of which there are many, with what is asked of each already known. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np


class Distribution(Mapping[str, int]):
    """A histogram, bucket and count, whose p99 is known already."""

    __slots__ = ("_buckets", "_counts", "p99")

    def __init__(self, buckets: Any, counts: Any, p99: float) -> None:
        self._buckets, self._counts, self.p99 = buckets, counts, p99

    def __getitem__(self, bucket: str) -> int:
        (found,) = np.nonzero(self._buckets == int(bucket))
        if not len(found):
            raise KeyError(bucket)
        return int(self._counts[found[0]])

    def __iter__(self) -> Iterator[str]:
        return iter(map(str, self._buckets.tolist()))

    def __len__(self) -> int:
        return len(self._buckets)

    def items(self) -> Any:
        """See Mapping."""
        return list(zip(map(str, self._buckets.tolist()), self._counts.tolist(), strict=True))
