"""
A lane is given to one delivery at a time, and never to an older one after a newer one.

Newer is decided by the time of the fact, then the tie, then the order of arrival.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bridge.types import Outcome
from tests.journal.given import (
    World,
    deliver,
    entries_of,
    fly,
    planned,
    reason,
    record,
    state,
)


class Taking:
    async def test_a_lane_that_is_held_is_given_to_nobody_else(self, world: World):
        journal = await world.worker()
        await fly(journal, "e1", planned(at=10))

        second = await record(journal, "e2", planned(at=20))

        assert (second.flight, second.held) == (None, True)
        assert second.outcome == Outcome("vendor.order", "queued")

    async def test_who_waited_gets_the_lane_when_it_is_free(self, world: World):
        journal = await world.worker()
        first = await fly(journal, "e1", planned(at=10))
        second = await record(journal, "e2", planned(at=20))
        entry = first.entry + 1
        assert (await journal.take(entry, "vendor.order")).held

        await journal.settle(first, "delivered", sync=False)
        taken = await journal.take(entry, "vendor.order")

        assert second.flight is None
        assert taken.flight is not None
        assert (taken.flight.entry, taken.flight.token) == (entry, first.token + 1)

    async def test_of_two_workers_that_ask_at_once_one_gets_it(self, world: World):
        here, there = await world.worker(), await world.worker()
        first = await fly(here, "e1", planned(at=10))
        await here.back(first, delay=0, unsure=False, reason="503")

        standings = await asyncio.gather(
            *(
                journal.take(first.entry, "vendor.order")
                for _ in range(5)
                for journal in (here, there)
            )
        )

        assert len(entries_of(standings)) == 1

    async def test_things_endpoints_and_accounts_do_not_hold_one_another_up(self, world: World):
        journal = await world.worker()
        await fly(journal, "e1", planned())

        assert (await record(journal, "e2", planned("1043"))).flight
        assert (await record(journal, "e3", planned(endpoint="vendor.customer"))).flight
        assert (await record(journal, "e4", planned(account="another"))).flight
        assert (await record(journal, "e5", planned("01042"))).flight
        assert (await record(journal, "e6", planned(personal=True))).flight

    async def test_two_stores_of_one_account_share_the_lane(self, world: World):
        journal = await world.worker()
        await fly(journal, "e1", planned(account="chain"), store="north")

        assert (await record(journal, "e1", planned(account="chain"), store="south")).held

    async def test_payloads_without_an_id_share_no_lane(self, world: World):
        journal = await world.worker()
        await fly(journal, "e1", planned(""))

        assert (await record(journal, "e2", planned(""))).flight

    async def test_older_than_what_was_delivered_is_stale(self, world: World):
        journal = await world.worker()
        newer = await deliver(journal, "e2", planned(at=20))

        older = await record(journal, "e1", planned(at=10))

        assert older.flight is None
        assert older.outcome == Outcome(
            "vendor.order", "stale", f"entry {newer} is newer and was delivered"
        )

    async def test_within_one_second_the_tie_decides(self, world: World):
        journal = await world.worker()
        await deliver(journal, "cancelled", planned(at=10, tie=70, print="cancelled"))

        paid = await record(journal, "paid", planned(at=10, tie=30, print="paid"))

        assert paid.outcome.state == "stale"

    async def test_nothing_is_dropped_for_being_equal(self, world: World):
        """Same second, same tie, another payload: the later arrival is the newer."""
        journal = await world.worker()
        await deliver(journal, "e1", planned(at=10, print="A"))

        assert (await record(journal, "e2", planned(at=10, print="B"))).flight

    async def test_of_two_equals_the_earlier_arrival_is_the_older(self, world: World):
        journal = await world.worker()
        first = await fly(journal, "e1", planned(at=10, print="A"))
        await journal.back(first, delay=60, unsure=False, reason="503")

        await deliver(journal, "e2", planned(at=10, print="B"))

        assert await state(journal, first.entry) == "stale"

    async def test_a_newer_one_does_not_wait_for_an_older_ones_backoff(self, world: World):
        journal = await world.worker()
        older = await fly(journal, "e1", planned(at=10))
        await journal.back(older, delay=60, unsure=False, reason="503")

        newer = await fly(journal, "e2", planned(at=20))
        await journal.settle(newer, "delivered", sync=False)

        assert await state(journal, older.entry) == "stale"
        assert await reason(journal, older.entry) == (
            f"entry {newer.entry} is newer and was delivered"
        )

    async def test_an_older_one_waits_behind_a_newer_one_of_ours(self, world: World):
        journal = await world.worker()
        newer = await fly(journal, "e2", planned(at=20))
        await journal.back(newer, delay=60, unsure=False, reason="503")

        older = await record(journal, "e1", planned(at=10))

        assert (older.flight, older.held, older.outcome.state) == (None, False, "queued")

    async def test_an_older_one_does_not_wait_for_what_the_store_must_repeat(self, world: World):
        """Nobody has promised the newer one."""
        journal = await world.worker()
        newer = await fly(journal, "e2", planned(at=20), park=False)
        await journal.back(newer, delay=None, unsure=False, reason="503")

        assert (await record(journal, "e1", planned(at=10), park=False)).flight

    async def test_a_dead_letter_blocks_nobody(self, world: World):
        journal = await world.worker()
        newer = await fly(journal, "e2", planned(at=20))
        await journal.settle(newer, "refused", "no such product", sync=False)

        assert (await record(journal, "e1", planned(at=10))).flight
        assert await state(journal, newer.entry) == "refused"

    async def test_what_is_not_queued_is_only_reported(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        assert (await journal.take(flight.entry, "vendor.order")).outcome.state == "flying"
        await journal.settle(flight, "delivered", sync=False)

        standing = await journal.take(flight.entry, "vendor.order")

        assert (standing.outcome.state, standing.flight) == ("delivered", None)

    async def test_what_does_not_exist_cannot_be_taken(self, world: World):
        journal = await world.worker()

        with pytest.raises(LookupError, match="entry 77 has no delivery to vendor"):
            await journal.take(77, "vendor.order")

    async def test_after_its_horizon_it_fails_instead_of_flying(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), horizon=3600.0)
        await journal.back(flight, delay=60, unsure=False, reason="503")
        world.clocks.advance(3600)

        standing = await journal.take(flight.entry, "vendor.order")

        assert standing.outcome == Outcome("vendor.order", "failed", "out of time; last: 503")
        assert await state(journal, flight.entry) == "failed"


class Comparing:
    """The fingerprint of the payload against the last one that was delivered."""

    async def test_the_payload_that_the_destination_shows_is_not_sent_again(self, world: World):
        journal = await world.worker()
        first = await deliver(journal, "paid", planned(at=10, print="A"))

        second = await record(journal, "fully paid", planned(at=11, print="A"))

        assert second.flight is None
        assert second.outcome == Outcome("vendor.order", "ignored", f"same as entry {first}")

    async def test_what_is_ignored_is_the_newest_all_the_same(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", planned(at=10, print="A"))
        await record(journal, "e3", planned(at=30, print="A"))

        between = await record(journal, "e2", planned(at=20, print="B"))

        assert between.outcome.state == "stale"

    async def test_only_the_last_payload_counts(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", planned(at=10, print="A"))
        await deliver(journal, "e2", planned(at=20, print="B"))

        assert (await record(journal, "e3", planned(at=30, print="A"))).flight

    async def test_without_a_fingerprint_nothing_is_equal(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", replace(planned(at=10), print=None))

        assert (await record(journal, "e2", replace(planned(at=20), print=None))).flight

    async def test_an_attempt_without_an_answer_makes_the_last_payload_unknown(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", planned(at=10, print="A"))
        unsure = await fly(journal, "e2", planned(at=20, print="B"))
        await journal.back(unsure, delay=60, unsure=True, reason="no answer")

        assert (await record(journal, "e3", planned(at=30, print="A"))).flight

    async def test_what_was_skipped_later_does_not_count_as_shown(self, world: World):
        """Its mapping changed while it was parked, so its payload never went out."""
        journal = await world.worker()
        await deliver(journal, "e1", planned(at=10, print="A"))
        skipped = await fly(journal, "e2", planned(at=20, print="B"))
        await journal.settle(skipped, "ignored", "not mapped any more", sync=False)

        assert (await record(journal, "e3", planned(at=30, print="B"))).flight

    async def test_and_leaves_in_place_what_is_shown(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", planned(at=10, print="A"))
        skipped = await fly(journal, "e2", planned(at=20, print="B"))
        await journal.settle(skipped, "ignored", "not mapped any more", sync=False)

        same = await record(journal, "e3", planned(at=30, print="A"))

        assert same.outcome.state == "ignored"

    async def test_unless_it_may_have_gone_out_before(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", planned(at=10, print="A"))
        unsure = await fly(journal, "e2", planned(at=20, print="B"))
        await journal.back(unsure, delay=0, unsure=True, reason="no answer")
        again = (await journal.take(unsure.entry, "vendor.order")).flight
        assert again is not None
        await journal.settle(again, "ignored", "not mapped any more", sync=False)

        assert (await record(journal, "e3", planned(at=30, print="A"))).flight


class Barring:
    """What may have been accepted bars everything older, also when it is refused later."""

    async def test_an_older_one_waits_while_the_newer_one_is_open(self, world: World):
        journal = await world.worker()
        newer = await fly(journal, "e2", planned(at=20), park=False)
        await journal.back(newer, delay=None, unsure=True, reason="no answer")

        older = await record(journal, "e1", planned(at=10))

        assert (older.flight, older.held, older.outcome.state) == (None, False, "queued")

    async def test_the_newer_one_itself_is_not_barred(self, world: World):
        journal = await world.worker()
        newer = await fly(journal, "e2", planned(at=20))
        await journal.back(newer, delay=0, unsure=True, reason="no answer")

        assert (await journal.take(newer.entry, "vendor.order")).flight

    async def test_nor_when_a_corrected_mapping_makes_it_older(self, world: World):
        journal = await world.worker()
        newer = await fly(journal, "e2", planned(at=20))
        await journal.back(newer, delay=0, unsure=True, reason="no answer")
        again = (await journal.take(newer.entry, "vendor.order")).flight
        assert again is not None
        await journal.settle(again, "refused", "wrong date", sync=False)
        await journal.replay(newer.entry, [planned(at=15)])

        assert (await journal.take(newer.entry, "vendor.order")).flight

    async def test_parked_and_older_is_stale_when_the_newer_one_is_refused(self, world: World):
        """The model's counterexample: else the older would overwrite what was accepted."""
        journal = await world.worker()
        newer = await fly(journal, "e2", planned(at=20))
        await journal.back(newer, delay=0, unsure=True, reason="no answer")
        again = (await journal.take(newer.entry, "vendor.order")).flight
        assert again is not None
        await journal.settle(again, "refused", "no", sync=False)

        older = await record(journal, "e1", planned(at=10))

        assert older.outcome == Outcome(
            "vendor.order", "stale", f"entry {newer.entry} is newer and may have been accepted"
        )

    async def test_not_parked_and_older_stays_queued(self, world: World):
        journal = await world.worker()
        newer = await fly(journal, "e2", planned(at=20), park=False)
        await journal.back(newer, delay=None, unsure=True, reason="no answer")
        again = (await journal.take(newer.entry, "vendor.order")).flight
        assert again is not None
        await journal.settle(again, "refused", "no", sync=False)

        older = await record(journal, "e1", planned(at=10), park=False)

        assert (older.outcome.state, older.flight, older.due_in) == ("queued", None, None)

    async def test_not_parked_and_older_than_delivered_is_stale(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e2", planned(at=20), park=False)

        older = await record(journal, "e1", planned(at=10), park=False)

        assert older.outcome.state == "stale"

    async def test_a_sure_failure_bars_nobody(self, world: World):
        journal = await world.worker()
        newer = await fly(journal, "e2", planned(at=20), park=False)
        await journal.back(newer, delay=None, unsure=False, reason="503")

        assert (await record(journal, "e1", planned(at=10), park=False)).flight
