"""Are tasks, witnesses and what is told of a process, byte for byte, what both sides agreed on?"""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf.message import Message

from hopscope.wire.hopscope.v1 import collector_pb2 as wire

PROCESS = wire.Process(
    id=0xAA, name="reviews", service="reviews", instance="reviews-v1-0", container="c0ffee", cgroup="/kube/reviews",
    layer="MESH", labels={"app": "reviews", "version": "v1"}, command_line="python app.py --token ***", pids=[23, 42],
    started=1_700_000_000, executable="/usr/bin/python3.11",
)  # fmt: skip
CONNECTION = wire.Connection(
    local="10.0.0.1:40000", remote="10.0.0.2:9080", pid=42, process="envoy", state="ESTABLISHED",
    troubles=["segments are sent again"], label="HTTP", opened_at=1_700_000_000_000, counted_since=1_700_000_000_000,
    write_calls=23, write_bytes=2323, read_calls=7, read_bytes=700, bytes_rate=101.5, srtt_us=40, rttvar_us=3,
    min_rtt_us=20, segments_out=31, retransmitted=4, retransmitted_bytes=4000, lost=4, out_of_order=0,
    zero_window_probes=0, unacked_bytes=100, unread_bytes=0, busy_us=1000, rwnd_limited_us=0, sndbuf_limited_us=0,
)  # fmt: skip
GOLDEN: dict[str, Message] = {
    "seen": wire.Batch(
        boot=0x1122334455667788, sequence=1, host=0xBB, second=1_700_000_000, processes=[PROCESS],
        witnesses=[wire.Witness(edge=0xCC, initiator=True, client="10.0.0.1:40000", server="10.96.0.10:80")],
    ),
    "asked": wire.TasksRequest(
        host=0xBB, boot=0x1122334455667788, mode="on-demand",
        reports=[
            wire.TaskReport(
                task=7, traced_ms=1_700_000_000_123, processes=2,
                not_traced=[wire.NotTraced(process="sh (42)", why="gone before it could be marked")],
            )
        ],
    ),
    "inspects": wire.TasksRequest(
        host=0xBB, boot=0x1122334455667788, mode="always", inspects=True,
        inspected=[
            wire.Inspected(
                id=0xCC, side=wire.SIDE_CLIENT, at_ms=1_700_000_000_456, states={"ESTABLISHED": 2}, closed=1,
                connections=[CONNECTION],
            ),
            wire.Inspected(id=0xDD, process=True, at_ms=1_700_000_000_456, why_not="nothing is traced"),
        ],
    ),
    "answered": wire.TasksReply(
        store=9, now_ms=1_700_000_000_456,
        tasks=[
            wire.Task(
                id=7, service="reviews", instance="reviews-v1-0", ends_ms=1_700_000_300_000,
                rules=[wire.Rule(path="/api/.*", min_duration_ms=100, status_4xx=True, status_5xx=True)],
            )
        ],
    ),
    "looks": wire.TasksReply(
        store=9, now_ms=1_700_000_000_456,
        inspections=[
            wire.Inspection(id=0xCC, ends_ms=1_700_000_015_456),
            wire.Inspection(id=0xDD, process=True, ends_ms=1_700_000_015_456),
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_are_golden(name: str) -> None:
    said = GOLDEN[name]
    golden = dict(line.split() for line in Path(__file__).with_name("tasks.hex").read_text().splitlines())
    assert said.SerializeToString(deterministic=True).hex() == golden[name]
    assert type(said).FromString(bytes.fromhex(golden[name])) == said
