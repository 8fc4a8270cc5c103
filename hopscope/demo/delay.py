"""A longer way: takes each frame between a pod's link and the bridge, and lets it go later.

Run by the system's Python as `delay.py BRIDGE LINK OTHER MS SPREAD`. LINK leaves the bridge; OTHER is one end of a pair
whose other end is in the bridge. Packet sockets with virtio headers keep segmentation and checksum offload as they are.
"""

from __future__ import annotations

import fcntl
import heapq
import random
import select
import socket
import struct
import sys
import time

ETH_P_ALL = 3
SOL_PACKET, PACKET_VNET_HDR, PACKET_IGNORE_OUTGOING = 263, 15, 23
SIOCBRDELIF = 0x89A3
_FRAME = 1 << 17


def _open(link: str) -> socket.socket:
    # Protocol 0: nothing arrives until `_listen`, for the bridge still forwards the same frames.
    held = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    held.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    held.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    held.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    held.bind((link, 0))
    return held


def _listen(held: socket.socket, link: str) -> None:
    held.bind((link, ETH_P_ALL))
    held.setblocking(False)


def _leave_bridge(bridge: str, link: str) -> None:
    request = struct.pack("16si20x", bridge.encode(), socket.if_nametoindex(link))
    with socket.socket() as control:
        fcntl.ioctl(control, SIOCBRDELIF, request)


def relay(ends: tuple[socket.socket, socket.socket], seconds: float, spread: float) -> None:
    """Carries frames both ways for ever, each `seconds` ± `spread` late; with a spread they may overtake each other."""
    waiting: list[tuple[float, int, socket.socket, bytes]] = []
    poll, other, number = select.poll(), {ends[0].fileno(): ends[1], ends[1].fileno(): ends[0]}, 0
    by_number = {end.fileno(): end for end in ends}
    for end in ends:
        poll.register(end, select.POLLIN)
    while True:
        wait = (waiting[0][0] - time.monotonic()) * 1000 if waiting else None
        for descriptor, _ in poll.poll(None if wait is None else max(0.0, wait)):
            for frame in _frames(by_number[descriptor]):
                late = seconds + random.uniform(-spread, spread) if spread else seconds
                number += 1
                heapq.heappush(waiting, (time.monotonic() + late, number, other[descriptor], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, end, frame = heapq.heappop(waiting)
            end.send(frame)


def _frames(end: socket.socket) -> list[bytes]:
    found: list[bytes] = []
    try:
        while len(found) < 256:
            found.append(end.recv(_FRAME))
    except BlockingIOError:
        pass
    return found


def _main(bridge: str, link: str, inner: str, milliseconds: str, spread: str) -> None:
    ends = _open(link), _open(inner)
    _listen(ends[1], inner)
    _leave_bridge(bridge, link)
    _listen(ends[0], link)
    print("ready", flush=True)
    relay(ends, float(milliseconds) / 1000, float(spread) / 1000)


if __name__ == "__main__":
    _main(*sys.argv[1:])
