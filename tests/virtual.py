"""Virtual time: a loop that would wait sets its clock instead."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

#: Seconds that a turn of the loop takes.
TICK = 1e-9


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time passes only when everybody waits for it, and then at once."""

    def __init__(self) -> None:
        self.now = 0.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now


class _Selector(selectors.SelectSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self.loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        found = super().select(0)
        assert found or timeout is not None, "everybody waits, and nothing will ever happen"
        # A little passes in any case: code that looks again until its time has come gets there.
        self.loop.now += (timeout or 0.0) + TICK
        return found


def virtually(story: Callable[[], Awaitable[T]]) -> T:
    async def told() -> T:
        return await story()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(told())


def now() -> float:
    """The time, without the ticks."""
    return round(asyncio.get_running_loop().time(), 4)
