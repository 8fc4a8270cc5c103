"""Do bytes equal the workload's own count in each way of moving them, and calls where the rung can see them?"""

from __future__ import annotations

import subprocess
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pytest

from hopscope.agent.probes import Choice
from tests.kernel.counting import SLOWER, TABLE, Counting, Counts

WAYS = (
    "write-read", "writev-readv", "pwritev2-preadv2", "send-recv", "sendto-recvfrom", "sendmsg-recvmsg",
    "sendmmsg-recvmmsg", "sendfile", "sendfile-large", "splice-to-socket", "splice-from-socket", "zerocopy", "waitall",
    "peek", "eagain", "partial-writes", "io_uring-send-recv", "io_uring-write-read", "io_uring-async",
    "io_uring-sqpoll", "ipv6", "v4-mapped", "namespace", "half-close", "read-after-close", "linger-reset",
    "unread-at-close", "exit-without-close", "threads", "fd-passing", "fork", "pre-fork", "reuseport",
    "itself",
)  # fmt: skip

OLDER = ("older", "older-splice")

SPLICED = "the kernel tells no hook of this rung that bytes went from a socket to a pipe"
NO_SYSCALL = "io_uring makes no system call that names the socket"
IN_PIECES = "the kernel sends a large file in pieces, each a call of the socket's own"
CROWDED = "a kretprobe follows only so many calls that are under way at once, here as many as there are processors"
UNDER_WAY = "a call that was under way when the programs came returns past them"
UNSEEN: dict[tuple[str, str], tuple[str, str]] = {
    **{(way, "L2"): ("no reads", SPLICED) for way in ("splice-from-socket", "older-splice")},
    **{(f"io_uring-{way}", "L4"): ("no calls", NO_SYSCALL) for way in ("send-recv", "write-read", "async", "sqpoll")},
    **{(way, rung): ("no reads", UNDER_WAY) for way in OLDER for rung in ("L1", "L3")},
    ("threads", "L3"): ("no calls", CROWDED),
    **{("sendfile-large", rung): ("no writes", IN_PIECES) for rung in ("L1", "L2", "L3")},
}
"""Calls that a rung cannot count, and why. Bytes are exact all the same: the sequence numbers know them."""

Ends = dict[tuple[str, int], dict[int, tuple[int, int, int, int]]]


def ends_of(lines: str) -> Ends:
    """By (role, initiator's port), by process: writes, bytes written, reads, bytes read."""
    ends: Ends = defaultdict(dict)
    for line in lines.splitlines():
        if line.startswith("end "):
            _, pid, role, port, *numbers = line.split()
            writes, written, reads, got = map(int, numbers)
            ends[role, int(port)][int(pid)] = writes, written, reads, got
    return ends


@contextmanager
def workload(program: Path, way: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([program, way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.kill()


MISSED = "the kernel lets a hit pass while another task was preempted in the same program on that processor"


class Before(NamedTuple):
    """Calls that were timed, and hits that the kernel had let pass, when a workload began."""

    timed: npt.NDArray[np.int64]
    missed: int


def before_all(kernel: Counting) -> Before:
    """Now, before a workload begins."""
    return Before(kernel.timed(), kernel.missed())


class Observed(NamedTuple):
    """What the workload says, what the kernel half says, writes and reads timed, hits that the kernel let pass."""

    ends: Ends
    found: dict[tuple[str, int], Counts]
    timed: list[int]
    missed: int


def observe(running: subprocess.Popen[str], kernel: Counting, before: Before, start: str | None = None) -> Observed:
    """Runs the workload to its end. `before`: what was counted before it began."""
    lines, _ = running.communicate(start, timeout=20 * SLOWER)
    if running.returncode == 77:
        pytest.skip("this kernel has no io_uring")
    assert running.returncode == 0
    ends = ends_of(lines)
    found = kernel.closed({port for _, port in ends}, len(ends))
    assert set(found) == set(ends), f"lost: {kernel.lost()}"
    rows = sorted({row for counts in found.values() for row in counts.rows})
    timed = [int(count) for count in (kernel.timed() - before.timed)[rows].sum(axis=0)]
    return Observed(ends, found, timed, kernel.missed() - before.missed)


@pytest.mark.parametrize("way", WAYS)
def test_bytes_and_calls(way: str, rung: Choice, kernel: Counting, ways: Path) -> None:
    before = before_all(kernel)
    with workload(ways, way) as running:
        compare(way, rung.rung.name, observe(running, kernel, before))


@pytest.mark.parametrize("way", OLDER)
def test_connections_older_than_the_programs(way: str, rung: Choice, ways: Path) -> None:
    with workload(ways, way) as running:
        assert running.stdout is not None and running.stdout.readline() == "ready\n"
        kernel = Counting(rung)
        try:
            compare(way, rung.rung.name, observe(running, kernel, before_all(kernel), "\n"))
        finally:
            kernel.close()


def compare(way: str, rung: str, observed: Observed) -> None:
    """Asserts equality and notes in the table what held."""
    ends, found, took, missed = observed
    unseen, why = UNSEEN.get((way, rung), ("", ""))
    lacking = 0
    for end, by_process in ends.items():
        counts = found[end]
        written, got = (sum(numbers[i] for numbers in by_process.values()) for i in (1, 3))
        assert counts.total == (written, got), f"{end}: the sequence numbers against the workload's bytes"
        for pid, (writes, written, reads, got) in by_process.items():
            calls, amounts = counts.calls[pid], counts.bytes[pid]
            assert amounts[0] <= written and amounts[1] <= got
            if unseen in ("", "no reads"):
                assert (calls[0], amounts[0]) == (writes, written) or missed, f"{end}, process {pid}: writes"
                lacking += writes - calls[0]
            if unseen in ("", "no writes"):
                assert (calls[1], amounts[1]) == (reads, got) or missed, f"{end}, process {pid}: reads"
                lacking += reads - calls[1]
    assert 0 <= lacking <= missed, f"{lacking} calls are lacking, the kernel says that it let {missed} hits pass"
    if lacking:
        unseen, why = f"{lacking} missed", MISSED
    counted = [sum(c.calls[pid][i] for c in found.values() for pid in c.calls) for i in (0, 1)]
    assert took[0] <= counted[0] and took[1] <= counted[1]
    times = ("exact", "") if took == counted else (f"{sum(took)} of {sum(counted)}", untimed(way))
    TABLE[way, rung] = ("exact", ""), (unseen, why) if unseen else ("exact", ""), times


def untimed(way: str) -> str:
    """Why a call was counted and not timed."""
    if way.startswith("sendmmsg"):
        return "one system call of several messages is timed once"
    if way.startswith("older"):
        return "a call that began before the programs were there has no beginning"
    return "a slot has room for the beginning of one call at a time in each direction, threads overlap"
