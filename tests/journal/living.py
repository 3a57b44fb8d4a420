"""
What a gone worker held is taken over, after the time in which its requests can still act.

Who was declared gone by mistake writes nothing under its tokens; what it knows is recorded all
the same, and the lane is repaired.
"""

from __future__ import annotations

import pytest

from bridge.errors import JournalError
from bridge.journal.protocol import Filter, Journal, Patience
from bridge.types import Outcome
from tests.journal.given import (
    UNFENCED,
    World,
    deliver,
    entries_of,
    fly,
    planned,
    reason,
    record,
    state,
)


def is_fenced(worker: Journal) -> bool:
    """Ask again, which a type checker takes for needless."""
    return worker.fenced


async def nothing_to_repair(observer: Journal) -> bool:
    """Settle what was taken over, which would come first, and see that it was all."""
    (standing,) = await observer.due()
    assert standing.flight is not None
    await observer.settle(standing.flight, "refused", sync=False)
    return await observer.sweep() == 0


class Dying:
    async def test_a_crashed_workers_flights_are_taken_over_after_the_quiet_time(
        self, world: World
    ):
        crashed = await world.worker()
        flight = await fly(crashed, "e1", planned())
        await world.crash(crashed)
        observer = await world.worker()

        assert await observer.sweep() == 0
        world.clocks.advance(9)
        assert await observer.sweep() == 0
        assert await observer.due() == ()
        world.clocks.advance(1)
        assert await observer.sweep() == 1

        (standing,) = await observer.due()
        assert standing.flight is not None
        assert standing.flight.entry == flight.entry
        assert standing.flight.token > flight.token
        (delivery,) = (await observer.show(flight.entry)).deliveries
        assert delivery.unsure
        assert await observer.sweep() == 0

    async def test_the_quiet_time_is_the_operators(self, world: World):
        crashed = await world.worker()
        await fly(crashed, "e1", planned())
        await world.crash(crashed)
        observer = await world.worker(patience=Patience(gone_after=70, quiet=20))
        await observer.sweep()
        world.clocks.advance(19)

        assert await observer.sweep() == 0
        world.clocks.advance(1)
        assert await observer.sweep() == 1

    async def test_a_worker_that_left_is_taken_over_just_so(self, world: World):
        leaving = await world.worker()
        flight = await fly(leaving, "e1", planned())
        world.workers.remove(leaving)
        await leaving.close()
        observer = await world.worker()

        await observer.sweep()
        world.clocks.advance(10)

        assert await observer.sweep() == 1
        assert entries_of(await observer.due()) == [flight.entry]

    async def test_what_flew_bars_what_is_older(self, world: World):
        """Its request may have been accepted."""
        crashed = await world.worker()
        newer = await fly(crashed, "e2", planned(at=20), park=False)
        await world.crash(crashed)
        observer = await world.worker()
        await observer.sweep()
        world.clocks.advance(10)
        await observer.sweep()

        older = await record(observer, "e1", planned(at=10))

        assert (older.outcome.state, older.flight) == ("queued", None)
        assert await state(observer, newer.entry) == "queued"

    async def test_what_the_store_must_repeat_waits_for_it(self, world: World):
        crashed = await world.worker()
        flight = await fly(crashed, "e1", planned(), park=False)
        await world.crash(crashed)
        observer = await world.worker()
        await observer.sweep()
        world.clocks.advance(10)

        assert await observer.sweep() == 0
        assert await observer.due() == ()
        again = await record(observer, "e1", planned(), park=False)
        assert again.flight is not None
        assert again.flight.entry == flight.entry

    async def test_who_waited_behind_it_is_woken(self, world: World):
        crashed = await world.worker()
        await fly(crashed, "e1", planned(at=10))
        await record(crashed, "e2", planned(at=20))
        await world.crash(crashed)
        observer = await world.worker()
        await observer.sweep()
        world.clocks.wall -= 1  # what waits would not be looked at yet
        world.clocks.steady += 10
        await observer.sweep()

        assert len(await observer.due()) == 1

    async def test_a_living_worker_keeps_what_it_holds(self, world: World):
        busy, observer = await world.worker(), await world.worker()
        flight = await fly(busy, "e1", planned())

        assert await world.observe(observer, 90, beating=busy) == 0

        assert await busy.settle(flight, "delivered", sync=False)

    async def test_a_silent_worker_is_gone_after_a_minute(self, world: World):
        silent, observer = await world.worker(), await world.worker()
        await fly(silent, "e1", planned())

        assert await world.observe(observer, 60, beating=None) == 0
        assert await silent.beat()
        assert await world.observe(observer, 60, beating=None) == 0
        assert await world.observe(observer, 1, beating=None) == 1

        assert not await silent.beat()

    async def test_one_sign_of_life_begins_the_count_anew(self, world: World):
        slow, observer = await world.worker(), await world.worker()
        await fly(slow, "e1", planned())

        for _ in range(4):
            assert await world.observe(observer, 50, beating=None) == 0
            assert await slow.beat()

    async def test_who_looks_too_seldom_declares_nobody_gone(self, world: World):
        """Perhaps it was the observer who was cut off."""
        silent, observer = await world.worker(), await world.worker()
        await fly(silent, "e1", planned())

        for _ in range(20):
            world.clocks.advance(16)
            assert await observer.sweep() == 0

        assert await silent.beat()

    async def test_nor_after_too_few_looks(self, world: World):
        silent, observer = (
            await world.worker(),
            await world.worker(patience=Patience(gone_after=60)),
        )
        await fly(silent, "e1", planned())

        await observer.sweep()
        for _ in range(4):
            world.clocks.advance(15)
            assert await observer.sweep() == 0

        assert await silent.beat()

    async def test_the_wall_clock_proves_nothing(self, world: World):
        busy, observer = await world.worker(), await world.worker()
        await fly(busy, "e1", planned())
        for _ in range(10):
            await observer.sweep()
            world.clocks.wall += 86_400

        assert await observer.sweep() == 0
        assert await busy.beat()


