"""Is what goes over the wire, byte for byte, what it was in the first version?"""

from __future__ import annotations

from pathlib import Path

from hopscope.agent.reporters.blocks import Blocks, Gap
from hopscope.edges.model import Connections, Edge, End, Listener, Probe, Profile, Side, Value, Window
from hopscope.server.analysis.tables import Told, inserts
from hopscope.wire.hopscope.v1 import collector_pb2 as wire

GOLDEN = Path(__file__).with_name("batch.hex")
CLIENT = End("00000000000000aa", "curl", None, None, None, (23, 42), "10.0.0.1", None, "/user.slice")
SERVER = End("00000000000000bb", "nginx", "shop", "pod-1", "c0ffee", (7,), "10.0.0.2:80", "127.0.0.1:15006", "/kube")
PROFILE = Profile(
    "host-a",
    Window("2023-11-14T22:13:20+00:00", 1.0),
    (
        Edge(
            "0123456789abcdef",
            CLIENT,
            SERVER,
            "tcp",
            "http",
            "tls",
            "HTTPS",
            Connections(2, 1, 3, {"refused": 5}),
            Side(
                {
                    "write": Value(23, 2323, 4600, None, None, 2, ((128, 144, 1), (2048, 2304, 1))),
                    "reset": Value(1, reasons={"peer": 1}),
                },
                {"srtt": 12.5, "lost": 2.0},
            ),
            None,
            {"sni": ("shop.example",), "alpn": ("h2",)},
        ),
    ),
    (Listener(SERVER, "10.0.0.2:80", 1, 128, 0),),
    {"seconds": {"asked": 1, "recorded": 1}, "lost": {"rows": 3}, "untraced": {"pid": 1}},
    {"write": Probe("L2", "tcp_sendmsg_locked"), "reset": Probe(None, None, "no hook")},
)


def encoded() -> bytes:
    ((sequence, batch),) = Blocks(0x1122334455667788, "0.1.0").batches(PROFILE, [Gap(1_699_999_990, 3, 3, "full")])
    assert sequence == batch.sequence == 1
    return batch.SerializeToString(deterministic=True)


def test_an_agent_writes_the_golden_bytes() -> None:
    assert encoded().hex() == GOLDEN.read_text().replace("\n", "")


def test_a_server_reads_them() -> None:
    batch = wire.Batch.FromString(bytes.fromhex(GOLDEN.read_text()))
    rows = {insert.table: insert for insert in inserts([Told(batch, 1_700_000_000_100, 100)])}
    assert {table: insert.rows for table, insert in rows.items()} == {
        "agent": 1,
        "process": 2,
        "edge": 1,
        "listener": 1,
        "place": 3,
        "gap": 1,
        "metric_1s": 25,
        "line_1s": 2,
        "seen_1s": 1,
    }
    columns = {column.name: column.values for column in rows["metric_1s"].columns}
    assert set(columns["ts"]) == {1_700_000_000}
    found = {
        (int(metric), columns["label"].words[code]): (int(count), int(moved), float(total))
        for metric, code, count, moved, total in zip(
            *(columns[name] for name in ("metric",)),
            columns["label"].codes,
            *(columns[name] for name in ("count", "bytes", "total")),
            strict=True,
        )
    }
    absent = {metric for metric, label in found if label == "absent"}
    assert {2, 3, 4, 27} <= absent and not absent & {1, 5, 9, 20, 25}
    assert {key: numbers for key, numbers in found.items() if key[1] != "absent"} == {
        (1, ""): (23, 2323, 0.0),
        (1, "time_ns"): (2, 0, 4600.0),
        (9, ""): (1, 0, 0.0),
        (9, "peer"): (1, 0, 0.0),
        (20, ""): (1, 0, 12.5),
        (25, ""): (1, 0, 2.0),
        (40, ""): (1, 0, 2.0),
        (41, ""): (1, 0, 1.0),
        (42, ""): (1, 0, 3.0),
        (43, "refused"): (5, 0, 0.0),
        (50, ""): (1, 0, 1.0),
        (51, ""): (1, 0, 128.0),
    }


def test_what_is_known_is_not_said_again() -> None:
    blocks = Blocks(1, "0.1.0")
    first, second = (blocks.batches(PROFILE)[0][1] for _ in range(2))
    assert first.edges and first.processes and first.listeners and first.HasField("agent")
    assert not second.edges and not second.processes and not second.listeners and not second.HasField("agent")
    blocks.forget()
    assert len(blocks.batches(PROFILE)[0][1].edges) == 1
