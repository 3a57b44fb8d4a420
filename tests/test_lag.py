"""A process that is late turns away what it could not answer in time, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from bridge.journal.protocol import Filter
from bridge.lag import Lag, too_late
from bridge.load import Loaded
from bridge.pipeline import process
from tests.house import Outside, opened, rooms_of, store_route, webhook
from tests.virtual import VirtualLoop, now, virtually

_WITHIN = 5.0  #: seconds that the store of these tests waits


def _is(seconds: float) -> Callable[[], float]:
    return lambda: seconds


def seen_after(*stalls: float) -> float:
    """Seconds of lag that are seen when the loop has stalled so long between two looks each."""

    async def story() -> float:
        loop, lag = cast("VirtualLoop", asyncio.get_running_loop()), Lag(now, _is(0.0))
        watching = asyncio.create_task(lag.watch())
        for stall in stalls:
            await asyncio.sleep(0.01)
            loop.now += stall
            await asyncio.sleep(0.001 if stall else 0.05)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        return lag.seconds

    return virtually(story)


@pytest.mark.parametrize(
    ("stalls", "seconds"),
    [
        ((), 0.0),
        ((0.0, 0.0, 0.0), 0.0),
        ((2.0,), 0.0),
        ((2.0, 0.0, 0.0), 0.0),
        ((0.0, 2.0, 0.0), 0.0),
        ((2.0, 1.0), 1.0),
        ((1.0, 2.0), 1.0),
        ((2.0, 2.0, 2.0, 0.0, 0.0, 0.0), 0.0),
    ],
)
def test_lag_is_what_two_looks_have_seen(stalls: tuple[float, ...], seconds: float) -> None:
    assert seen_after(*stalls) == pytest.approx(seconds, abs=0.1)


def test_a_stall_that_goes_on_is_seen_before_it_ends() -> None:
    async def story() -> float:
        loop, lag = cast("VirtualLoop", asyncio.get_running_loop()), Lag(now, _is(0.0))
        watching = asyncio.create_task(lag.watch())
        await asyncio.sleep(0.01)
        loop.now += 1.0
        await asyncio.sleep(0.06)
        loop.now += 3.0
        watching.cancel()
        return lag.seconds

    assert virtually(story) == pytest.approx(1.0, abs=0.1)


def test_a_journal_that_is_behind_makes_late() -> None:
    async def story() -> float:
        lag = Lag(now, _is(3.0))
        watching = asyncio.create_task(lag.watch())
        await asyncio.sleep(0.12)
        watching.cancel()
        return lag.seconds

    assert virtually(story) == 3.0


def test_who_waits_longer_is_turned_away_later() -> None:
    assert not too_late(0.0, 1.0)
    assert too_late(0.3, _WITHIN)
    assert not too_late(0.3, 10.0)


async def test_what_would_be_answered_too_late_costs_nothing(
    loaded: Loaded, tmp_path: Path
) -> None:
    route = store_route(loaded, within=_WITHIN)
    async with opened(tmp_path) as journal:
        outside = Outside()
        rooms = rooms_of(journal, outside, route)
        late = replace(rooms, lag=_is(1.0))
        told = await process(webhook(), late, started=late.clock())
        assert (told.status_code, told.status) == (503, "unavailable")
        assert told.retry_after
        assert not await journal.entries(Filter())
        assert not outside.sent
        told = await process(webhook(), replace(rooms, lag=_is(0.1)), started=rooms.clock())
        assert (told.status_code, told.status) == (200, "delivered")


async def test_what_would_not_come_again_is_taken_late(loaded: Loaded, tmp_path: Path) -> None:
    route = store_route(loaded, within=_WITHIN)
    answer = replace(route.source.answer, retries=False)
    route = replace(route, source=replace(route.source, answer=answer))
    async with opened(tmp_path) as journal:
        rooms = replace(rooms_of(journal, Outside(), route), lag=_is(1.0))
        told = await process(webhook(), rooms, started=rooms.clock())
        assert (told.status_code, told.status) == (200, "delivered")
