"""
A webhook is recorded once, however often it comes, and gets the lanes that are free.

What is expected here follows from the rule, not from any journal: same key, same entry.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bridge.errors import JournalError
from bridge.types import Outcome
from tests.journal.given import (
    NOON,
    World,
    arrival,
    deliver,
    entries_of,
    fly,
    planned,
    record,
    state,
)


class Receiving:
    async def test_a_new_webhook_is_recorded_and_gets_its_free_lane(self, world: World):
        journal = await world.worker()
        wanted = planned(at=10, tie=3)

        receipt = await journal.receive(arrival("e1", wanted), sync=True)

        (standing,) = receipt.standings
        flight = standing.flight
        assert (receipt.copy, receipt.problem, receipt.dead) == (False, None, False)
        assert standing.outcome == Outcome("vendor.order", "flying")
        assert flight is not None
        assert (flight.entry, flight.endpoint) == (receipt.entry, "vendor.order")
        assert (flight.stamp, flight.tie, flight.print) == (10_000_000, 3, wanted.print)
        assert (flight.target, flight.attempts, flight.park) == ("shop/vendor.order", 1, True)

    async def test_what_is_put_off_is_queued_and_holds_no_lane(self, world: World):
        journal = await world.worker()
        off = planned(put_off=30.0, reason="it rests")

        standing = await record(journal, "e1", off)

        assert standing.outcome == Outcome("vendor.order", "queued", "it rests", 30.0)
        assert (standing.flight, standing.held, standing.due_in) == (None, False, 30.0)
        assert await journal.due() == ()
        world.clocks.advance(30)
        (due,) = await journal.due()
        assert due.flight is not None
        assert (due.flight.attempts, due.flight.print) == (1, off.print)

    async def test_what_is_put_off_lets_nothing_older_pass(self, world: World):
        journal = await world.worker()
        await record(journal, "e2", planned(at=20, put_off=30.0))

        older = await record(journal, "e1", planned(at=10))

        assert (older.flight, older.outcome.state) == (None, "queued")

    async def test_what_is_put_off_and_left_to_its_store_waits_for_its_repeat(self, world: World):
        journal = await world.worker()
        off = planned(put_off=30.0)

        standing = await record(journal, "e1", off, park=False)
        world.clocks.advance(60)

        assert standing.due_in is None
        assert await journal.due() == ()
        again = await record(journal, "e1", planned(), park=False)
        assert again.flight is not None

    async def test_every_endpoint_has_a_lane_of_its_own(self, world: World):
        journal = await world.worker()

        receipt = await journal.receive(
            arrival("e1", planned(), planned("7", endpoint="vendor.customer")), sync=False
        )

        flights = [standing.flight for standing in receipt.standings]
        assert [flight and flight.endpoint for flight in flights] == [
            "vendor.order",
            "vendor.customer",
        ]
        assert len({flight and flight.lane for flight in flights}) == 2

    async def test_a_copy_is_told_how_the_first_stands_and_gets_nothing(self, world: World):
        journal = await world.worker()
        first = await journal.receive(arrival("e1", planned()), sync=False)

        copy = await journal.receive(arrival("e1", planned()), sync=False)

        assert (copy.copy, copy.entry) == (True, first.entry)
        assert [standing.outcome.state for standing in copy.standings] == ["flying"]
        assert [standing.flight for standing in copy.standings] == [None]

    async def test_a_copy_of_what_is_settled_is_told_the_last_word(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        await journal.settle(flight, "delivered", "200", sync=False)

        copy = await record(journal, "e1", planned())

        assert copy.outcome == Outcome("vendor.order", "delivered", "200")

    async def test_copies_are_counted(self, world: World):
        journal = await world.worker()
        first = await fly(journal, "e1", planned())
        for _ in range(3):
            await record(journal, "e1", planned())

        assert (await journal.show(first.entry)).copies == 3

    async def test_of_copies_at_one_moment_one_is_first_and_one_flies(self, world: World):
        here, there = await world.worker(), await world.worker()

        receipts = await asyncio.gather(
            *(
                journal.receive(arrival("e1", planned()), sync=False)
                for _ in range(10)
                for journal in (here, there)
            )
        )

        assert len({receipt.entry for receipt in receipts}) == 1
        assert sorted(receipt.copy for receipt in receipts) == [False] + 19 * [True]
        assert sum(len(entries_of(receipt.standings)) for receipt in receipts) == 1

    @pytest.mark.parametrize(
        "other",
        [
            {"store": "another"},
            {"topic": "order/updated"},
            {"parts": ("e1", "more")},
            {"parts": ("e2",)},
            {"resource": "1043"},
        ],
        ids=str,
    )
    async def test_what_differs_in_any_part_of_the_key_is_no_copy(self, world: World, other):
        journal = await world.worker()
        await journal.receive(arrival("e1", planned()), sync=False)

        assert not (await journal.receive(arrival("e1", planned(), **other), sync=False)).copy

    async def test_parts_of_a_key_do_not_run_into_one_another(self, world: World):
        journal = await world.worker()
        await journal.receive(arrival("", parts=("ab", "c")), sync=False)

        assert not (await journal.receive(arrival("", parts=("a", "bc")), sync=False)).copy

    async def test_without_a_key_no_two_are_equal(self, world: World):
        journal = await world.worker()
        await journal.receive(arrival(None, planned()), sync=False)

        assert not (await journal.receive(arrival(None, planned()), sync=False)).copy

    @pytest.mark.parametrize(("dead", "told"), [(False, "done"), (True, "dead")])
    async def test_a_webhook_without_deliveries_keeps_its_problem(self, world: World, dead, told):
        journal = await world.worker()
        webhook = replace(arrival("e1"), problem="topic not mapped", dead=dead)

        first = await journal.receive(webhook, sync=False)
        copy = await journal.receive(webhook, sync=False)

        assert (first.problem, first.dead, first.standings) == ("topic not mapped", dead, ())
        assert (copy.problem, copy.dead, copy.copy) == ("topic not mapped", dead, True)
        assert (await journal.show(first.entry)).state == told

    @pytest.mark.parametrize("born", ["ignored", "refused"])
    async def test_what_is_settled_at_birth_takes_no_lane_and_leaves_no_mark(
        self, world: World, born
    ):
        journal = await world.worker()

        standing = await record(
            journal, "e1", replace(planned(at=20), state=born, reason="no e-mail")
        )
        older = await record(journal, "e2", planned(at=10))

        assert standing.outcome == Outcome("vendor.order", born, "no e-mail")
        assert standing.flight is None
        assert older.flight is not None
        (delivery,) = (await journal.show(older.flight.entry - 1)).deliveries
        assert (delivery.settled_at, delivery.until) == (NOON, None)

    async def test_nothing_is_lost_when_a_store_sends_half_a_surrogate_pair(self, world: World):
        journal = await world.worker()
        webhook = arrival("\ud83d", planned("\ud83d"), topic="order/\ud83d", resource="\ud83d")

        first = await journal.receive(webhook, sync=False)

        assert (await journal.show(first.entry)).topic == "order/?"
        assert (await journal.receive(webhook, sync=False)).copy

    async def test_without_a_time_the_first_receipt_is_the_time(self, world: World):
        """Counted on the journal's clock, which stands at noon of 2026-11-20."""
        journal = await world.worker()
        await deliver(journal, "deleted", replace(planned(), stamp=0))

        before = await record(journal, "e1", planned(at=NOON.timestamp() - 1))
        after = await record(journal, "e2", planned(at=NOON.timestamp() + 1))

        assert before.outcome.state == "stale"
        assert after.outcome.state == "flying"

    async def test_a_journal_that_is_only_looked_at_records_nothing(self, world: World):
        onlooker = await world.worker(register=False)

        with pytest.raises(JournalError, match="without a worker"):
            await onlooker.receive(arrival("e1", planned()), sync=False)


