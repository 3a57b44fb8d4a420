"""What could not be finished in time is finished later, with today's mapping files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.errors import JournalUnavailable
from bridge.flights import backoff
from bridge.journal.protocol import Journal
from bridge.load import Loaded
from bridge.park import finish_due, park
from bridge.pipeline import process
from bridge.types import Verdict
from tests.house import ORDER, Outside, opened, rooms_of, store_route, webhook

DOWN = Verdict("transient", "no connection")


@pytest.fixture
async def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Journal]:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    async with opened(tmp_path) as one:
        yield one


async def parked(journal: Journal, loaded: Loaded) -> tuple[int, Outside]:
    """An order that its destination did not take at first."""
    outside = Outside(verdicts=[DOWN])
    rooms = rooms_of(journal, outside, store_route(loaded))
    told = await process(webhook(), rooms, started=rooms.clock())
    await rooms.flights.drain(5.0)
    assert told.entry is not None
    return told.entry, outside


async def state(journal: Journal, entry: int) -> tuple[str, str]:
    delivery = (await journal.show(entry)).deliveries[0]
    return delivery.state, delivery.reason


@pytest.mark.parametrize(
    ("attempts", "retry_after", "chance", "wait"),
    [
        (1, None, 1.0, 4.0),
        (3, None, 1.0, 16.0),
        (3, None, 0.5, 8.0),
        (20, None, 1.0, 900.0),
        (10_000, None, 1.0, 900.0),
        (3, None, 0.0, 1.0),
        (1, 120.0, 1.0, 120.0),
        (9, 5.0, 1.0, 900.0),
    ],
)
def test_the_wait_grows_with_full_jitter_and_is_never_shorter_than_asked(
    attempts: int, retry_after: float | None, chance: float, wait: float
) -> None:
    assert backoff(attempts, retry_after, chance) == wait


async def test_a_store_that_is_gone_from_the_configuration_keeps_its_deliveries(
    journal: Journal, loaded: Loaded
) -> None:
    entry, outside = await parked(journal, loaded)
    rooms = replace(rooms_of(journal, outside, store_route(loaded)), routes={})

    await finish_due(rooms)

    assert (await state(journal, entry))[0] == "queued"
    assert "connections.toml" in (await state(journal, entry))[1]
    assert len(outside.sent) == 1


async def test_an_endpoint_that_the_store_does_not_feed_any_more_is_told(
    journal: Journal, loaded: Loaded
) -> None:
    entry, outside = await parked(journal, loaded)
    rooms = rooms_of(journal, outside, store_route(loaded, endpoints=("bonifiq.customer",)))

    await finish_due(rooms)
    await rooms.flights.drain(5.0)

    assert await state(journal, entry) == (
        "refused",
        f"the store does not feed '{ORDER}' any more",
    )


async def test_a_condition_that_was_added_meanwhile_holds(journal: Journal, loaded: Loaded) -> None:
    entry, outside = await parked(journal, loaded)
    waiting = store_route(loaded, own={ORDER: {"complete_on": "completed_at"}})
    rooms = rooms_of(journal, outside, waiting)

    await finish_due(rooms)
    await rooms.flights.drain(5.0)

    assert (await state(journal, entry))[0] == "ignored"
    assert len(outside.sent) == 1


async def test_another_process_finishes_what_a_dead_one_left(
    tmp_path: Path, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    async with opened(tmp_path) as journal:
        entry, _ = await parked(journal, loaded)
    outside = Outside()
    async with opened(tmp_path) as journal:
        rooms = rooms_of(journal, outside, store_route(loaded))
        await finish_due(rooms)
        await rooms.flights.drain(5.0)

        assert (await state(journal, entry))[0] == "delivered"
    assert outside.totals == ["196.20"]


async def test_the_loop_survives_a_journal_that_is_away(
    journal: Journal, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, outside = await parked(journal, loaded)
    outside.arrived.clear()
    rooms, stop = rooms_of(journal, outside, store_route(loaded)), asyncio.Event()
    failures = [JournalUnavailable("locked")]
    sweep = journal.sweep

    async def once_away() -> int:
        if failures:
            raise failures.pop()
        return await sweep()

    monkeypatch.setattr(journal, "sweep", once_away)
    monkeypatch.setattr("bridge.park._PASS", 0.001)
    task = asyncio.create_task(park(rooms, beat=5.0, stop=stop, lost=lambda: None))
    await outside.arrived.wait()
    stop.set()
    await task
    await rooms.flights.drain(5.0)

    assert (await state(journal, entry))[0] == "delivered"


async def test_a_worker_that_was_declared_gone_stops(
    journal: Journal, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone() -> bool:
        return False

    monkeypatch.setattr(journal, "beat", gone)
    rooms = rooms_of(journal, Outside(), store_route(loaded))
    lost: list[bool] = []

    await park(rooms, beat=5.0, stop=asyncio.Event(), lost=lambda: lost.append(True))

    assert lost == [True]


async def test_a_bug_of_ours_does_not_keep_an_order_to_itself(
    journal: Journal, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, outside = await parked(journal, loaded)
    rooms = rooms_of(journal, outside, store_route(loaded))
    settle, failures = journal.settle, [KeyError("a bug")]

    async def once_broken(*args: object, **options: object) -> bool:
        if failures:
            raise failures.pop()
        return await settle(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(journal, "settle", once_broken)
    await finish_due(rooms)
    await rooms.flights.drain(5.0)
    assert (await state(journal, entry)) == ("queued", "the bridge failed: KeyError")

    await finish_due(rooms)
    await rooms.flights.drain(5.0)
    assert (await state(journal, entry))[0] == "delivered"


async def test_a_stores_repeat_finds_what_the_mapping_no_longer_sends(
    journal: Journal, loaded: Loaded
) -> None:
    outside = Outside(verdicts=[DOWN])
    rooms = rooms_of(journal, outside, store_route(loaded, park=False))
    told = await process(webhook(), rooms, started=rooms.clock())
    await rooms.flights.drain(5.0)
    assert told.status_code == 503

    waiting = store_route(loaded, park=False, own={ORDER: {"complete_on": "completed_at"}})
    rooms = rooms_of(journal, outside, waiting)
    told = await process(webhook(), rooms, started=rooms.clock())

    assert (told.status_code, told.outcomes[0].state) == (200, "ignored")
    assert len(outside.sent) == 1
