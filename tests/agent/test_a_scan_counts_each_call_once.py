"""Does the scan of the shared slots count every call and byte exactly once, whatever happens to the slot?"""

import numpy as np
import pytest

from hopscope.agent.tables import CALLS_SHIFT, Slots

SLOT = np.dtype([("sk", "u8"), ("moved", "u8", 2), ("tgid", "u4"), ("generation", "u4")])
COLD = np.dtype([("flags", "u2"), ("peer_slot", "u4"), ("peer_generation", "u4")])


def packed(calls: int, bytes_: int) -> int:
    return (calls << CALLS_SHIFT) | bytes_


def table(count: int = 4) -> tuple[Slots, np.ndarray]:
    memory = bytearray(SLOT.itemsize * count)
    slots = Slots(memory, SLOT, bytearray(COLD.itemsize * count), COLD, count)
    return slots, np.frombuffer(memory, SLOT, count)


def test_differences_of_a_live_connection() -> None:
    slots, live = table()
    live[1] = (4096, (packed(3, 300), packed(2, 20)), 7, 1)
    new, _, moves = slots.scan()
    assert new.tolist() == [1]
    assert (moves.write_calls.tolist(), moves.write_bytes.tolist()) == ([3], [300])
    live["moved"][1] = packed(5, 1 << 37), packed(2, 20)
    new, _, moves = slots.scan()
    assert new.tolist() == []
    assert (moves.write_calls.tolist(), moves.write_bytes.tolist()) == ([2], [(1 << 37) - 300])
    assert moves.read_calls.tolist() == [0]


def test_closed_before_the_scan_sees_it_again() -> None:
    slots, live = table()
    live[1] = (4096, (packed(3, 300), 0), 7, 1)
    slots.scan()
    live[1] = (0, (packed(4, 400), 0), 7, 1)
    slots.scan()
    assert slots.finish(1, 1, (packed(4, 400), 0)) == (1, 100, 0, 0)


def test_slot_reused_before_its_closing_record_is_read() -> None:
    slots, live = table()
    live[1] = (4096, (packed(3, 300), 0), 7, 1)
    slots.scan()
    live[1] = (8192, (packed(1, 10), 0), 7, 2)
    new, _, moves = slots.scan()
    assert new.tolist() == [1]
    assert (moves.write_calls.tolist(), moves.write_bytes.tolist()) == ([1], [10])
    assert slots.finish(1, 1, (packed(5, 500), 0)) == (2, 200, 0, 0)
    assert slots.finish(1, 2, (packed(2, 30), 0)) == (1, 20, 0, 0)


def test_opened_and_closed_between_two_scans() -> None:
    slots, _ = table()
    slots.scan()
    assert slots.finish(2, 9, (packed(1, 5), packed(1, 6))) == (1, 5, 1, 6)


def test_the_other_end_of_a_new_connection_is_learned_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    slots, live = table()
    client, server = 1, 3
    live[client] = (4096, (packed(1, 5), 0), 7, 1)
    live[server] = (8192, (0, packed(1, 5)), 8, 1)
    slots.cold.flags.writeable = True
    slots.cold[server] = (0, client, 1)
    # The client's slot was taken when the pass over all slots had been by.
    monkeypatch.setattr(slots, "_touched", lambda: np.array([server]))
    learned, _, moves = slots.scan()
    assert learned.tolist() == [client, server]
    assert moves.index.tolist() == [client, server]