class Refusing:
    """With ``park`` false the store's repeat is the next attempt."""

    async def test_the_stores_repeat_takes_the_lane_of_what_is_queued(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), park=False)
        await journal.back(flight, delay=None, unsure=False, reason="503")

        again = await record(journal, "e1", planned(), park=False)

        assert again.flight is not None
        assert (again.flight.entry, again.flight.attempts) == (flight.entry, 2)
        assert again.flight.token > flight.token

    async def test_a_repeat_does_not_touch_what_is_settled(self, world: World):
        journal = await world.worker()
        both = (planned(), planned("7", endpoint="vendor.customer"))
        first = await journal.receive(arrival("e1", *both, park=False), sync=False)
        order, customer = (standing.flight for standing in first.standings)
        assert order is not None
        assert customer is not None
        await journal.settle(order, "delivered", sync=False)
        await journal.back(customer, delay=None, unsure=False, reason="503")

        repeat = await journal.receive(arrival("e1", *both, park=False), sync=False)

        assert {
            standing.outcome.endpoint: (standing.outcome.state, standing.flight is not None)
            for standing in repeat.standings
        } == {"vendor.order": ("delivered", False), "vendor.customer": ("flying", True)}

    async def test_what_waits_for_the_store_is_never_due_here(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), park=False)
        await journal.back(flight, delay=None, unsure=False, reason="503")

        world.clocks.advance(3600)

        assert await journal.due() == ()
        assert await journal.next_due() is None

    async def test_it_fails_when_the_store_has_stopped_repeating(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), park=False, horizon=7200.0)
        await journal.back(flight, delay=None, unsure=False, reason="503")
        world.clocks.advance(7199)
        await journal.sweep()
        assert await state(journal, flight.entry) == "queued"

        world.clocks.advance(61)
        await journal.sweep()

        (standing,) = await journal.standings(flight.entry)
        assert standing.outcome == Outcome(
            "vendor.order", "failed", "the store stopped repeating; last: 503"
        )

    async def test_a_repeat_after_the_horizon_is_told_that_it_failed(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), park=False, horizon=60.0)
        await journal.back(flight, delay=None, unsure=False, reason="503")
        world.clocks.advance(60)

        again = await record(journal, "e1", planned(), park=False)

        assert again.outcome == Outcome(
            "vendor.order", "failed", "the store stopped repeating; last: 503"
        )

    async def test_a_repeat_that_is_promised_to_be_parked_makes_it_ours(self, world: World):
        """The store's setting has changed between the two."""
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), park=False)
        await journal.back(flight, delay=None, unsure=False, reason="503")

        await record(journal, "e1", planned(), park=True)

        assert entries_of(await journal.due()) == [flight.entry]

    async def test_so_it_does_when_the_attempt_is_still_under_way(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), park=False)
        await record(journal, "e1", planned(), park=True)

        await journal.back(flight, delay=None, unsure=False, reason="503")

        assert entries_of(await journal.due()) == [flight.entry]

    async def test_a_repeat_of_what_is_parked_takes_no_lane(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        await journal.back(flight, delay=60, unsure=False, reason="503")

        copy = await record(journal, "e1", planned())

        assert (copy.flight, copy.outcome.state, copy.due_in) == (None, "queued", 60)
