"""
What is sent passes the gate of its target; what is not sent is no attempt; all ends some day.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from bridge.breaker import FIRST_REST, MOST_FAILURES
from bridge.destinations.endpoint import Limits
from bridge.errors import JournalUnavailable
from bridge.flights import Flights
from bridge.journal.protocol import FETCH, DeliverySummary, Flight, Journal
from bridge.limits import Closed, Gates
from bridge.slots import Asks
from bridge.types import Outcome, Verdict
from tests.house import opened
from tests.journal.given import arrival, planned
from tests.paper import Paper, flight_of
from tests.virtual import now, virtually

T = TypeVar("T")

DELIVERED = Verdict("delivered")
DOWN = Verdict("transient", "no connection")
BUSY = Verdict("transient", "HTTP 429", 20.0)
FEW = Verdict("transient", "HTTP 503", few=3)
TARGET = "shop/vendor.order"
WEBHOOK = Asks("shop")
RESTS = f"not sent: {TARGET} rests after 5 failures in a row; last: no connection"


@dataclass
class Sky:
    """The flights of a worker, over a clock that moves only when told."""

    journal: Journal
    now: float = 0.0
    sent: int = 0
    flights: Flights = field(init=False)
    gates: Gates = field(init=False)

    def __post_init__(self) -> None:
        self.gates = Gates(clock=lambda: self.now)
        self.flights = Flights(self.journal, self.gates, 0.0, lambda: None, chance=lambda: 0.0)

    async def record(self, *, park: bool = True) -> Flight:
        """One more webhook, of an order of its own."""
        self.sent += 1
        webhook = arrival(f"e{self.sent}", planned(f"{self.sent}"), park=park)
        (standing,) = (await self.journal.receive(webhook, sync=False)).standings
        assert standing.flight is not None
        return standing.flight

    async def fly(
        self, flight: Flight, verdict: Verdict, *, asks: Asks | None = WEBHOOK
    ) -> Outcome:
        """Fly; says what was told, when all is written."""
        told = await self.flights.launch(flight, lambda: given(verdict), asks=asks)
        await self.flights.drain(5.0)
        return told

    async def rest(self) -> None:
        """Let the target rest."""
        for _ in range(MOST_FAILURES):
            await self.fly(await self.record(), DOWN)
        assert self.gates.resting() == [TARGET]

    async def shown(self, flight: Flight) -> DeliverySummary:
        (delivery,) = (await self.journal.show(flight.entry)).deliveries
        return delivery


async def given(verdict: Verdict) -> Verdict:
    return verdict


async def never() -> Verdict:
    raise AssertionError("this must not be sent")


@pytest.fixture
async def sky(tmp_path: Path) -> AsyncIterator[Sky]:
    async with opened(tmp_path) as journal:
        yield Sky(journal)


async def test_while_a_target_rests_flights_are_given_back_at_once(sky: Sky) -> None:
    await sky.rest()
    flight = await sky.record()

    told = await sky.flights.launch(flight, never, asks=WEBHOOK)
    await sky.flights.drain(5.0)

    assert told == Outcome("vendor.order", "queued", RESTS, FIRST_REST)
    shown = await sky.shown(flight)
    assert (shown.state, shown.attempts, shown.reason, shown.unsure) == ("queued", 0, RESTS, False)
    assert shown.next_at is not None


async def test_what_the_store_repeats_is_left_to_it(sky: Sky) -> None:
    await sky.rest()
    flight = await sky.record(park=False)

    await sky.fly(flight, DELIVERED)

    shown = await sky.shown(flight)
    assert (shown.state, shown.attempts, shown.next_at) == ("queued", 0, None)


async def test_who_waits_is_told_how_long_the_target_rests(sky: Sky) -> None:
    down = await sky.fly(await sky.record(), DOWN)
    busy = await sky.fly(await sky.record(), BUSY)
    sky.now += 5.0
    closed = await sky.fly(await sky.record(), DELIVERED)

    assert [one.retry_after for one in (down, busy, closed)] == [None, 20.0, 15.0]


async def test_what_may_be_tried_a_few_times_is_refused_after_these(sky: Sky) -> None:
    flight, told = await sky.record(), []
    for _ in range(3):
        told.append(await sky.fly(flight, FEW))
        again = (await sky.journal.take(flight.entry, "vendor.order")).flight
        flight = again or flight

    assert [one.state for one in told] == ["queued", "queued", "refused"]
    assert told[-1].reason == "HTTP 503; given up after 3 attempts"


async def test_what_was_not_sent_uses_up_none_of_the_few(sky: Sky) -> None:
    flight = await sky.record()
    await sky.rest()
    for _ in range(3):
        await sky.fly(flight, DELIVERED)
        again = (await sky.journal.take(flight.entry, "vendor.order")).flight
        assert again is not None
        flight = again
    sky.now += FIRST_REST

    told = await sky.fly(flight, FEW)

    assert (flight.attempts, told.state) == (1, "queued")


async def test_what_asks_nothing_of_the_target_waits_for_no_gate(sky: Sky) -> None:
    await sky.rest()

    told = await sky.fly(await sky.record(), Verdict("refused", "not mapped"), asks=None)

    assert told.state == "refused"
    assert sky.gates.resting() == [TARGET], "nobody has heard of the target"


async def test_a_worker_that_is_fenced_probes_nothing(
    sky: Sky, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sky.rest()
    sky.now += FIRST_REST
    flight = await sky.record()
    with monkeypatch.context() as fenced:
        fenced.setattr(type(sky.journal), "fenced", property(lambda _: True))
        told = await sky.flights.launch(flight, never, asks=WEBHOOK)
    await sky.flights.drain(5.0)

    assert told.reason == "not sent: the journal is out of reach"
    assert (await sky.shown(flight)).attempts == 0
    assert sky.gates.room() == {TARGET: 1}, "the probe is still to be made"


async def test_a_bug_of_ours_does_not_keep_the_probe(sky: Sky) -> None:
    async def broken() -> Verdict:
        raise KeyError("a bug")

    await sky.rest()
    sky.now += FIRST_REST
    await sky.flights.launch(await sky.record(), broken, asks=WEBHOOK)
    await sky.flights.drain(5.0)
    sky.now += 2 * FIRST_REST

    assert (await sky.fly(await sky.record(), DELIVERED)).state == "delivered"
    assert sky.gates.resting() == []


async def test_a_stop_gives_back_what_waits_and_awaits_what_is_out(sky: Sky) -> None:
    landing = asyncio.Event()

    async def slow() -> Verdict:
        await landing.wait()
        return DELIVERED

    flights = [await sky.record() for _ in range(6)]
    told = [sky.flights.launch(flight, slow, asks=WEBHOOK) for flight in flights]
    await asyncio.sleep(0)

    sky.gates.stop()
    landing.set()
    await sky.flights.drain(5.0)

    states = [one.result().state for one in told]
    assert states == ["delivered"] * 4 + ["queued"] * 2
    assert [(await sky.shown(flight)).attempts for flight in flights] == [1] * 4 + [0] * 2


QUIET = 10.0


def aloft(
    story: Callable[[Flights, Paper], Awaitable[T]], paper: Paper | None = None
) -> tuple[T, Paper]:
    """Tell a story of flights over a journal on paper, in virtual time."""
    journal = paper or Paper()

    async def told() -> T:
        gates = Gates({TARGET: Limits(at_once=2)}, clock=now)
        flights = Flights(journal.as_journal(), gates, QUIET, lambda: None, chance=lambda: 0.0)
        return await story(flights, journal)

    return virtually(told), journal


async def forever() -> Verdict:
    await asyncio.Event().wait()
    return DELIVERED


def flight(endpoint: str = "vendor.order") -> Flight:
    return flight_of(planned(endpoint=endpoint, target=TARGET))


def test_an_attempt_that_never_ends_is_given_up_and_its_lane_rests() -> None:
    async def story(flights: Flights, _: Paper) -> tuple[Outcome, float, float]:
        told = await flights.launch(flight(), forever, asks=WEBHOOK)
        ended = now()
        await flights.drain(60.0)
        return told, ended, now()

    (told, ended, written), paper = aloft(story)

    why = "given up: it took longer than 40 s"
    assert (told, ended) == (Outcome("vendor.order", "queued", why), 40.0)
    assert (paper.written, written) == ([("back", why, True, True, 1.0)], 50.0)


def test_who_gives_up_a_fetch_has_changed_nothing() -> None:
    async def story(flights: Flights, _: Paper) -> float:
        await flights.launch(flight(FETCH), forever, asks=WEBHOOK)
        await flights.drain(60.0)
        return now()

    written, paper = aloft(story)

    assert [unsure for _, _, unsure, *_ in paper.written] == [False]
    assert written == 40.0


def test_a_stop_waits_then_gives_up_and_lets_lanes_rest() -> None:
    async def soon() -> Verdict:
        await asyncio.sleep(3.0)
        return DELIVERED

    async def story(flights: Flights, _: Paper) -> tuple[list[str], float]:
        told = [
            flights.launch(flight(), send, asks=WEBHOOK) for send in (soon, forever, forever, never)
        ]
        await asyncio.sleep(0)
        await flights.drain(15.0)
        return [one.result().reason for one in told], now()

    (told, ended), paper = aloft(story)

    stops = "given up: the bridge stops"
    assert told == ["", stops, stops, "not sent: the bridge stops"]
    assert [one[:3] for one in paper.written] == [
        ("delivered", ""),
        ("back", "not sent: the bridge stops", False),
        ("back", stops, True),
        ("back", stops, True),
    ]
    assert ended == 15.0 + QUIET


def test_what_the_journal_does_not_take_is_left_to_others_when_the_bridge_stops() -> None:
    async def story(flights: Flights, _: Paper) -> tuple[int, float]:
        for send in (forever, lambda: given(DELIVERED)):
            flights.launch(flight(), send, asks=WEBHOOK)
        await asyncio.sleep(1.0)
        await flights.drain(15.0)
        return len(flights), now()

    away = JournalUnavailable("disk full")
    (left, ended), paper = aloft(story, Paper({"settle": away, "back": away}))

    assert (left, paper.written) == (0, [])
    assert ended <= 1.0 + 15.0 + QUIET + 2.0


def test_who_is_asked_to_end_at_once_does_and_says_what_is_true() -> None:
    async def story(flights: Flights, _: Paper) -> tuple[list[Outcome], int, float]:
        told = [flights.launch(flight(), forever, asks=WEBHOOK) for _ in range(3)]
        await asyncio.sleep(1.0)
        flights.give_up()
        flights.abandon()
        return await asyncio.gather(*told), len(flights), now()

    (told, left, ended), paper = aloft(story)

    assert told == [Outcome("vendor.order", "queued", "interrupted")] * 3
    assert (left, ended, paper.written) == (0, 1.0, [])


def test_a_stop_may_be_told_twice_in_one_moment() -> None:
    async def story(flights: Flights, _: Paper) -> list[str]:
        told = [flights.launch(flight(), forever, asks=WEBHOOK) for _ in range(4)]
        await asyncio.sleep(1.0)
        for _again in range(3):
            flights.give_up()
            await asyncio.sleep(0)
        return [one.reason for one in await asyncio.gather(*told)]

    told, _ = aloft(story)

    assert told == ["given up: the bridge stops"] * 2 + ["not sent: the bridge stops"] * 2


def test_after_a_stop_has_given_up_nothing_begins_any_more() -> None:
    async def story(flights: Flights, _: Paper) -> Outcome:
        flights.give_up()
        flights.give_up()
        return await flights.launch(flight(), never, asks=WEBHOOK)

    told, _ = aloft(story)

    assert told.reason == "not sent: the bridge stops"


def test_what_is_put_back_is_put_back_until_it_is_in() -> None:
    async def story(flights: Flights, journal: Paper) -> float:
        flights.put_back(flight(), Closed("not sent: no store", 900.0))
        await asyncio.sleep(4.5)
        journal.troubles.clear()
        await flights.drain(5.0)
        return now()

    ended, paper = aloft(story, Paper({"back": JournalUnavailable("locked")}))

    assert paper.written == [("back", "not sent: no store", False, False, 900.0)]
    assert ended == 5.0
