"""
What was kept long enough is forgotten, and so is who wants to be.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from bridge.errors import BodySealed, JournalUnusable
from bridge.journal.cipher import new_key
from bridge.journal.protocol import FETCH, Filter, Journal, Keep, Whose
from tests.journal.given import (
    NOON,
    World,
    arrival,
    deliver,
    fly,
    planned,
    reason,
    record,
    state,
)

DAY = 86_400.0
ANA = ("ana@example.com", "31", "12345678909")


async def has_body(journal: Journal, entry: int) -> bool:
    try:
        await journal.load(entry)
    except LookupError:
        return False
    return True


async def known(journal: Journal) -> list[int]:
    return [one.entry for one in await journal.entries(Filter(limit=1000))][::-1]


async def all_of(journal: Journal, whose: Whose) -> list[int]:
    found: list[int] = []
    after = 0
    while True:
        some = await journal.holding(whose, after)
        found += some.entries
        if some.after is None:
            return found
        after = some.after


async def forget(journal: Journal, keep: Keep = Keep()) -> int:  # noqa: B008 - frozen
    for times in range(1, 100):
        if not await journal.forget(keep):
            return times
    raise AssertionError("it never ends")


class Forgetting:
    async def test_a_body_goes_after_its_time_and_its_entry_later(self, world: World):
        journal = await world.worker()
        entry = await deliver(journal, "e1", planned())
        world.clocks.advance(6.9 * DAY)
        await forget(journal)
        assert await has_body(journal, entry)

        world.clocks.advance(0.2 * DAY)
        await forget(journal)
        assert not await has_body(journal, entry)
        assert await known(journal) == [entry]

        world.clocks.advance(82.8 * DAY)
        await forget(journal)
        assert await known(journal) == [entry]

        world.clocks.advance(0.2 * DAY)
        await forget(journal)
        assert await known(journal) == []
        assert await journal.standings(entry) == ()

    @pytest.mark.parametrize("flying", [True, False])
    async def test_what_is_open_keeps_all(self, world: World, flying: bool):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), horizon=1000 * DAY)
        if not flying:
            await journal.back(flight, delay=60, unsure=False, reason="503")
        world.clocks.advance(91 * DAY)

        await forget(journal)

        assert await has_body(journal, flight.entry)
        assert await state(journal, flight.entry) == ("flying" if flying else "queued")

    async def test_the_body_of_a_dead_letter_is_kept_longer(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        await journal.settle(flight, "refused", "no", sync=False)
        unmapped = await journal.receive(arrival("e2", problem="no JSON", dead=True), sync=False)
        ignored = await journal.receive(arrival("e3", problem="not wanted"), sync=False)
        world.clocks.advance(8 * DAY)
        await forget(journal)
        assert await has_body(journal, flight.entry)
        assert await has_body(journal, unmapped.entry)
        assert not await has_body(journal, ignored.entry)

        world.clocks.advance(23 * DAY)
        await forget(journal)

        assert not await has_body(journal, flight.entry)
        assert not await has_body(journal, unmapped.entry)

    async def test_a_repeat_is_known_until_its_entry_is_forgotten(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", planned())
        world.clocks.advance(89 * DAY)
        await forget(journal)

        assert (await journal.receive(arrival("e1", planned()), sync=False)).copy

        world.clocks.advance(2 * DAY)
        await forget(journal)
        assert not (await journal.receive(arrival("e1", planned()), sync=False)).copy

    async def test_a_lane_is_kept_as_long_as_its_newest_entry(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", planned(at=10))
        world.clocks.advance(50 * DAY)
        await deliver(journal, "e2", planned(at=20))
        world.clocks.advance(60 * DAY)
        await forget(journal)
        assert len(await known(journal)) == 1

        standing = await record(journal, "e3", planned(at=15))

        assert standing.outcome.state == "stale"

    async def test_a_lane_is_forgotten_with_its_newest_entry(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", planned(at=20))
        await deliver(journal, "e2", planned("7", at=20))
        world.clocks.advance(91 * DAY)
        await deliver(journal, "e3", planned("8", at=20))
        await forget(journal)

        assert (await record(journal, "e4", planned(at=15))).flight
        assert (await record(journal, "e5", planned("7", at=15))).flight
        assert (await record(journal, "e6", planned("8", at=15))).outcome.state == "stale"

    async def test_a_lane_is_kept_as_long_as_what_may_have_been_accepted(self, world: World):
        journal = await world.worker()
        await deliver(journal, "e1", planned(at=10))
        world.clocks.advance(91 * DAY)
        lost = await fly(journal, "e2", planned(at=30))
        await journal.back(lost, delay=0, unsure=True, reason="no answer")
        again = (await journal.take(lost.entry, "vendor.order")).flight
        assert again
        await journal.settle(again, "refused", "no", sync=False)
        await forget(journal)

        assert (await record(journal, "e3", planned(at=20))).outcome.state == "stale"

    async def test_a_lane_is_kept_as_long_as_what_was_accepted(self, world: World):
        journal = await world.worker()
        early = await fly(journal, "e1", planned(at=20), horizon=1000 * DAY, park=False)
        await journal.back(early, delay=None, unsure=False, reason="503")
        world.clocks.advance(91 * DAY)
        done = await deliver(journal, "e2", planned(at=10))
        lost = (await journal.take(early.entry, "vendor.order")).flight
        assert lost
        await journal.back(lost, delay=0, unsure=True, reason="no answer")
        again = (await journal.take(early.entry, "vendor.order")).flight
        assert again
        await journal.settle(again, "refused", "no", sync=False)
        await forget(journal)

        standing = await record(journal, "e3", planned(at=5))

        assert standing.outcome.reason == f"entry {done} is newer and was delivered"

    async def test_a_lane_that_may_hold_something_else_is_kept(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(at=20))
        world.clocks.advance(91 * DAY)
        await forget(journal)

        assert (await record(journal, "e2", planned(at=30))).held
        assert await journal.settle(flight, "delivered", sync=False)

    async def test_a_dead_letter_is_replayed_when_its_lane_was_forgotten(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned())
        await journal.settle(flight, "refused", "no", sync=False)
        await forget(journal)

        await journal.replay(flight.entry, [])

        if (await journal.take(flight.entry, "vendor.order")).flight is None:
            assert (await journal.take(flight.entry, "vendor.order")).flight

    async def test_much_is_forgotten_in_steps(self, world: World):
        journal = await world.worker()
        kept = await fly(journal, "k", planned("k"), horizon=1000 * DAY)
        for at in range(1100):
            await journal.receive(arrival(f"e{at}", problem="not wanted"), sync=False)
        world.clocks.advance(91 * DAY)

        assert await forget(journal) > 2
        assert await known(journal) == [kept.entry]
        assert await has_body(journal, kept.entry)

        await journal.settle(kept, "delivered", sync=False)
        await forget(journal)
        assert await known(journal) == []

    async def test_a_body_that_was_needed_is_forgotten_in_a_later_round(self, world: World):
        journal = await world.worker()
        needed = await fly(journal, "k", planned("k"))
        for at in range(600):
            await journal.receive(arrival(f"e{at}", problem="not wanted"), sync=False)
        world.clocks.advance(8 * DAY)
        await forget(journal)
        assert await has_body(journal, needed.entry)

        await journal.settle(needed, "delivered", sync=False)
        await forget(journal)

        assert not await has_body(journal, needed.entry)

    async def test_what_comes_after_a_round_is_forgotten_in_the_next(self, world: World):
        journal = await world.worker()
        first = await deliver(journal, "e1", planned("1"))
        world.clocks.advance(8 * DAY)
        second = await deliver(journal, "e2", planned("2"))
        await forget(journal)
        assert [await has_body(journal, one) for one in (first, second)] == [False, True]

        world.clocks.advance(8 * DAY)
        await forget(journal)

        assert not await has_body(journal, second)


class Purging:
    @pytest.mark.parametrize("subject", ANA)
    async def test_a_customer_is_found_by_all_that_he_is_called(self, world: World, subject: str):
        journal = await world.worker()
        hers = await deliver(journal, "e1", planned("1"), subjects=ANA)
        await deliver(journal, "e2", planned("2"), subjects=("bob@example.com", "32"))
        await deliver(journal, "e3", planned("3"))
        late = await deliver(journal, "e4", planned("4"), subjects=("31",))

        found = await all_of(journal, Whose(subjects=(subject,)))

        assert found == ([hers, late] if subject == "31" else [hers])

    async def test_one_is_found_in_one_store_before_a_moment_and_without_another(
        self, world: World
    ):
        journal = await world.worker()
        more = {"subjects": ANA}
        first = await deliver(journal, "e1", planned("1"), **more)
        later = NOON + timedelta(hours=1)
        second = await deliver(journal, "e2", planned("2"), received_at=later, **more)
        other = await deliver(journal, "e1", planned("3"), store="other", **more)

        assert await all_of(journal, Whose(subjects=ANA)) == [first, second, other]
        assert await all_of(journal, Whose("shop", ANA)) == [first, second]
        assert await all_of(journal, Whose("shop", ANA, before=later)) == [first]
        assert await all_of(journal, Whose("shop", ANA, but=first)) == [second]
        assert await all_of(journal, Whose("other")) == [other]

    async def test_orders_are_found_by_their_id_and_customers_of_that_id_are_not(
        self, world: World
    ):
        journal = await world.worker()
        more = {"resource": "7001", "event_type": "order_paid"}
        order = await deliver(journal, "e1", planned("1"), **more)
        await deliver(journal, "e2", planned("2"), resource="7001", event_type="customer_created")
        await deliver(journal, "e3", planned("3"), resource="7002", event_type="order_paid")

        assert await all_of(journal, Whose("shop", ("nobody",), ("7001", "7003"))) == [order]

    async def test_all_are_found_however_many_there_are(self, world: World):
        journal = await world.worker()
        every = []
        for at in range(1203):
            store = "shop" if at % 2 else "other"
            receipt = await journal.receive(
                arrival(f"e{at}", store=store, problem="not wanted", subjects=ANA), sync=False
            )
            every.append(receipt.entry)

        assert await all_of(journal, Whose(subjects=ANA)) == every
        assert await all_of(journal, Whose("shop")) == every[1::2]

    async def test_nothing_of_anybody_is_left(self, world: World):
        journal = await world.worker()
        flight = await fly(
            journal, "e1", planned(), subjects=ANA, resource="1042", event_type="order_paid"
        )
        await journal.settle(flight, "delivered", "phone: left out", sync=False)

        assert await journal.purge([flight.entry]) == ()

        assert not await has_body(journal, flight.entry)
        (shown,) = await journal.entries(Filter())
        assert (shown.resource, shown.problem, shown.state) == ("", "purged", "done")
        assert (shown.deliveries[0].state, shown.deliveries[0].reason) == ("delivered", "")
        assert await all_of(journal, Whose(subjects=ANA)) == []
        assert await all_of(journal, Whose("shop")) == []

    async def test_a_repeat_is_still_a_repeat_and_an_older_one_still_stale(self, world: World):
        journal = await world.worker()
        entry = await deliver(journal, "e1", planned(at=20), subjects=ANA)
        await journal.purge([entry])

        assert (await journal.receive(arrival("e1", planned(at=20)), sync=False)).copy
        assert (await record(journal, "e2", planned(at=10))).outcome.state == "stale"

    async def test_what_waits_or_is_dead_is_settled_as_ignored(self, world: World):
        journal = await world.worker()
        waits = await fly(journal, "e1", planned("1"))
        await journal.back(waits, delay=60, unsure=False, reason="503")
        dead = await fly(journal, "e2", planned("2"))
        await journal.settle(dead, "refused", "no", sync=False)
        unmapped = await journal.receive(arrival("e3", problem="no JSON", dead=True), sync=False)

        await journal.purge([waits.entry, dead.entry, unmapped.entry])

        for entry in (waits.entry, dead.entry):
            assert (await state(journal, entry), await reason(journal, entry)) == (
                "ignored",
                "purged",
            )
        assert await journal.entries(Filter(state="dead")) == ()
        assert await journal.entries(Filter(state="open")) == ()
        world.clocks.advance(120)
        assert await journal.due() == ()

    async def test_what_flies_keeps_its_body_until_it_has_landed(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned("1"), subjects=ANA)
        other = await deliver(journal, "e2", planned("2"), subjects=ANA)

        assert await journal.purge([flight.entry, other]) == (flight.entry,)

        assert await has_body(journal, flight.entry)
        assert not await has_body(journal, other)
        assert await all_of(journal, Whose(subjects=ANA)) == [flight.entry]
        await journal.back(flight, delay=60, unsure=True, reason="no answer")
        assert await journal.purge([flight.entry]) == ()
        assert await state(journal, flight.entry) == "ignored"

    async def test_who_asks_for_it_is_erased_with_the_last_word(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), subjects=ANA, resource="31")

        assert await journal.settle(flight, "delivered", "3 erased", sync=True, unname=True)

        assert not await has_body(journal, flight.entry)
        assert await all_of(journal, Whose(subjects=ANA)) == []
        (shown,) = await journal.entries(Filter())
        assert (shown.resource, shown.problem) == ("", None)
        assert shown.deliveries[0].reason == "3 erased"

    async def test_an_attempt_that_is_not_over_erases_nothing(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), subjects=ANA)
        await journal.back(flight, delay=60, unsure=False, reason="busy")

        await journal.settle(flight, "ignored", unname=True)

        assert await has_body(journal, flight.entry)


class Sealing:
    async def test_what_is_sealed_is_read_with_its_key_and_with_no_other(self, world: World):
        key = new_key()
        writer = await world.worker(keys=(key,))
        fetch = await fly(writer, "e1", planned("1", endpoint=FETCH))
        await writer.expand(fetch, b'{"order": {}}', [])

        stored = await (await world.worker(keys=(new_key(), key))).load(fetch.entry)

        assert stored == await writer.load(fetch.entry)
        assert (stored.body, stored.resource) == (b'{"id": 1042}', b'{"order": {}}')

    async def test_a_missing_key_is_found_at_start(self, world: World):
        key = new_key()
        await deliver(await world.worker(keys=(key,)), "e1", planned())

        for keys in ((), (new_key(),)):
            with pytest.raises(JournalUnusable, match=r"entry 1 .* BRIDGE_JOURNAL_KEYS"):
                await world.worker(keys=keys)

    async def test_a_body_whose_key_another_worker_has_is_told_and_not_lost(self, world: World):
        without = await world.worker()
        entry = await deliver(await world.worker(keys=(new_key(),)), "e1", planned())

        with pytest.raises(BodySealed, match=f"entry {entry} is encrypted with a key"):
            await without.load(entry)

    async def test_plain_bodies_are_read_when_there_is_a_key_and_stay_plain(self, world: World):
        plain = await world.worker()
        fetch = await fly(plain, "e1", planned("1", endpoint=FETCH))
        sealing = await world.worker(keys=(new_key(),))

        assert (await sealing.load(fetch.entry)).body == b'{"id": 1042}'
        await sealing.expand(fetch, b'{"order": {}}', [])

        assert (await plain.load(fetch.entry)).resource == b'{"order": {}}'

    async def test_a_key_under_which_nothing_lies_any_more_is_not_asked_for(self, world: World):
        old, new = new_key(), new_key()
        await deliver(await world.worker(keys=(old,)), "e1", planned())
        journal = await world.worker(keys=(new, old))
        await deliver(journal, "e2", planned("2"))
        world.clocks.advance(8 * DAY)
        await deliver(journal, "e3", planned("3"))
        await forget(journal)

        assert await has_body(await world.worker(keys=(new,)), 3)
        with pytest.raises(JournalUnusable):
            await world.worker(keys=(old,))