class Fencing:
    async def test_a_worker_sends_nothing_without_a_recent_sign_of_life(self, world: World):
        journal = await world.worker()
        fenced = []
        for seconds in (0, 14, 1):
            world.clocks.steady += seconds
            fenced.append(journal.fenced)

        assert await journal.beat()
        fenced.append(journal.fenced)

        assert fenced == [False, False, True, False]

    async def test_who_was_declared_gone_is_fenced_for_good(self, world: World):
        frozen, observer = await world.worker(patience=UNFENCED), await world.worker()
        await world.declare_gone(frozen, observer)
        assert not frozen.fenced

        assert not await frozen.beat()

        assert is_fenced(frozen)

    async def test_who_was_declared_gone_gets_no_lane(self, world: World):
        """Its webhook is durable, and whoever lives finishes it."""
        frozen, observer = await world.worker(), await world.worker()
        await world.declare_gone(frozen, observer)

        standing = await record(frozen, "e1", planned())

        assert (standing.outcome.state, standing.flight) == ("queued", None)
        world.clocks.advance(60)
        assert await frozen.due() == ()
        assert len(await observer.due()) == 1

    async def test_its_report_is_recorded_and_it_is_told(self, world: World):
        frozen, observer = await world.worker(patience=UNFENCED), await world.worker()
        flight = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)

        assert not await frozen.settle(flight, "delivered", "200", sync=False)

        assert frozen.fenced
        (standing,) = await observer.standings(flight.entry)
        assert standing.outcome == Outcome("vendor.order", "delivered", "200")
        assert (await record(observer, "e0", planned(at=5))).outcome.state == "stale"

    async def test_and_the_lane_is_repaired_by_sending_the_newest_again(self, world: World):
        """The frozen worker's request may have come after a newer one's."""
        frozen, observer = await world.worker(), await world.worker()
        older = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)
        newer = await deliver(observer, "e2", planned(at=20))

        assert not await frozen.settle(older, "delivered", sync=False)
        assert await observer.sweep() == 1

        (again,) = await observer.due()
        assert again.flight is not None
        assert again.flight.entry == newer
        assert again.outcome.reason == "sent again after an overlap"
        assert await observer.settle(again.flight, "delivered", sync=False)
        assert await observer.sweep() == 0

    async def test_what_was_only_ignored_stands_for_its_payload(self, world: World):
        frozen, observer = await world.worker(), await world.worker()
        older = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)
        await deliver(observer, "e2", planned(at=20, print="A"))
        same = await record(observer, "e3", planned(at=30, print="A"))
        assert same.outcome.state == "ignored"
        await frozen.settle(older, "delivered", sync=False)

        await observer.sweep()

        (again,) = await observer.due()
        assert again.flight is not None
        assert again.flight.stamp == 30_000_000

    async def test_nothing_is_ignored_in_a_lane_that_waits_for_repair(self, world: World):
        frozen, observer = await world.worker(), await world.worker()
        older = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)
        await deliver(observer, "e2", planned(at=20, print="A"))
        await frozen.settle(older, "delivered", sync=False)

        assert (await record(observer, "e3", planned(at=30, print="A"))).flight

    async def test_a_late_report_without_an_answer_is_repaired_too(self, world: World):
        frozen, observer = await world.worker(), await world.worker()
        older = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)
        newer = await deliver(observer, "e2", planned(at=20))

        assert not await frozen.back(older, delay=0, unsure=True, reason="no answer")
        assert await observer.sweep() == 1

        assert entries_of(await observer.due()) == [newer]

    @pytest.mark.parametrize("word", ["refused", "ignored"])
    async def test_a_late_report_that_nothing_was_written_changes_nothing(self, world: World, word):
        frozen, observer = await world.worker(), await world.worker()
        flight = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)

        assert not await frozen.settle(flight, word, sync=False)

        assert await state(observer, flight.entry) == "queued"
        assert await nothing_to_repair(observer)

    async def test_a_late_sure_failure_changes_nothing(self, world: World):
        frozen, observer = await world.worker(), await world.worker()
        await deliver(observer, "e0", planned(at=5))
        flight = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)

        assert not await frozen.back(flight, delay=0, unsure=False, reason="503")

        assert await reason(observer, flight.entry) == "the worker that sent it is gone"
        assert await nothing_to_repair(observer)

    async def test_whoever_holds_the_lane_by_then_frees_it_by_its_own_token(self, world: World):
        frozen, observer = await world.worker(), await world.worker()
        flight = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)
        (again,) = await observer.due()
        assert again.flight is not None
        await frozen.settle(flight, "delivered", "by the frozen", sync=False)

        assert await observer.settle(again.flight, "refused", "no", sync=False)

        assert not observer.fenced
        (standing,) = await observer.standings(flight.entry)
        assert standing.outcome == Outcome("vendor.order", "delivered", "by the frozen")
        assert await observer.sweep() == 1
        assert entries_of(await observer.due()) == [flight.entry]

    async def test_when_both_delivered_both_are_believed(self, world: World):
        frozen, observer = await world.worker(), await world.worker()
        flight = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)
        (again,) = await observer.due()
        assert again.flight is not None
        await frozen.settle(flight, "delivered", sync=False)

        assert await observer.settle(again.flight, "delivered", sync=False)

        assert await observer.sweep() == 1

    async def test_what_was_delivered_in_a_lane_that_was_written_over_is_sent_again(
        self, world: World
    ):
        frozen, observer = await world.worker(), await world.worker()
        older = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)
        newer = await fly(observer, "e2", planned(at=20))
        await frozen.settle(older, "delivered", sync=False)
        assert await observer.sweep() == 0

        assert await observer.settle(newer, "delivered", sync=False)

        assert await observer.sweep() == 1
        assert entries_of(await observer.due()) == [newer.entry]

    async def test_the_repair_waits_for_what_is_newer(self, world: World):
        frozen, observer = await world.worker(), await world.worker()
        older = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)
        done = await deliver(observer, "e2", planned(at=20))
        newest = await fly(observer, "e3", planned(at=30))
        await observer.back(newest, delay=60, unsure=False, reason="503")
        await frozen.settle(older, "delivered", sync=False)

        assert await observer.sweep() == 0
        assert await state(observer, done) == "delivered"
        world.clocks.advance(60)
        (standing,) = await observer.due()
        assert standing.flight is not None
        await observer.settle(standing.flight, "refused", "no", sync=False)

        assert await observer.sweep() == 1
        assert entries_of(await observer.due()) == [done]

    async def test_a_repair_is_ours_whatever_the_store_would_repeat(self, world: World):
        """Its store has been told 200 and repeats nothing."""
        frozen, observer = await world.worker(), await world.worker()
        older = await fly(frozen, "e1", planned(at=10), park=False)
        await world.declare_gone(frozen, observer)
        newer = await deliver(observer, "e2", planned(at=20), park=False)
        await frozen.settle(older, "delivered", sync=False)
        await observer.sweep()

        (again,) = await observer.due()

        assert again.flight is not None
        assert (again.flight.entry, again.flight.park) == (newer, True)

    async def test_a_repair_has_all_the_time_of_a_new_delivery(self, world: World):
        frozen, observer = await world.worker(), await world.worker()
        older = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)
        newer = await deliver(observer, "e2", planned(at=20), horizon=60.0)
        world.clocks.advance(600)
        await frozen.settle(older, "delivered", sync=False)

        await observer.sweep()

        assert entries_of(await observer.due()) == [newer]

    async def test_a_lane_never_sends_two_at_once_across_a_takeover(self, world: World):
        frozen, observer = await world.worker(), await world.worker()
        flight = await fly(frozen, "e1", planned(at=10))
        await world.declare_gone(frozen, observer)
        (again,) = await observer.due()

        assert again.flight is not None
        assert again.flight.lane == flight.lane
        assert (await record(observer, "e2", planned(at=20))).held

    async def test_a_fenced_worker_opens_again_and_works(self, world: World):
        frozen, observer = await world.worker(), await world.worker()
        await world.declare_gone(frozen, observer)
        world.workers.remove(frozen)
        await frozen.close()

        anew = await world.worker()

        assert not anew.fenced
        assert await anew.beat()
        assert (await record(anew, "e1", planned())).flight


class Onlooking:
    async def test_the_command_line_is_no_worker(self, world: World):
        onlooker = await world.worker(register=False)

        assert onlooker.fenced
        for call in (onlooker.beat, onlooker.sweep, onlooker.due):
            with pytest.raises(JournalError, match="without a worker"):
                await call()
        with pytest.raises(JournalError, match="without a worker"):
            await onlooker.take(1, "vendor.order")

    async def test_it_sees_what_workers_write(self, world: World):
        journal, onlooker = await world.worker(), await world.worker(register=False)
        entry = await deliver(journal, "e1", planned())

        assert [shown.entry for shown in await onlooker.entries(Filter())] == [entry]
