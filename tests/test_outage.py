"""
The journal can be away at every step: nothing is promised then, nothing is sent, nothing is lost.

The steps are those of the operator's guide, chapter "What is on disk before which answer".
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.deliver import Rooms
from bridge.errors import JournalUnavailable
from bridge.journal.protocol import Arrival, Filter, Journal
from bridge.load import Loaded
from bridge.park import finish_due, park
from bridge.pipeline import process
from bridge.plan import plan
from bridge.record import arrival
from bridge.types import Answer, InboundRequest, Verdict
from bridge.verify import restore
from tests.house import ORDER, Outside, edited, opened, rooms_of, store_route, webhook

DOWN = Verdict("transient", "no connection")
EXTRA: dict[str, Any] = {
    "tokens": {"admin_token": "t"},
    "settings": {"shop_domain": "shop.example"},
}


@pytest.fixture
async def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Journal]:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    monkeypatch.setattr("bridge.flights._JOURNAL_RETRY", 0.001)
    async with opened(tmp_path) as one:
        yield one


@pytest.fixture
def outside() -> Outside:
    return Outside()


@pytest.fixture
def rooms(journal: Journal, outside: Outside, loaded: Loaded) -> Rooms:
    return rooms_of(journal, outside, store_route(loaded))


async def post(rooms: Rooms) -> Answer:
    return await process(webhook(), rooms, started=rooms.clock())


@contextmanager
def away(journal: Journal, *steps: str) -> Iterator[list[str]]:
    """Take the journal away at these steps; tells which were tried."""
    tried: list[str] = []

    def trouble(step: str) -> Any:
        async def raising(*_: object, **__: object) -> None:
            tried.append(step)
            raise JournalUnavailable("disk full")

        return raising

    with pytest.MonkeyPatch.context() as patch:
        for step in steps:
            patch.setattr(journal, step, trouble(step))
        yield tried


async def state(journal: Journal, entry: int | None) -> tuple[str, int]:
    (delivery,) = (await journal.show(entry or 0)).deliveries
    return delivery.state, delivery.attempts


async def test_at_the_receipt_nothing_is_sent_and_the_repeat_is_taken(
    rooms: Rooms, outside: Outside, journal: Journal
) -> None:
    with away(journal, "receive"):
        told = await post(rooms)
    assert (told.status_code, outside.sent, await journal.entries(Filter())) == (503, [], ())
    assert told.retry_after

    assert (await post(rooms)).status == "delivered"


async def test_at_a_copy_nothing_is_known(rooms: Rooms, outside: Outside, journal: Journal) -> None:
    await post(rooms)

    with away(journal, "receive"):
        told = await post(rooms)

    assert told.status_code == 503
    assert len(outside.sent) == 1


async def test_while_a_copy_waits_nothing_is_known(
    rooms: Rooms, outside: Outside, journal: Journal
) -> None:
    outside.gate = asyncio.Event()
    first = asyncio.create_task(post(rooms))
    await outside.arrived.wait()

    with away(journal, "standings"):
        told = await post(rooms)
    outside.gate.set()

    assert told.status_code == 503
    assert (await first).status == "delivered"


async def test_while_a_lane_is_waited_for_nothing_is_sent(
    rooms: Rooms, outside: Outside, journal: Journal
) -> None:
    outside.gate = asyncio.Event()
    first = asyncio.create_task(post(rooms))
    await outside.arrived.wait()

    with away(journal, "take") as tried:
        told = await process(
            edited(updated_at="2026-03-10T11:00:00-03:00"), rooms, started=rooms.clock()
        )
    outside.gate.set()
    await first

    assert (told.status_code, tried) == (503, ["take"])
    assert len(outside.sent) == 1


async def test_at_the_last_word_nothing_is_promised_and_it_is_kept_until_it_is_in(
    rooms: Rooms, outside: Outside, journal: Journal
) -> None:
    newer = edited(updated_at="2026-03-10T11:00:00-03:00")
    with away(journal, "settle") as tried:
        told = await post(rooms)
        while len(tried) < 3:
            await rooms.flights.landing(0.001)
        (held,) = (await journal.receive(_arrival(rooms, newer), sync=False)).standings
    await rooms.flights.drain(5.0)

    assert told.status_code == 503
    assert held.held, "nobody may enter the lane meanwhile"
    assert len(outside.sent) == 1
    again = await post(rooms)
    assert (again.status, again.outcomes[0].state) == ("duplicate", "delivered")
    assert len(outside.sent) == 1


def _arrival(rooms: Rooms, request: InboundRequest) -> Arrival:
    route = rooms.routes["shop"]
    return arrival(plan(restore(request, "hmac"), route), route, request)


async def test_after_a_fetch_it_is_kept_until_it_is_in(
    journal: Journal, outside: Outside, loaded: Loaded
) -> None:
    rooms = rooms_of(journal, outside, store_route(loaded, **EXTRA))
    outside.fetched = [{"extra": {}}]

    with away(journal, "expand") as tried:
        told = await post(rooms)
        while len(tried) < 3:
            await rooms.flights.landing(0.001)
    while len(rooms.flights):
        await rooms.flights.drain(5.0)

    assert told.status_code == 503
    assert (await post(rooms)).status == "duplicate"
    assert len(outside.sent) == 1


async def test_what_goes_back_does_so_when_the_journal_is_there(
    rooms: Rooms, outside: Outside, journal: Journal
) -> None:
    outside.verdicts = [DOWN]
    with away(journal, "back") as tried:
        told = await post(rooms)
        while len(tried) < 3:
            await rooms.flights.landing(0.001)
        assert await state(journal, told.entry) == ("flying", 1)
    await rooms.flights.drain(5.0)

    assert (told.status_code, told.status) == (200, "parked")
    assert await state(journal, told.entry) == ("queued", 1)


async def test_without_its_sync_nothing_is_promised_to_be_parked(
    rooms: Rooms, outside: Outside, journal: Journal
) -> None:
    outside.verdicts = [DOWN]

    with away(journal, "sync"):
        told = await post(rooms)

    assert told.status_code == 503


@pytest.mark.parametrize("step", ["beat", "sweep", "hasten", "due", "next_due"])
async def test_the_parking_loop_waits_until_it_is_there_again(
    rooms: Rooms,
    outside: Outside,
    journal: Journal,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    monkeypatch.setattr("bridge.park._PASS", 0.001)
    outside.verdicts = [DOWN]
    told = await post(rooms)
    await rooms.flights.drain(5.0)
    gate = rooms.flights.gates.of(rooms.routes["shop"].store.endpoints[0].target)
    gate.recovered = True
    stop = asyncio.Event()

    with away(journal, step) as tried:
        parking = asyncio.create_task(park(rooms, beat=0.0, stop=stop, lost=lambda: None))
        while len(tried) < 3:
            await rooms.flights.landing(0.001)
        assert len(outside.sent) == (2 if step == "next_due" else 1)
    while await state(journal, told.entry) != ("delivered", 2):
        await rooms.flights.landing(0.001)
    stop.set()
    await parking


async def test_whose_body_cannot_be_read_now_is_put_back_and_holds_up_nothing(
    rooms: Rooms, outside: Outside, journal: Journal
) -> None:
    outside.verdicts = [DOWN]
    told = await post(rooms)
    await rooms.flights.drain(5.0)

    with away(journal, "load", "back") as tried:
        assert await finish_due(rooms) == 1
        while len(tried) < 3:
            await rooms.flights.landing(0.001)
    await rooms.flights.drain(5.0)
    assert await state(journal, told.entry) == ("queued", 1), "nothing was sent, so no attempt"

    await finish_due(rooms)
    await rooms.flights.drain(5.0)
    assert await state(journal, told.entry) == ("delivered", 2)


async def test_without_signs_of_life_nothing_new_is_sent_and_what_is_out_goes_on(
    rooms: Rooms, outside: Outside, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.gate = asyncio.Event()
    first = asyncio.create_task(post(rooms))
    await outside.arrived.wait()
    with monkeypatch.context() as silent:
        silent.setattr(type(journal), "fenced", property(lambda _: True))
        other = await process(edited(id=6100000000777), rooms, started=rooms.clock())
        outside.gate.set()
        assert (await first).status == "delivered"

    assert (other.status, other.outcomes[0].reason) == (
        "parked",
        "not sent: the journal is out of reach",
    )
    await rooms.flights.drain(5.0)
    (delivery,) = (await journal.show(other.entry or 0)).deliveries
    assert (delivery.endpoint, delivery.state, delivery.unsure) == (ORDER, "queued", False)
    assert len(outside.sent) == 1
