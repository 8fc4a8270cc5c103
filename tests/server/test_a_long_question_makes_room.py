"""Are other questions answered while as many long ones as may begin at once are under way?"""

from __future__ import annotations

import threading

import anyio
import pytest

from hopscope.server.query.turns import AT_ONCE, LONG, Turns


def test_others_are_answered_beside_long_ones_up_to_a_limit() -> None:
    begun: list[int] = []
    end = threading.Event()

    def work(number: int) -> int:
        begun.append(number)
        assert end.wait(60)
        return number

    async def asked() -> None:
        turns = Turns()
        found: list[int] = []

        async def long(number: int) -> None:
            found.append(await turns.take(lambda: work(number)))

        try:
            async with anyio.create_task_group() as group:
                for number in range(AT_ONCE):
                    group.start_soon(long, number)
                with anyio.fail_after(20):
                    while len(begun) < AT_ONCE:
                        await anyio.sleep(0.01)
                    assert await turns.take(lambda: "quick") == "quick"
                    assert len(begun) == AT_ONCE and not found
                for number in range(AT_ONCE, AT_ONCE + 2 * LONG):
                    group.start_soon(long, number)
                with anyio.fail_after(20):
                    while len(begun) < AT_ONCE + LONG:
                        await anyio.sleep(0.01)
                # What holds each place for long is not pushed aside: the rest waits.
                with anyio.move_on_after(3) as waited:
                    await turns.take(lambda: "late")
                assert waited.cancelled_caught and len(begun) == AT_ONCE + LONG
                end.set()
        finally:
            end.set()
        assert sorted(found) == list(range(AT_ONCE + 2 * LONG))
        assert await turns.take(lambda: "after") == "after"

    anyio.run(asked)


def test_a_failed_or_left_question_gives_its_turn_back() -> None:
    def refuse() -> None:
        raise ValueError("no")

    async def asked() -> None:
        turns = Turns()
        end = threading.Event()
        for _ in range(AT_ONCE + LONG + 1):
            with pytest.raises(ValueError, match="no"):
                await turns.take(refuse)
            with anyio.move_on_after(0.01):
                await turns.take(lambda: end.wait(60))
        end.set()
        with anyio.fail_after(20):
            assert await turns.take(lambda: 1) == 1

    anyio.run(asked)
