"""A longer way: takes each frame between two interfaces, and lets it go later.

Run by the system's Python as `delay.py ONE OTHER MS SPREAD`. It makes the two as TAP devices: a frame that a bridge
hands to one is consumed, not dropped. Virtio headers keep segmentation and checksum offload as they are.
"""

from __future__ import annotations

import fcntl
import heapq
import os
import random
import select
import struct
import sys
import time

_TUNSETIFF, _TUNSETOFFLOAD = 0x400454CA, 0x400454D0
_IFF_TAP, _IFF_NO_PI, _IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
_OFFLOAD = 1 | 2 | 4
"""Checksums, and segments of IPv4 and IPv6."""
_FRAME = 1 << 17


def _tap(name: str) -> int:
    held = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(held, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TAP | _IFF_NO_PI | _IFF_VNET_HDR))
    fcntl.ioctl(held, _TUNSETOFFLOAD, _OFFLOAD)
    return held


def relay(one: int, other: int, seconds: float, spread: float) -> None:
    """Carries frames both ways for ever, each `seconds` ± `spread` late; with a spread they may overtake each other."""
    waiting: list[tuple[float, int, int, bytes]] = []
    across, number, poll = {one: other, other: one}, 0, select.poll()
    for end in across:
        poll.register(end, select.POLLIN)
    while True:
        wait = max(0.0, waiting[0][0] - time.monotonic()) * 1000 if waiting else None
        for end, _ in poll.poll(wait):
            for frame in _frames(end):
                late = seconds + random.uniform(-spread, spread) if spread else seconds
                number += 1
                heapq.heappush(waiting, (time.monotonic() + late, number, across[end], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(waiting)
            os.write(end, frame)


def _frames(end: int) -> list[bytes]:
    found: list[bytes] = []
    try:
        while len(found) < 256:
            found.append(os.read(end, _FRAME))
    except BlockingIOError:
        pass
    return found


def _main(one: str, other: str, milliseconds: str, spread: str) -> None:
    ends = _tap(one), _tap(other)
    print("ready", flush=True)
    relay(*ends, float(milliseconds) / 1000, float(spread) / 1000)


if __name__ == "__main__":
    _main(*sys.argv[1:])
