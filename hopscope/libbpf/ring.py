"""The ring buffer, read without a callback per record.

Layout: kernel/bpf/ringbuf.c: a page with the consumer's position, a page with the producer's, the data mapped twice.
"""

from __future__ import annotations

import mmap
import struct

from hopscope.libbpf.objects import Map

_BUSY, _DISCARD, _HEADER = 1 << 31, 1 << 30, 8


class RingBuffer:
    """The reading end. One reader."""

    def __init__(self, ring: Map) -> None:
        self.fd = ring.fd
        self._size = ring.max_entries
        self._consumer = mmap.mmap(ring.fd, mmap.PAGESIZE)
        self._producer = mmap.mmap(
            ring.fd, mmap.PAGESIZE + 2 * self._size, mmap.MAP_SHARED, mmap.PROT_READ, offset=mmap.PAGESIZE
        )

    @property
    def waiting(self) -> int:
        """Bytes that were written and not read yet."""
        (read,) = struct.unpack_from("<Q", self._consumer)
        (written,) = struct.unpack_from("<Q", self._producer)
        return int(written - read)

    def drain(self) -> list[bytes]:
        """All finished records, oldest first."""
        records = []
        position = struct.unpack_from("<Q", self._consumer)[0]
        end = struct.unpack_from("<Q", self._producer)[0]
        while position < end:
            at = mmap.PAGESIZE + position % self._size
            (header,) = struct.unpack_from("<I", self._producer, at)
            if header & _BUSY:
                break
            length = header & ~(_BUSY | _DISCARD)
            if not header & _DISCARD:
                records.append(self._producer[at + _HEADER : at + _HEADER + length])
            position += (length + _HEADER + 7) // 8 * 8
            struct.pack_into("<Q", self._consumer, 0, position)
        return records
