"""
What came of a flight is written once, under its token, and frees its lane.
"""

from __future__ import annotations

import pytest

from bridge.journal.protocol import FETCH, Filter, Flight
from bridge.types import Outcome
from tests.journal.given import (
    NOON,
    UNFENCED,
    World,
    arrival,
    entries_of,
    fly,
    planned,
    record,
    state,
)


class Settling:
    @pytest.mark.parametrize("word", ["delivered", "ignored", "refused"])
    async def test_the_last_word_is_kept_and_the_lane_is_free(self, world: World, word):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(at=10))

        assert await journal.settle(flight, word, "because", sync=True)

        (standing,) = await journal.standings(flight.entry)
        assert standing.outcome == Outcome("vendor.order", word, "because")
        assert (await record(journal, "e2", planned(at=20))).flight

    async def test_nothing_is_settled_twice(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        await journal.settle(flight, "delivered", "first", sync=False)

        await journal.settle(flight, "refused", "second", sync=False)

        (standing,) = await journal.standings(flight.entry)
        assert standing.outcome == Outcome("vendor.order", "delivered", "first")

    async def test_a_fact_that_comes_after_a_flight_was_given_back_stays_a_fact(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        await journal.back(flight, delay=60, unsure=False, reason="503")

        assert not await journal.settle(flight, "delivered", sync=False)

        assert await state(journal, flight.entry) == "delivered"

    async def test_to_settle_again_after_a_doubtful_commit_is_no_contradiction(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        await journal.settle(flight, "delivered", sync=False)

        assert await journal.settle(flight, "delivered", sync=False)
        assert not journal.fenced

    async def test_nor_is_to_give_back_again(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        await journal.back(flight, delay=60, unsure=False, reason="503")

        assert await journal.back(flight, delay=60, unsure=False, reason="503")
        assert not journal.fenced

    async def test_a_flight_given_back_is_due_after_its_delay(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())

        assert await journal.back(flight, delay=60, unsure=False, reason="503")

        (standing,) = await journal.standings(flight.entry)
        assert standing.outcome == Outcome("vendor.order", "queued", "503")
        assert (standing.due_in, standing.held) == (60, False)
        world.clocks.advance(59)
        assert await journal.due() == ()
        world.clocks.advance(1)
        assert entries_of(await journal.due()) == [flight.entry]

    async def test_no_attempt_is_put_off_further_than_a_day(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())

        await journal.back(flight, delay=1e9, unsure=False, reason="Retry-After")

        assert await journal.next_due() == 86_400

    async def test_that_an_attempt_may_have_been_accepted_is_never_forgotten(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        await journal.back(flight, delay=0, unsure=True, reason="no answer")
        again = (await journal.take(flight.entry, "vendor.order")).flight
        assert again is not None
        await journal.back(again, delay=0, unsure=False, reason="503")

        (delivery,) = (await journal.show(flight.entry)).deliveries
        assert (delivery.unsure, delivery.attempts) == (True, 2)

    async def test_what_was_not_sent_is_no_attempt_and_waits_its_time(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        await journal.back(flight, delay=60, unsure=False, reason="503")
        for counted in (1, 1):
            again = (await journal.take(flight.entry, "vendor.order")).flight
            assert again is not None
            assert again.attempts == 2

            assert await journal.back(
                again, delay=40, unsure=False, reason="it rests", attempted=False
            )

            (delivery,) = (await journal.show(flight.entry)).deliveries
            assert (delivery.state, delivery.attempts) == ("queued", counted)
            assert delivery.reason == "it rests"
            assert await journal.next_due() == 40

    async def test_nor_is_it_when_that_is_written_twice(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())

        for _ in range(2):
            assert await journal.back(
                flight, delay=60, unsure=False, reason="it rests", attempted=False
            )

        (delivery,) = (await journal.show(flight.entry)).deliveries
        assert delivery.attempts == 0
        assert await journal.next_due() == 60

    @pytest.mark.parametrize("word", ["delivered", "ignored", "refused"])
    async def test_a_free_lane_wakes_who_never_had_an_attempt(self, world: World, word):
        journal = await world.worker()
        first = await fly(journal, "e1", planned(at=10))
        waiting = await record(journal, "e2", planned(at=20))
        assert waiting.due_in == await journal.next_due()
        assert waiting.due_in is not None
        assert waiting.due_in > 0

        await journal.settle(first, word, sync=False)

        assert await journal.next_due() == 0
        assert entries_of(await journal.due()) == [first.entry + 1]

    async def test_but_shortens_nobodys_backoff(self, world: World):
        journal = await world.worker()
        older = await fly(journal, "e1", planned(at=10))
        await journal.back(older, delay=60, unsure=False, reason="503")
        newer = await fly(journal, "e2", planned(at=20))

        await journal.settle(newer, "refused", "no", sync=False)

        assert await journal.next_due() == 60

    async def test_a_body_that_no_longer_maps_is_refused(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())

        assert await journal.unmappable(flight, "order.total is missing")

        (standing,) = await journal.standings(flight.entry)
        assert standing.outcome == Outcome("vendor.order", "refused", "order.total is missing")

    async def test_sync_returns(self, world: World):
        journal = await world.worker()

        await journal.sync()


async def fetch(journal, key: str, **more) -> Flight:
    """Record a notice whose resource must be fetched."""
    return await fly(
        journal, key, planned(f"{key}:1", endpoint=FETCH, target="shop/~"), resource="", **more
    )


class Expanding:
    """A fetch is a delivery; its success brings the real ones."""

    async def test_a_fetch_brings_the_deliveries_and_their_lanes(self, world: World):
        journal = await world.worker()
        flight = await fetch(journal, "e1")

        receipt = await journal.expand(
            flight,
            b'{"total": 12}',
            [planned(), planned("7", endpoint="vendor.customer")],
            event_type="order_paid",
            resource_id="1042",
            sync=True,
        )

        assert (receipt.entry, receipt.copy, receipt.problem) == (flight.entry, False, None)
        assert [standing.outcome.endpoint for standing in receipt.standings] == [
            "vendor.order",
            "vendor.customer",
        ]
        assert len(entries_of(receipt.standings)) == 2
        assert await state(journal, flight.entry, FETCH) == "delivered"
        assert (await journal.load(flight.entry)).resource == b'{"total": 12}'
        shown = await journal.show(flight.entry)
        assert (shown.event_type, shown.resource, shown.state) == ("order_paid", "1042", "open")

    async def test_a_fetch_holds_nothing_afterwards(self, world: World):
        journal = await world.worker()
        flight = await fetch(journal, "e1")

        await journal.expand(flight, b"{}", [], problem="a test order")

        assert await journal.entries(Filter(state="open")) == ()

    async def test_what_a_replay_has_added_meanwhile_is_only_reported(self, world: World):
        journal = await world.worker()
        flight = await fetch(journal, "e1")
        await journal.replay(flight.entry, [planned()])

        receipt = await journal.expand(flight, b"{}", [planned(), planned("7", endpoint="v.c")])

        assert [standing.outcome.state for standing in receipt.standings] == ["queued", "flying"]

    async def test_what_is_known_before_stays_known(self, world: World):
        journal = await world.worker()
        flight = await fly(
            journal, "e1", planned("e1:1", endpoint=FETCH), event_type="order_paid", resource="9"
        )

        await journal.expand(flight, b"{}", [planned()])

        shown = await journal.show(flight.entry)
        assert (shown.event_type, shown.resource) == ("order_paid", "9")

    async def test_lanes_that_are_held_are_waited_for(self, world: World):
        journal = await world.worker()
        await fly(journal, "other", planned(at=10))
        flight = await fetch(journal, "e1")

        receipt = await journal.expand(flight, b"{}", [planned(at=20)])

        (standing,) = receipt.standings
        assert (standing.held, standing.outcome.state) == (True, "queued")

    @pytest.mark.parametrize("dead", [False, True])
    async def test_a_fetch_may_show_that_there_is_nothing_to_do(self, world: World, dead):
        journal = await world.worker()
        flight = await fetch(journal, "e1")

        receipt = await journal.expand(flight, b"{}", [], problem="a test order", dead=dead)

        assert (receipt.standings, receipt.problem, receipt.dead) == ((), "a test order", dead)
        assert (await journal.show(flight.entry)).state == ("dead" if dead else "done")

    async def test_what_the_store_must_repeat_stays_so(self, world: World):
        journal = await world.worker()
        flight = await fetch(journal, "e1", park=False)

        receipt = await journal.expand(flight, b"{}", [planned()])

        (standing,) = receipt.standings
        assert standing.flight is not None
        assert not standing.flight.park

    async def test_the_horizon_and_a_missing_time_count_from_the_receipt(self, world: World):
        journal = await world.worker()
        flight = await fetch(journal, "e1")
        world.clocks.advance(600)

        receipt = await journal.expand(flight, b"{}", [planned(at=0)], horizon=3600.0)

        (standing,) = receipt.standings
        assert standing.flight is not None
        assert standing.flight.stamp == NOON.timestamp() * 1_000_000
        shown = (await journal.show(flight.entry)).deliveries
        until = {one.endpoint: one.until for one in shown}["vendor.order"]
        assert until is not None
        assert until.timestamp() == NOON.timestamp() + 3600

    async def test_a_second_notice_is_fetched_beside_the_first(self, world: World):
        journal = await world.worker()

        first, second = await fetch(journal, "e1"), await fetch(journal, "e2")

        assert first.lane != second.lane

    async def test_a_fetch_that_was_taken_over_brings_nothing(self, world: World):
        slow, other = await world.worker(patience=UNFENCED), await world.worker()
        flight = await fetch(slow, "e1")
        await world.declare_gone(slow, other)
        (again,) = await other.due()
        assert again.flight is not None

        late = await slow.expand(flight, b'"late"', [planned(at=10)])
        first = await other.expand(again.flight, b'"first"', [planned(at=10)])

        assert late.copy
        assert entries_of(late.standings) == []
        assert slow.fenced
        assert len(entries_of(first.standings)) == 1
        assert (await other.load(flight.entry)).resource == b'"first"'

    async def test_copies_of_a_fetched_webhook_are_told_all(self, world: World):
        journal = await world.worker()
        flight = await fetch(journal, "e1")
        await journal.expand(flight, b"{}", [planned()])

        copy = await journal.receive(
            arrival("e1", planned("e1:2", endpoint=FETCH), resource=""), sync=False
        )

        assert copy.entry == flight.entry
        assert {standing.outcome.endpoint for standing in copy.standings} == {
            FETCH,
            "vendor.order",
        }
