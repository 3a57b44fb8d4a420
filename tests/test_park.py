"""What could not be finished in time is finished later, with today's mapping files."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bridge.breaker import FIRST_REST, MOST_FAILURES
from bridge.errors import FetchFailed, JournalUnavailable
from bridge.flights import backoff
from bridge.journal.cipher import new_key
from bridge.journal.protocol import Journal, Keep, Opening, Patience, Standing
from bridge.journal.sqlite import open_sqlite
from bridge.limits import Gate
from bridge.load import Loaded
from bridge.park import finish_due, hasten, park, pause
from bridge.pipeline import process
from bridge.plan import Route, plan
from bridge.slots import Asks
from bridge.types import Payload, Verdict
from tests.house import (
    ORDER,
    Outside,
    edited,
    opened,
    rooms_of,
    store_route,
    webhook,
)

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
    await rooms.flights.drain(5.0)

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


async def test_what_todays_files_are_not_interested_in_ends_as_ignored(
    journal: Journal, loaded: Loaded
) -> None:
    entry, outside = await parked(journal, loaded)
    route = store_route(loaded)
    deaf = replace(route, source=replace(route.source, topics={"orders/paid": ()}))
    rooms = rooms_of(journal, outside, deaf)

    assert await finish_due(rooms) == 1
    await rooms.flights.drain(5.0)

    assert await state(journal, entry) == ("ignored", "topic 'orders/paid' is known and not wanted")
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


@pytest.mark.parametrize("failure", [JournalUnavailable("locked"), RuntimeError("a bug of ours")])
async def test_the_loop_survives_a_journal_that_is_away(
    failure: Exception, journal: Journal, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, outside = await parked(journal, loaded)
    outside.arrived.clear()
    rooms, stop = rooms_of(journal, outside, store_route(loaded)), asyncio.Event()
    failures = [failure]
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


async def test_an_entry_that_cannot_be_planned_holds_up_nothing_else(
    journal: Journal, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison, outside = await parked(journal, loaded)
    rooms = rooms_of(journal, outside, store_route(loaded))
    outside.verdicts = [DOWN]
    good = await process(edited(id=6100000000777), rooms, started=rooms.clock())
    await rooms.flights.drain(5.0)

    def broken(*args: object) -> object:
        if args[0].request.body == webhook().body:  # type: ignore[attr-defined]
            raise KeyError("a bug")
        return plan(*args)  # type: ignore[arg-type]

    monkeypatch.setattr("bridge.park.plan", broken)
    with capture_logs() as lines:
        assert await finish_due(rooms) == 2
        await rooms.flights.drain(5.0)
    assert "resume failed" in [line["event"] for line in lines]

    assert await state(journal, poison) == ("queued", "not sent: the bridge failed: KeyError")
    assert (await state(journal, good.entry or 0))[0] == "delivered"
    wait = await journal.next_due()
    assert wait is not None
    assert wait > 600, "a person has to do something before it makes sense again"


async def test_a_body_that_is_gone_is_a_dead_letter(
    journal: Journal, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, outside = await parked(journal, loaded)
    rooms = rooms_of(journal, outside, store_route(loaded))

    async def gone(_: int) -> None:
        raise LookupError("no body")

    monkeypatch.setattr(journal, "load", gone)
    await finish_due(rooms)
    await rooms.flights.drain(5.0)

    assert await state(journal, entry) == (
        "refused",
        "its body is gone: it cannot be sent any more",
    )


async def test_a_bug_of_ours_does_not_end_the_loop(
    journal: Journal, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, outside = await parked(journal, loaded)
    rooms, stop = rooms_of(journal, outside, store_route(loaded)), asyncio.Event()
    sweep, failures = journal.sweep, [KeyError("a bug")]

    async def once_broken() -> int:
        if failures:
            raise failures.pop()
        return await sweep()

    outside.arrived.clear()
    monkeypatch.setattr(journal, "sweep", once_broken)
    monkeypatch.setattr("bridge.park._PASS", 0.001)
    with capture_logs() as lines:
        parking = asyncio.create_task(park(rooms, beat=5.0, stop=stop, lost=lambda: None))
        await outside.arrived.wait()
        stop.set()
        await parking
    assert "parking failed" in [line["event"] for line in lines]
    await rooms.flights.drain(5.0)

    assert (await state(journal, entry))[0] == "delivered"


async def test_parked_work_stands_in_a_line_of_its_own(
    journal: Journal, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Asks] = []
    enter = Gate.enter

    async def watched(gate: Gate, asks: Asks) -> object:
        asked.append(asks)
        return await enter(gate, asks)

    monkeypatch.setattr(Gate, "enter", watched)
    outside = Outside(fetched=[FetchFailed("503", transient=True), {"extra": {}}])
    fetches = {"tokens": {"admin_token": "t"}, "settings": {"shop_domain": "shop.example"}}
    rooms = rooms_of(journal, outside, store_route(loaded, **fetches))  # type: ignore[arg-type]
    await process(webhook(), rooms, started=rooms.clock())
    await rooms.flights.drain(5.0)
    assert asked == [Asks("shop")]

    await finish_due(rooms)
    while len(rooms.flights):
        await rooms.flights.drain(5.0)

    assert asked[1:] == [Asks("shop", parked=True)] * 2, "the fetch, and what followed from it"


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


@dataclass
class Vendor(Outside):
    """A destination that is down until told otherwise; its time passes when told."""

    down: bool = True

    async def send(self, route: Route, payload: Payload) -> Verdict:
        verdict = await super().send(route, payload)
        return DOWN if self.down and payload.endpoint == ORDER else verdict

    @property
    def orders(self) -> Counter[str]:
        """How often each order was sent."""
        ids = (one.document["OriginalId"] for one in self.sent if one.endpoint == ORDER)
        return Counter(ids)


@pytest.fixture
async def vendor() -> Vendor:
    return Vendor()


@pytest.fixture
async def moving(tmp_path: Path, vendor: Vendor) -> AsyncIterator[Journal]:
    """A journal whose clock the vendor moves."""
    opening = Opening(f"sqlite:///{tmp_path}/journal.db", Patience(quiet=0.0))
    one = await open_sqlite(opening, clock=lambda: time.time() + vendor.now)
    yield one
    await one.close()


async def test_an_outage_is_waited_out_with_probes_and_then_all_is_delivered_once(
    moving: Journal, vendor: Vendor, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    rooms = rooms_of(moving, vendor, store_route(loaded))
    taken: list[Standing] = []
    due = moving.due

    async def watched(*args: object) -> tuple[Standing, ...]:
        given = await due(*args)  # type: ignore[arg-type]
        taken.extend(given)
        return given

    monkeypatch.setattr(moving, "due", watched)

    async def passes(number: int) -> list[int]:
        begun = []
        for _ in range(number):
            begun.append(await finish_due(rooms))
            await rooms.flights.drain(5.0)
        return begun

    # The first few are tried, the others are parked at once.
    orders = [edited(id=6100000000001 + number) for number in range(24)]
    told = [await process(one, rooms, started=rooms.clock()) for one in orders]
    await rooms.flights.drain(5.0)
    assert {one.status for one in told} == {"parked"}
    assert len(vendor.sent) == MOST_FAILURES

    # While it rests nothing is sent, and nothing is taken from the journal.
    assert await passes(5) == [0] * 5
    assert (len(vendor.sent), taken) == (MOST_FAILURES, [])

    # After each rest there is one probe, and the next rest is longer.
    for rest in (FIRST_REST, 2 * FIRST_REST):
        vendor.now += rest
        assert await passes(3) == [1, 0, 0]
    assert len(vendor.sent) == MOST_FAILURES + 2

    # The first answer ends it.  A pass begins no more than the target bears at once.
    vendor.down = False
    vendor.now += 4 * FIRST_REST
    failed = vendor.orders
    assert await passes(8) == [1, 4, 4, 4, 4, 4, 3, 0]
    assert len(vendor.sent) == MOST_FAILURES + 2 + 24
    assert set((vendor.orders - failed).values()) == {1}
    assert len(vendor.orders) == 24
    for one in told:
        assert (await state(moving, one.entry or 0))[0] == "delivered"


async def test_when_a_target_answers_again_what_it_put_off_is_tried_within_a_minute(
    moving: Journal, vendor: Vendor, loaded: Loaded
) -> None:
    """Somebody waits for his points; that his order failed nine times is not his fault."""
    rooms = rooms_of(moving, vendor, store_route(loaded))
    rooms = replace(rooms, flights=replace(rooms.flights, chance=lambda: 1.0))
    told = await process(webhook(), rooms, started=rooms.clock())
    await rooms.flights.drain(5.0)
    for _ in range(9):
        wait = await moving.next_due()
        assert wait is not None
        vendor.now += wait + 60.0
        await finish_due(rooms)
        await rooms.flights.drain(5.0)
    wait = await moving.next_due()
    assert wait is not None
    assert wait > 600

    vendor.down = False
    vendor.now += 60.0
    await process(edited(id=6100000000777), rooms, started=rooms.clock())
    await rooms.flights.drain(5.0)
    for _ in range(2):
        await hasten(rooms)

    wait = await moving.next_due()
    assert wait is not None
    assert wait <= 60.0
    assert rooms.flights.gates.recovered() == []
    vendor.now += wait
    await finish_due(rooms)
    await rooms.flights.drain(5.0)
    assert (await state(moving, told.entry or 0))[0] == "delivered"


async def test_what_rests_holds_up_nothing_else(
    moving: Journal, vendor: Vendor, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    both = (ORDER, "bonifiq.customer")
    rooms = rooms_of(moving, vendor, store_route(loaded, endpoints=both))
    for number in range(24):
        paid = edited(id=6100000000001 + number)
        await process(paid, rooms, started=rooms.clock())
    sent = len(vendor.sent)
    vendor.verdicts = [DOWN]

    created = edited("shopify/customer_created")
    told = await process(created, rooms, started=rooms.clock())
    await rooms.flights.drain(5.0)
    assert told.status == "parked"
    assert await finish_due(rooms) == 1
    await rooms.flights.drain(5.0)

    assert [one.endpoint for one in vendor.sent[sent:]] == 2 * ["bonifiq.customer"]
    updated = edited("shopify/customer_created", first_name="Bia")
    told = await process(updated, rooms, started=rooms.clock())
    assert told.status == "delivered"


async def test_a_store_that_is_gone_counts_no_attempts(journal: Journal, loaded: Loaded) -> None:
    entry, outside = await parked(journal, loaded)
    rooms = replace(rooms_of(journal, outside, store_route(loaded)), routes={})

    await finish_due(rooms)
    await rooms.flights.drain(5.0)

    assert (await journal.show(entry)).deliveries[0].attempts == 1


@pytest.mark.parametrize(
    ("begun", "wait", "seconds"),
    [
        (0, None, 1.0),
        (9, None, 1.0),
        (9, 0.0, 0.01),
        (0, 0.0, 0.05),
        (0, 0.4, 0.4),
        (3, 0.4, 0.4),
        (0, 60.0, 1.0),
    ],
)
def test_the_loop_does_not_spin_while_nothing_can_begin(
    begun: int, wait: float | None, seconds: float
) -> None:
    assert pause(begun, wait) == seconds


async def test_the_loop_sleeps_through_a_rest_and_wakes_at_its_end(
    moving: Journal, vendor: Vendor, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    rooms, stop = rooms_of(moving, vendor, store_route(loaded)), asyncio.Event()
    for number in range(8):
        await process(edited(id=6100000000001 + number), rooms, started=rooms.clock())
    await rooms.flights.drain(5.0)
    waits: list[float | None] = []

    def watched(begun: int, wait: float | None) -> float:
        waits.append(wait)
        if len(waits) == 2:
            stop.set()
        vendor.now += FIRST_REST
        return 0.0

    monkeypatch.setattr("bridge.park.pause", watched)
    await park(rooms, beat=5.0, stop=stop, lost=lambda: None)
    await rooms.flights.drain(5.0)

    assert waits[0] == FIRST_REST
    assert len(vendor.sent) == MOST_FAILURES + 1


async def test_what_is_settled_without_a_request_says_nothing_of_the_target(
    moving: Journal, vendor: Vendor, loaded: Loaded
) -> None:
    route = store_route(loaded)
    rooms = rooms_of(moving, vendor, route)
    told = [
        await process(edited(id=6100000000001 + number), rooms, started=rooms.clock())
        for number in range(MOST_FAILURES + 1)
    ]
    await rooms.flights.drain(5.0)
    vendor.now += 2 * FIRST_REST
    elsewhere = store_route(loaded, endpoints=("bonifiq.customer",))

    assert await finish_due(replace(rooms, routes={"shop": elsewhere})) == 1
    await rooms.flights.drain(5.0)

    states = [(await state(moving, one.entry or 0))[0] for one in told]
    assert sorted(states) == ["queued"] * MOST_FAILURES + ["refused"]
    assert rooms.flights.gates.resting() == [route.store.endpoints[0].target]


async def test_what_is_encrypted_with_a_missing_key_waits_for_it(
    tmp_path: Path, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    outside, url = Outside(verdicts=[DOWN]), f"sqlite:///{tmp_path}/journal.db"
    without = await open_sqlite(Opening(url, Patience(quiet=0.0)))
    sealing = await open_sqlite(Opening(url, Patience(quiet=0.0), keys=(new_key(),)))
    rooms = rooms_of(sealing, outside, store_route(loaded))
    told = await process(webhook(), rooms, started=rooms.clock())
    await rooms.flights.drain(5.0)

    keyless = rooms_of(without, outside, store_route(loaded))
    assert await finish_due(keyless) == 1
    await keyless.flights.drain(5.0)

    found = await state(without, told.entry or 0)
    (waits,) = (await without.show(told.entry or 0)).deliveries
    await without.close()
    await sealing.close()
    assert found[0] == "queued"
    assert "encrypted with a key that BRIDGE_JOURNAL_KEYS does not hold" in found[1]
    assert waits.attempts == 1
    assert len(outside.sent) == 1


async def test_the_loop_has_the_journal_forget_every_minute_and_goes_on_while_there_is_more(
    journal: Journal, loaded: Loaded, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep, outside, stop = Keep(bodies=1.0), Outside(), asyncio.Event()
    more, at = [True, True, False, False], list[float]()

    async def forget(wanted: Keep) -> bool:
        assert wanted is keep
        at.append(outside.now)
        return more.pop(0)

    def watched(begun: int, wait: float | None) -> float:
        if not more:
            stop.set()
        outside.now += 1.0
        return 0.0

    monkeypatch.setattr(journal, "forget", forget)
    monkeypatch.setattr("bridge.park.pause", watched)
    rooms = replace(rooms_of(journal, outside, store_route(loaded)), clock=lambda: outside.now)

    await asyncio.wait_for(park(rooms, beat=5.0, stop=stop, lost=lambda: None, keep=keep), 10.0)

    assert at == [0.0, 1.0, 2.0, 62.0]
