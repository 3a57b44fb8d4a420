"""
Parked deliveries come due, each target and store in its turn, the newest of a lane first.
"""

from __future__ import annotations

from collections import Counter

from bridge.journal.protocol import Journal
from tests.journal.given import World, entries_of, fly, planned, reason, record, state


async def park(
    journal: Journal, key: str, *, store: str = "shop", target: str = "vendor", delay: float = 0
) -> int:
    """Record a delivery in a lane of its own that failed for now; gives its entry."""
    flight = await fly(journal, key, planned(f"lane of {key}", target=target), store=store)
    await journal.back(flight, delay=delay, unsure=False, reason="503")
    return flight.entry


class Finishing:
    async def test_what_is_due_is_given_out_once(self, world: World):
        journal = await world.worker()
        entry = await park(journal, "e1")

        (standing,) = await journal.due()

        assert standing.flight is not None
        assert (standing.flight.entry, standing.flight.attempts) == (entry, 2)
        assert await journal.due() == ()

    async def test_no_more_than_asked_for(self, world: World):
        journal = await world.worker()
        for number in range(7):
            await park(journal, f"e{number}")

        assert [len(await journal.due(3)) for _ in range(4)] == [3, 3, 1, 0]

    async def test_no_backlog_hides_another(self, world: World):
        journal = await world.worker()
        for number in range(30):
            await park(journal, f"down {number}", target="a target that is down")
        few = {await park(journal, f"up {number}", target="vendor") for number in range(2)}
        other = await park(journal, "other", target="vendor", store="zebra")

        taken = entries_of(await journal.due(12))

        assert few | {other} <= set(taken)

    async def test_who_had_no_turn_is_first_the_next_time(self, world: World):
        journal = await world.worker()
        for store in "abcdefgh":
            for number in range(6):
                await park(journal, f"{store}{number}", store=store)

        stores: Counter[str] = Counter()
        for _ in range(4):
            for entry in entries_of(await journal.due(8)):
                stores[(await journal.show(entry)).store] += 1

        assert stores == dict.fromkeys("abcdefgh", 4)

    async def test_a_target_gets_no_more_than_there_is_room_for(self, world: World):
        journal = await world.worker()
        for number in range(6):
            for store in "ab":
                await park(journal, f"full {store}{number}", store=store, target="full")
            await park(journal, f"free {number}", target="free")

        taken = await journal.due(20, {"full": 3, "another": 0})

        flights = [standing.flight for standing in taken if standing.flight is not None]
        assert Counter(one.target for one in flights) == {"full": 3, "free": 6}

    async def test_a_target_without_room_is_left_as_it_is(self, world: World):
        """A destination that is down may have a hundred thousand waiting."""
        journal = await world.worker()
        waiting = [await park(journal, f"e{number}", target="resting") for number in range(3)]
        expired = await fly(journal, "late", planned("late", target="resting"), horizon=60.0)
        await journal.back(expired, delay=0, unsure=False, reason="503")
        other = await park(journal, "other", target="vendor")
        world.clocks.advance(100)

        assert entries_of(await journal.due(8, {"resting": 0})) == [other]

        for entry in [*waiting, expired.entry]:
            assert await state(journal, entry) == "queued"
        assert set(entries_of(await journal.due(8, {"resting": 9}))) == set(waiting)
        assert await state(journal, expired.entry) == "failed"

    async def test_the_stores_of_a_target_take_turns_at_the_room_that_it_has(self, world: World):
        journal = await world.worker()
        for store in "abc":
            for number in range(3):
                await park(journal, f"{store}{number}", store=store, target="full")

        turns = [entries_of(await journal.due(8, {"full": 1})) for _ in range(6)]

        stores = [(await journal.show(entry)).store for (entry,) in turns]
        assert stores == ["a", "b", "c", "a", "b", "c"]

    async def test_what_cannot_be_had_does_not_use_up_the_room(self, world: World):
        journal = await world.worker()
        expired = await fly(journal, "e1", planned("1", target="full"), horizon=60.0)
        await journal.back(expired, delay=0, unsure=False, reason="503")
        world.clocks.advance(61)
        good = await park(journal, "e2", target="full")

        assert entries_of(await journal.due(8, {"full": 1})) == [good]
        assert await state(journal, expired.entry) == "failed"

    async def test_a_target_can_be_left_out_of_what_is_next(self, world: World):
        journal = await world.worker()
        await park(journal, "e1", target="resting")
        assert await journal.next_due(["resting"]) is None
        await park(journal, "e2", delay=30, target="vendor")

        assert await journal.next_due(["resting"]) == 30
        assert await journal.next_due({"resting", "vendor"}) is None
        assert await journal.next_due() == 0

    async def test_in_a_lane_the_newest_goes_first(self, world: World):
        journal = await world.worker()
        older = await fly(journal, "e1", planned(at=10))
        await journal.back(older, delay=0, unsure=False, reason="503")
        newer = await fly(journal, "e2", planned(at=20))
        await journal.back(newer, delay=1, unsure=False, reason="503")
        world.clocks.advance(2)

        assert entries_of(await journal.due()) == [newer.entry]

    async def test_what_cannot_have_its_lane_is_looked_at_later(self, world: World):
        """Else the loop that finishes deliveries would never rest."""
        journal = await world.worker()
        older = await fly(journal, "e1", planned(at=10))
        await journal.back(older, delay=0, unsure=False, reason="503")
        newer = await fly(journal, "e2", planned(at=20))
        await journal.back(newer, delay=600, unsure=False, reason="503")

        assert await journal.due() == ()

        soon = await journal.next_due()
        assert soon is not None
        assert 1 <= soon <= 60

    async def test_what_turns_out_late_or_needless_is_settled_on_the_way(self, world: World):
        journal = await world.worker()
        expired = await fly(journal, "e1", planned("1"), horizon=60.0)
        await journal.back(expired, delay=90, unsure=False, reason="503")
        first = await fly(journal, "e2", planned("2", at=10, print="A"))
        await record(journal, "e3", planned("2", at=20, print="A"))
        await journal.settle(first, "delivered", sync=False)
        world.clocks.advance(100)

        assert await journal.due() == ()

        assert await state(journal, expired.entry) == "failed"
        assert await state(journal, first.entry + 1) == "ignored"

    async def test_what_is_parked_fails_at_its_next_attempt_and_not_before(self, world: World):
        journal = await world.worker()
        flight = await fly(journal, "e1", planned(), horizon=60.0)
        await journal.back(flight, delay=300, unsure=False, reason="503")
        world.clocks.advance(299)
        await journal.sweep()
        assert await state(journal, flight.entry) == "queued"

        world.clocks.advance(1)
        await journal.due()

        assert await reason(journal, flight.entry) == "out of time; last: 503"

    async def test_what_waits_for_its_store_does_not_hide_what_is_due(self, world: World):
        journal = await world.worker()
        await park(journal, "e1", delay=90)
        waiting = await fly(journal, "e2", planned("2", target="vendor"), park=False)
        await journal.back(waiting, delay=None, unsure=False, reason="503")

        assert await journal.next_due() == 90

    async def test_it_is_told_when_the_next_one_is_due(self, world: World):
        journal = await world.worker()
        assert await journal.next_due() is None
        await park(journal, "e1", delay=90, target="first")
        await park(journal, "e2", delay=30, target="second")

        assert await journal.next_due() == 30
        world.clocks.advance(45)
        assert await journal.next_due() == 0

    async def test_a_clock_that_was_set_back_delays_nothing_for_long(self, world: World):
        journal = await world.worker()
        entry = await park(journal, "e1", delay=600)
        world.clocks.wall -= 7 * 86_400
        assert await journal.due() == ()

        await journal.sweep()

        assert entries_of(await journal.due()) == [entry]

    async def test_a_clock_that_was_set_back_an_hour_delays_nothing_for_an_hour(self, world: World):
        journal = await world.worker()
        entry = await park(journal, "e1", delay=5)
        await journal.sweep()
        world.clocks.wall -= 3600
        world.clocks.advance(10)
        assert await journal.due() == ()

        await journal.sweep()

        assert entries_of(await journal.due()) == [entry]

    async def test_a_clock_that_goes_on_leaves_a_long_wait_alone(self, world: World):
        journal = await world.worker()
        await journal.sweep()
        await park(journal, "e1", delay=3600)
        world.clocks.advance(120)

        await journal.sweep()

        assert await journal.next_due() == 3480

    async def test_a_clock_that_stepped_while_nobody_looked_is_made_good_at_the_start(
        self, world: World
    ):
        first = await world.worker()
        entry = await park(first, "e1", delay=5)
        await first.close()
        world.clocks.wall -= 3600

        journal = await world.worker()
        await journal.sweep()

        assert entries_of(await journal.due()) == [entry]

    async def test_who_waits_for_a_lane_of_a_flight_becomes_due_by_its_release(self, world: World):
        journal = await world.worker()
        first = await fly(journal, "e1", planned(at=10))
        await record(journal, "e2", planned(at=20))
        assert await journal.due() == ()

        await journal.back(first, delay=600, unsure=False, reason="503")

        assert entries_of(await journal.due()) == [first.entry + 1]
