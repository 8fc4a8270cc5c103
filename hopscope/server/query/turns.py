"""Who is answered now and who waits: a question that takes long makes room for others, up to a limit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, Semaphore, create_task_group, sleep, to_thread

AT_ONCE, LONG = 4, 4
"""Questions answered at the same time: those that just began, and those that have taken a while."""
A_WHILE = 0.5
"""Seconds: ten times of what a topology of a thousand lines is to take."""
Answer = TypeVar("Answer")


class Turns:
    """For the event loop in which it was made."""

    def __init__(self) -> None:
        self._begun, self._long = Semaphore(AT_ONCE), Semaphore(LONG)
        self._threads = CapacityLimiter(AT_ONCE + LONG)

    async def take(self, work: Callable[[], Answer]) -> Answer:
        """What some work, done in a thread, gives. When the caller is cancelled, nobody waits for the thread."""
        await self._begun.acquire()
        held = self._begun

        async def make_room() -> None:
            nonlocal held
            await sleep(A_WHILE)
            await self._long.acquire()
            self._begun.release()
            held = self._long

        failed: Exception | None = None
        try:
            async with create_task_group() as group:
                group.start_soon(make_room)
                try:
                    found = await to_thread.run_sync(work, limiter=self._threads, abandon_on_cancel=True)
                except Exception as error:
                    # Out of the group it would come as one of several.
                    failed = error
                group.cancel_scope.cancel()
        finally:
            held.release()
        if failed is not None:
            raise failed
        return found
