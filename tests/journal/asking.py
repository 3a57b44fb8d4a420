"""
What people and the command line ask: lists, one entry, what is needed to map it again, replays.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bridge.journal.protocol import FETCH, Filter, Stored
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


class Asking:
    async def test_an_entry_can_be_mapped_again(self, world: World):
        journal = await world.worker()
        webhook = replace(
            arrival("e1", planned()),
            headers=b'{"headers": {"x-topic": "order/paid"}}',
            body=b"\x00\xff not even JSON",
            received_at=datetime(2026, 11, 20, 11, 59, 59, 123_457, tzinfo=UTC),
        )
        receipt = await journal.receive(webhook, sync=False)

        assert await journal.load(receipt.entry) == Stored(
            entry=receipt.entry,
            store="shop",
            topic="order/paid",
            headers=webhook.headers,
            body=webhook.body,
            resource=None,
            received_at=webhook.received_at,
        )

    async def test_what_does_not_exist_is_said_so(self, world: World):
        journal = await world.worker()

        for call in (journal.load, journal.show, lambda entry: journal.replay(entry, [])):
            with pytest.raises(LookupError, match="the journal has no entry 77"):
                await call(77)
        assert await journal.standings(77) == ()

    async def test_one_entry_is_shown_with_its_deliveries(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), event_type="order_paid", horizon=3600.0)
        await journal.back(flight, delay=60, unsure=True, reason="no answer")

        shown = await journal.show(flight.entry)

        (delivery,) = shown.deliveries
        assert (shown.entry, shown.store, shown.topic) == (flight.entry, "shop", "order/paid")
        assert (shown.event_type, shown.resource) == ("order_paid", "1042")
        assert (shown.received_at, shown.copies, shown.problem) == (NOON, 0, None)
        assert (delivery.endpoint, delivery.state) == ("vendor.order", "queued")
        assert (delivery.attempts, delivery.reason, delivery.unsure) == (1, "no answer", True)
        assert delivery.next_at == NOON + timedelta(seconds=60)
        assert delivery.until == NOON + timedelta(seconds=3600)
        assert delivery.settled_at is None

    async def test_a_settled_delivery_is_shown_with_its_end(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        world.clocks.advance(2)
        await journal.settle(flight, "delivered", sync=False)

        (delivery,) = (await journal.show(flight.entry)).deliveries
        assert delivery.settled_at == NOON + timedelta(seconds=2)
        assert (delivery.next_at, delivery.until) == (None, None)

    async def test_what_is_settled_has_no_next_attempt(self, world: World):
        journal = await world.worker()
        older = await fly(journal, "e1", planned(at=10))
        await journal.back(older, delay=60, unsure=False, reason="503")
        await deliver(journal, "e2", planned(at=20))

        (delivery,) = (await journal.show(older.entry)).deliveries
        assert (delivery.state, delivery.next_at, delivery.until) == ("stale", None, None)

    async def test_entries_come_newest_first_and_page_by_page(self, world: World):
        journal = await world.worker()
        made = [await deliver(journal, f"e{n}", planned(str(n))) for n in range(5)]

        first = await journal.entries(Filter(limit=2))
        second = await journal.entries(Filter(limit=2, before=first[-1].entry))

        assert [shown.entry for shown in (*first, *second)] == [made[4], made[3], made[2], made[1]]
        assert all(len(shown.deliveries) == 1 for shown in first)

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            ({}, "done dead open fetching problem ignored"),
            ({"state": "open"}, "open fetching"),
            ({"state": "dead"}, "dead problem"),
            ({"state": "done"}, "done ignored"),
            ({"store": "north"}, "dead"),
            ({"topic": "order/deleted"}, "open"),
            ({"resource": "1043"}, "dead open"),
            ({"resource": "1043", "store": "north"}, "dead"),
            ({"resource": "1043", "state": "open", "topic": "order/deleted"}, "open"),
            ({"resource": "9999"}, ""),
            ({"resource": ""}, ""),
            ({"store": "south"}, ""),
        ],
        ids=str,
    )
    async def test_entries_are_filtered(self, world: World, wanted: dict[str, Any], found: str):
        journal = await world.worker()
        made = {"done": await deliver(journal, "e1", planned("1"))}
        dead = await fly(journal, "e2", planned("2"), store="north", resource="1043")
        await journal.settle(dead, "refused", "no", sync=False)
        opened = await fly(journal, "e3", planned("3"), topic="order/deleted", resource="1043")
        await journal.back(opened, delay=60, unsure=False, reason="503")
        fetching = await fly(journal, "e4", planned("4", endpoint=FETCH), resource="4")
        problem = await journal.receive(
            replace(arrival("e5"), problem="no total", dead=True), sync=False
        )
        ignored = await journal.receive(replace(arrival("e6"), problem="no topic"), sync=False)
        made |= {"dead": dead.entry, "open": opened.entry, "fetching": fetching.entry}
        made |= {"problem": problem.entry, "ignored": ignored.entry}

        shown = await journal.entries(Filter(**wanted))

        assert sorted(one.entry for one in shown) == sorted(made[name] for name in found.split())

    async def test_dead_and_open_at_once_is_open(self, world: World):
        journal = await world.worker()
        receipt = await journal.receive(
            arrival("e1", planned(), planned("7", endpoint="vendor.customer")), sync=False
        )
        flight = receipt.standings[0].flight
        assert flight is not None
        await journal.settle(flight, "refused", "no", sync=False)

        assert (await journal.show(receipt.entry)).state == "open"
        assert await journal.entries(Filter(state="dead")) == ()
        assert len(await journal.entries(Filter(state="open"))) == 1


class Replaying:
    @pytest.mark.parametrize("dead", ["refused", "failed"])
    async def test_a_dead_letter_is_queued_again_from_the_beginning(self, world: World, dead):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), horizon=3600.0)
        if dead == "refused":
            await journal.settle(flight, "refused", "no", sync=False)
        else:
            await journal.back(flight, delay=0, unsure=False, reason="503")
        world.clocks.advance(3600)
        await journal.due()
        assert await state(journal, flight.entry) == dead

        (standing,) = await journal.replay(flight.entry, [planned()])

        assert (standing.outcome.state, standing.flight, standing.due_in) == ("queued", None, 0)
        (delivery,) = (await journal.show(flight.entry)).deliveries
        assert delivery.attempts == 0
        assert delivery.until == NOON + timedelta(seconds=7200)
        assert entries_of(await journal.due()) == [flight.entry]

    async def test_an_old_one_is_told_stale(self, world: World):
        journal = await world.worker()
        older = await fly(journal, "e1", planned(at=10))
        await journal.settle(older, "refused", "no", sync=False)
        await deliver(journal, "e2", planned(at=20))

        await journal.replay(older.entry, [planned(at=10)])

        assert await journal.due() == ()
        assert await state(journal, older.entry) == "stale"

    async def test_a_stale_one_is_judged_again(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e2", planned(at=20))
        older = await record(journal, "e1", planned(at=10))
        assert older.outcome.state == "stale"
        (newest, *_) = await journal.entries(Filter())

        await journal.replay(newest.entry, [planned(at=10)])

        assert (await journal.take(newest.entry, "vendor.order")).outcome.state == "stale"

    async def test_what_is_delivered_or_open_is_left_alone(self, world: World):
        journal = await world.worker()
        receipt = await journal.receive(
            arrival("e1", planned(), planned("7", endpoint="vendor.customer")), sync=False
        )
        order, _ = (standing.flight for standing in receipt.standings)
        assert order is not None
        await journal.settle(order, "delivered", sync=False)

        standings = await journal.replay(receipt.entry, [planned()])

        assert {one.outcome.endpoint: one.outcome.state for one in standings} == {
            "vendor.order": "delivered",
            "vendor.customer": "flying",
        }

    async def test_only_the_endpoint_that_is_asked_for(self, world: World):
        journal = await world.worker()
        both = [planned(), planned("7", endpoint="vendor.customer")]
        receipt = await journal.receive(arrival("e1", *both), sync=False)
        for standing in receipt.standings:
            assert standing.flight is not None
            await journal.settle(standing.flight, "refused", "no", sync=False)

        standings = await journal.replay(receipt.entry, both, "vendor.customer")

        assert {one.outcome.endpoint: one.outcome.state for one in standings} == {
            "vendor.order": "refused",
            "vendor.customer": "queued",
        }

    async def test_an_unknown_endpoint_is_said_so(self, world: World):
        journal = await world.worker()
        entry = await deliver(journal, "e1", planned())

        with pytest.raises(LookupError, match=f"entry {entry} has no delivery to vendor.mail"):
            await journal.replay(entry, [planned()], "vendor.mail")

    async def test_what_could_not_be_mapped_gets_its_deliveries(self, world: World):
        journal = await world.worker()
        webhook = replace(arrival("e1"), problem="no total", dead=True)
        receipt = await journal.receive(webhook, sync=False)

        standings = await journal.replay(
            receipt.entry,
            [
                planned(),
                replace(planned(endpoint="vendor.customer"), state="ignored", reason="no e-mail"),
            ],
        )

        assert {one.outcome for one in standings} == {
            Outcome("vendor.order", "queued"),
            Outcome("vendor.customer", "ignored", "no e-mail"),
        }
        shown = await journal.show(receipt.entry)
        assert (shown.problem, shown.state) == (None, "open")
        assert entries_of(await journal.due()) == [receipt.entry]

    async def test_a_problem_that_is_still_there_stays(self, world: World):
        journal = await world.worker()
        receipt = await journal.receive(
            replace(arrival("e1"), problem="no total", dead=True), sync=False
        )

        assert await journal.replay(receipt.entry, []) == ()

        assert (await journal.show(receipt.entry)).state == "dead"

    async def test_what_is_mapped_today_is_what_flies(self, world: World):
        """It was refused at birth, so it has had neither a lane nor a payload."""
        journal = await world.worker()
        born = replace(planned("", at=10), state="refused", reason="no id", print=None)
        await record(journal, "e1", born)
        (shown,) = await journal.entries(Filter())
        today = planned("1042", at=15, tie=2, target="shop/new")
        await deliver(journal, "e0", planned("1042", at=12))

        await journal.replay(shown.entry, [today])
        (standing,) = await journal.due()

        flight = standing.flight
        assert flight is not None
        assert (flight.stamp, flight.tie, flight.print) == (15_000_000, 2, today.print)
        assert flight.target == "shop/new"
        await journal.settle(flight, "delivered", sync=False)
        assert (await record(journal, "e2", planned("1042", at=14))).outcome.state == "stale"

    async def test_what_is_still_refused_today_stays_so_for_todays_reason(self, world: World):
        journal = await world.worker()
        born = replace(planned(""), state="refused", reason="no id")
        await record(journal, "e1", born)
        (shown,) = await journal.entries(Filter())

        (standing,) = await journal.replay(shown.entry, [replace(born, reason="no e-mail")])

        assert standing.outcome == Outcome("vendor.order", "refused", "no e-mail")

    async def test_a_replay_is_ours_to_finish(self, world: World):
        """No store repeats for an operator."""
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), park=False)
        await journal.settle(flight, "refused", "no", sync=False)

        await journal.replay(flight.entry, [planned()])

        (standing,) = await journal.due()
        assert standing.flight is not None
        assert standing.flight.park

    async def test_the_command_line_may_replay(self, world: World):
        journal, onlooker = await world.worker(), await world.worker(register=False)
        flight = await fly(journal, "e1", planned())
        await journal.settle(flight, "refused", "no", sync=False)

        (standing,) = await onlooker.replay(flight.entry, [planned()])

        assert (standing.outcome.state, standing.flight) == ("queued", None)
