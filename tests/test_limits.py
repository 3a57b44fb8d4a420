"""
A destination is asked what it bears, and rests while it is down.

Time is virtual here: see `tests.virtual`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from bridge.breaker import (
    FIRST_REST,
    LONGEST_ASKED,
    LONGEST_REST,
    LOOKED_AT,
    MOST_FAILURES,
    Breaker,
)
from bridge.destinations.endpoint import Limits
from bridge.limits import MOST_WAITING, Closed, Gate, Gates, share
from bridge.slots import Asks, Slots
from bridge.types import Verdict
from tests.virtual import now, virtually

DELIVERED = Verdict("delivered")
REFUSED = Verdict("refused", "ErrorCode 9")
DOWN = Verdict("transient", "no connection")
LOST = Verdict("unsure", "no answer")
BUSY = Verdict("transient", "HTTP 429", 20.0)
TARGET = "shop/vendor.order"


def attempt(breaker: Breaker, at: float, verdict: Verdict) -> bool:
    """Make an attempt if there may be one; tells whether it was made."""
    if not breaker.admits(at):
        return False
    breaker.report(breaker.begin(), verdict, at)
    return True


def rested(reason: Verdict = DOWN, at: float = 0.0) -> Breaker:
    """A breaker that rests since *at*."""
    breaker = Breaker()
    while not breaker.resting:
        attempt(breaker, at, reason)
    return breaker


class TestBreaker:
    @pytest.mark.parametrize("failure", [DOWN, LOST])
    def test_failures_in_a_row_begin_a_rest(self, failure: Verdict) -> None:
        breaker = Breaker()
        for _ in range(MOST_FAILURES - 1):
            attempt(breaker, 0.0, failure)
            assert not breaker.resting

        attempt(breaker, 0.0, failure)

        assert breaker.resting
        assert not breaker.admits(FIRST_REST - 0.01)
        assert breaker.left(0.25) == FIRST_REST - 0.25
        assert breaker.admits(FIRST_REST)
        assert (breaker.failures, breaker.reason) == (MOST_FAILURES, failure.reason)

    @pytest.mark.parametrize("answer", [DELIVERED, REFUSED])
    def test_any_answer_between_them_says_that_it_is_there(self, answer: Verdict) -> None:
        breaker = Breaker()
        for _ in range(3):
            for _ in range(MOST_FAILURES - 1):
                attempt(breaker, 0.0, DOWN)
            attempt(breaker, 0.0, answer)

        assert not breaker.resting

    def test_half_of_the_last_twenty_are_enough(self) -> None:
        breaker = Breaker()
        for number in range(LOOKED_AT):
            assert not breaker.resting
            attempt(breaker, 0.0, DELIVERED if number % 2 == 0 else DOWN)

        assert breaker.resting
        assert breaker.why == "10 failures in the last 20 attempts"

    def test_less_than_half_are_not(self) -> None:
        breaker = Breaker()
        for number in range(10 * LOOKED_AT):
            attempt(breaker, 0.0, DOWN if number % 8 < 3 else DELIVERED)

        assert not breaker.resting

    def test_what_failed_before_a_rest_is_forgotten_after_it(self) -> None:
        breaker = Breaker()
        for number in range(LOOKED_AT):
            attempt(breaker, 0.0, DELIVERED if number % 2 == 0 else DOWN)
        attempt(breaker, FIRST_REST, DELIVERED)

        for _ in range(MOST_FAILURES - 1):
            attempt(breaker, FIRST_REST, DOWN)

        assert not breaker.resting

    def test_who_has_not_got_it_yet_is_there(self) -> None:
        one = Breaker()
        for _ in range(MOST_FAILURES + 1):
            one.report(one.begin(), Verdict("transient", "404", None, 5, well=True), 0.0)

        assert one.admits(0.0)

    def test_who_asks_to_wait_rests_at_once_and_as_long_as_asked(self) -> None:
        breaker = Breaker()
        attempt(breaker, 100.0, BUSY)

        assert not breaker.admits(119.9)
        assert breaker.admits(120.0)

    def test_a_wait_of_a_moment_is_a_rest_all_the_same(self) -> None:
        breaker = Breaker()
        attempt(breaker, 100.0, Verdict("transient", "HTTP 429", 0.1))

        assert not breaker.admits(100.0 + FIRST_REST - 0.01)

    def test_to_ask_for_no_wait_is_not_to_ask(self) -> None:
        breaker = Breaker()
        attempt(breaker, 0.0, Verdict("transient", "HTTP 503", 0.0))

        assert not breaker.resting

    def test_a_mistaken_header_does_not_end_all_deliveries(self) -> None:
        breaker = Breaker()
        attempt(breaker, 0.0, Verdict("transient", "HTTP 503", 1e9))

        assert breaker.left(0.0) == LONGEST_ASKED

    def test_what_an_answer_asks_for_is_no_matter(self) -> None:
        breaker = Breaker()
        attempt(breaker, 0.0, Verdict("refused", "HTTP 400", 20.0))

        assert not breaker.resting

    def test_one_probe_goes_through_after_the_rest(self) -> None:
        breaker = rested()
        probe = breaker.begin()

        assert not breaker.admits(1000.0)
        assert breaker.left(1000.0) == FIRST_REST

        breaker.report(probe, DELIVERED, 1000.0)
        assert breaker.admits(1000.0)
        breaker.begin()
        assert breaker.admits(1000.0)
        assert (breaker.failures, breaker.resting) == (0, False)

    def test_every_failed_probe_doubles_the_rest(self) -> None:
        breaker, at, rests = rested(), 0.0, []
        for _ in range(8):
            rests.append(breaker.left(at))
            at += rests[-1]
            assert attempt(breaker, at, DOWN)

        assert rests == [1, 2, 4, 8, 16, 32, LONGEST_REST, LONGEST_REST]

    def test_after_an_answer_it_begins_anew(self) -> None:
        breaker = rested()
        attempt(breaker, 1.0, DOWN)
        attempt(breaker, 3.0, DELIVERED)
        for _ in range(MOST_FAILURES - 1):
            attempt(breaker, 3.0, DOWN)
        assert not breaker.resting

        attempt(breaker, 3.0, DOWN)
        assert breaker.left(3.0) == FIRST_REST

    def test_a_probe_that_was_not_sent_leaves_its_place_to_another(self) -> None:
        breaker = rested()
        breaker.abandon(breaker.begin())

        assert breaker.admits(FIRST_REST)
        assert not breaker.admits(FIRST_REST - 0.01)

    def test_what_was_out_when_the_rest_began_does_not_end_it(self) -> None:
        breaker = Breaker()
        early = [breaker.begin() for _ in range(3)]
        while not breaker.resting:
            attempt(breaker, 0.0, DOWN)

        breaker.report(early[0], DELIVERED, 0.5)
        breaker.report(early[1], DOWN, 0.5)
        assert breaker.left(0.5) == FIRST_REST - 0.5

        probe = breaker.begin()
        breaker.abandon(early[2])
        assert not breaker.admits(FIRST_REST)
        breaker.report(probe, DELIVERED, FIRST_REST)
        assert not breaker.resting

    def test_but_may_ask_for_a_longer_one(self) -> None:
        breaker = Breaker()
        early = [breaker.begin() for _ in range(2)]
        while not breaker.resting:
            attempt(breaker, 0.0, DOWN)
        breaker.report(early[0], BUSY, 0.5)
        assert breaker.left(0.5) == 20.0
        attempt(breaker, 20.5, DELIVERED)

        breaker.report(early[1], BUSY, 21.0)
        assert breaker.admits(21.0)

    @given(
        st.lists(
            st.tuples(
                st.floats(0, 100),
                st.sampled_from(["begin", "end", "abandon"]),
                st.sampled_from([DELIVERED, REFUSED, DOWN, LOST, BUSY]),
            ),
            max_size=80,
        )
    )
    def test_whatever_happens_it_probes_one_at_a_time_and_is_never_stuck(
        self, steps: list[tuple[float, str, Verdict]]
    ) -> None:
        breaker, at, out, probes = Breaker(), 0.0, list[int](), set[int]()
        for seconds, step, verdict in steps:
            at += seconds
            if step == "begin":
                if breaker.admits(at):
                    probing = breaker.resting
                    ticket = breaker.begin()
                    assert not (probing and probes), "two probes at once"
                    if probing:
                        probes.add(ticket)
                    out.append(ticket)
            elif out:
                ticket = out.pop(0)
                probes.discard(ticket)
                if step == "end":
                    breaker.report(ticket, verdict, at)
                else:
                    breaker.abandon(ticket)
            assert 0 <= breaker.left(at) <= max(LONGEST_REST, 20.0)
        while out:
            breaker.abandon(out.pop())
        assert breaker.admits(at + max(LONGEST_REST, 20.0))
        attempt(breaker, at + LONGEST_REST + 20.0, DELIVERED)
        assert not breaker.resting


@dataclass
class Target:
    """A destination behind its gate; it takes its time, and remembers when it was asked."""

    gate: Gate
    takes: float = 0.0
    verdicts: list[Verdict] = field(default_factory=list)
    asked: list[float] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    stores: list[str] = field(default_factory=list)
    parked: list[bool] = field(default_factory=list)
    at_once: int = 0
    most: int = 0

    async def ask(
        self, number: int = 0, store: str = "shop", *, parked: bool = False
    ) -> Closed | Verdict:
        ticket = await self.gate.enter(Asks(store, parked))
        if isinstance(ticket, Closed):
            return ticket
        self.asked.append(now())
        self.order.append(number)
        self.stores.append(store)
        self.parked.append(parked)
        self.at_once += 1
        self.most = max(self.most, self.at_once)
        verdict = self.verdicts.pop(0) if self.verdicts else DELIVERED
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.at_once -= 1
            self.gate.leave(ticket, verdict)
        return verdict

    async def ask_all(self, many: int) -> list[Closed | Verdict]:
        return await asyncio.gather(*(self.ask(number) for number in range(many)))


def target(per_second: float | None = None, at_once: int = 4, **more: Any) -> Target:
    return Target(Gate(TARGET, Limits(per_second, at_once), now), **more)


class TestGate:
    def test_a_burst_goes_out_at_the_pace_first_come_first_served(self) -> None:
        async def story() -> Target:
            one = target(per_second=10.0)
            await one.ask_all(50)
            return one

        one = virtually(story)

        gaps = [later - earlier for earlier, later in zip(one.asked, one.asked[1:], strict=False)]
        assert len(one.asked) == 50
        assert min(gaps) >= 0.1 - 1e-9
        assert one.asked[-1] == pytest.approx(4.9, abs=0.01)
        assert one.order == list(range(50))

    def test_a_stall_is_not_made_up_for_by_a_burst(self) -> None:
        async def story() -> Target:
            one = target(per_second=10.0, takes=30.0)
            begun = asyncio.ensure_future(one.ask_all(20))
            await asyncio.sleep(29.0)
            one.takes = 0.001
            await begun
            return one

        one = virtually(story)

        gaps = [later - earlier for earlier, later in zip(one.asked, one.asked[1:], strict=False)]
        assert min(gaps) >= 0.1 - 1e-9

    def test_no_more_are_asked_at_once_than_are_borne(self) -> None:
        async def story() -> Target:
            one = target(at_once=3, takes=1.0)
            await one.ask_all(12)
            return one

        one = virtually(story)

        assert (one.most, len(one.asked)) == (3, 12)
        assert one.asked[-1] == 3.0
        assert one.order == list(range(12))

    def test_of_four_places_webhooks_have_three_and_parked_work_one(self) -> None:
        async def story() -> Target:
            one = target(at_once=4, takes=1.0)
            begun = [asyncio.ensure_future(one.ask(number)) for number in range(24)]
            await asyncio.sleep(0.5)
            begun += [asyncio.ensure_future(one.ask(n, parked=True)) for n in range(24)]
            await asyncio.gather(*begun)
            return one

        one = virtually(story)

        # The first four were there before any parked work; then three to one, then the rest.
        assert one.parked[:4] == [False] * 4
        assert [sum(one.parked[at : at + 4]) for at in range(4, 24, 4)] == [1] * 5
        assert one.asked[-1] == 11.0, "no place was left empty"

    def test_one_place_is_shared_in_the_same_way(self) -> None:
        async def story() -> Target:
            one = target(at_once=1, takes=1.0)
            begun = [asyncio.ensure_future(one.ask(n)) for n in range(8)]
            begun += [asyncio.ensure_future(one.ask(n, parked=True)) for n in range(8)]
            await asyncio.gather(*begun)
            return one

        assert virtually(story).parked[1:9] == [False, False, False, True] * 2

    def test_there_is_room_for_some_parked_work_however_many_webhooks_wait(self) -> None:
        async def story() -> list[int]:
            one = target(at_once=8, takes=1.0)
            begun = [asyncio.ensure_future(one.ask()) for _ in range(100)]
            await asyncio.sleep(0.5)
            rooms = [one.gate.room()]
            begun += [asyncio.ensure_future(one.ask(parked=True)) for _ in range(2)]
            await asyncio.sleep(0)
            rooms.append(one.gate.room())
            await asyncio.gather(*begun)
            return [*rooms, one.gate.room()]

        assert virtually(story) == [2, 0, 8]

    def test_a_store_that_floods_a_target_delays_no_other(self) -> None:
        async def story() -> tuple[float, Target]:
            one = target(at_once=4, takes=1.0)
            flood = [asyncio.ensure_future(one.ask(store="loud")) for _ in range(200)]
            await asyncio.sleep(10.5)
            began = now()
            await one.ask(store="quiet")
            took = now() - began
            await asyncio.gather(*flood)
            return took, one

        took, one = virtually(story)

        assert took == pytest.approx(1.5), "the first place that got free"
        assert one.stores.count("loud") == 200

    def test_while_several_want_a_target_none_has_more_than_half(self) -> None:
        async def story() -> list[tuple[int, int]]:
            one = target(at_once=4, takes=1.0)
            begun = [asyncio.ensure_future(one.ask(store="loud")) for _ in range(40)]
            await asyncio.sleep(0.5)
            begun += [asyncio.ensure_future(one.ask(store="quiet")) for _ in range(8)]
            seen = []
            for _ in range(5):
                await asyncio.sleep(1.0)
                last = one.stores[-one.at_once :]
                seen.append((last.count("loud"), last.count("quiet")))
            await asyncio.gather(*begun)
            assert one.stores[-8:] == ["loud"] * 8, "alone it has all places again"
            return seen

        assert virtually(story) == [(2, 2)] * 4 + [(4, 0)]

    def test_a_flood_leaves_half_of_the_places_to_whoever_else_is_there(self) -> None:
        """Else each order of the other shop would wait until one of the flood's has been sent."""

        async def story() -> list[float]:
            one = target(at_once=4, takes=1.0)
            flood = [asyncio.ensure_future(one.ask(store="loud")) for _ in range(60)]
            came, others = {}, []
            for number in range(1, 9):
                await asyncio.sleep(0.7)
                came[number] = now()
                others.append(asyncio.ensure_future(one.ask(number, store="quiet")))
            await asyncio.gather(*flood, *others)
            sent = dict(zip(one.order, one.asked, strict=True))
            return [round(sent[number] - at, 2) for number, at in came.items()]

        assert virtually(story) == [0.3] + [0.0] * 7

    def test_who_leaves_in_the_moment_of_his_turn_leaves_it_to_others(self) -> None:
        async def story() -> None:
            slots = Slots(1)
            await slots.take(Asks("shop"))
            second = asyncio.ensure_future(slots.take(Asks("shop")))
            await asyncio.sleep(0)
            slots.give("shop")
            second.cancel()
            await asyncio.wait([second])
            async with asyncio.timeout(1.0):
                await slots.take(Asks("other"))

        virtually(story)

    def test_stores_take_turns_whatever_their_number(self) -> None:
        async def story() -> Target:
            one = target(at_once=1, takes=1.0)
            begun = [asyncio.ensure_future(one.ask(store=store)) for store in "aaaabbbbcccc"]
            await asyncio.gather(*begun)
            return one

        assert "".join(virtually(story).stores) == "a" + "abcabcabcbc"

    def test_more_of_one_store_than_can_wait_leave_room_for_others(self) -> None:
        async def story() -> tuple[Closed | Verdict, Closed | Verdict]:
            one = target(at_once=1, takes=1.0)
            flood = [asyncio.ensure_future(one.ask(store="loud")) for _ in range(MOST_WAITING + 1)]
            await asyncio.sleep(0.5)
            told = await one.ask(store="loud"), await one.ask(store="quiet")
            for each in flood:
                each.cancel()
            return told

        loud, quiet = virtually(story)

        assert isinstance(loud, Closed)
        assert quiet == DELIVERED

    @given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.booleans()), max_size=40))
    def test_whoever_gives_up_no_place_is_lost(self, comers: list[tuple[int, bool, bool]]) -> None:
        async def story() -> None:
            one = target(at_once=3, takes=1.0)
            begun = []
            for number, (store, parked, leaves) in enumerate(comers):
                task = asyncio.ensure_future(one.ask(number, f"s{store}", parked=parked))
                begun.append(task)
                await asyncio.sleep(0.1)
                if leaves:
                    begun[number // 2].cancel()
            await asyncio.gather(*begun, return_exceptions=True)
            assert one.most <= 3
            one.most = 0
            await one.ask_all(9)
            assert one.most == 3

        virtually(story)

    def test_when_a_rest_begins_all_that_wait_are_sent_back_at_once(self) -> None:
        async def story() -> tuple[list[Closed | Verdict], Target, float]:
            one = target(at_once=2, takes=1.0, verdicts=[DOWN] * 99)
            told = await one.ask_all(20)
            return told, one, now()

        told, one, ended = virtually(story)

        # The one more was out when the fifth had failed.
        assert len(one.asked) == MOST_FAILURES + 1
        assert ended == 3.0
        closed = [each for each in told if isinstance(each, Closed)]
        assert len(closed) == 20 - len(one.asked)
        assert closed[0] == Closed(
            "not sent: shop/vendor.order rests after 5 failures in a row; last: no connection",
            FIRST_REST,
        )

    def test_so_are_those_that_wait_for_the_pace(self) -> None:
        async def story() -> tuple[list[Closed | Verdict], Target, float]:
            one = target(per_second=1.0, takes=0.5, verdicts=[BUSY])
            return await one.ask_all(20), one, now()

        told, one, ended = virtually(story)

        assert len(one.asked) == 1
        assert sum(isinstance(each, Closed) for each in told) == 19
        assert ended == 3.0, "no more than have a slot wait for the pace"

    def test_of_all_that_come_after_the_rest_one_probes(self) -> None:
        async def story() -> tuple[list[Closed | Verdict], int, int]:
            one = target(takes=0.1, verdicts=[BUSY])
            await one.ask()
            await asyncio.sleep(20.0)
            before = one.gate.room()
            told = await one.ask_all(10)
            return told, before, one.gate.room()

        told, before, after = virtually(story)

        assert (before, after) == (1, 4)
        assert [type(each) for each in told] == [Verdict] + [Closed] * 9

    def test_room_is_for_what_can_begin(self) -> None:
        async def story() -> list[int]:
            one = target(at_once=2, takes=1.0)
            rooms = [one.gate.room()]
            begun = [asyncio.ensure_future(one.ask(parked=True)) for _ in range(3)]
            await asyncio.sleep(0.5)
            rooms.append(one.gate.room())
            await asyncio.sleep(1.0)
            rooms.append(one.gate.room())
            await asyncio.gather(*begun)
            one.verdicts = [BUSY]
            await one.ask()
            rooms.append(one.gate.room())
            await asyncio.sleep(20.0)
            rooms.append(one.gate.room())
            begun = [asyncio.ensure_future(one.ask())]
            await asyncio.sleep(0.5)
            rooms.append(one.gate.room())
            await asyncio.gather(*begun)
            return rooms

        assert virtually(story) == [2, 0, 1, 0, 1, 0]

    def test_who_waits_for_the_pace_takes_up_room(self) -> None:
        async def story() -> int:
            one = target(per_second=1.0)
            begun = asyncio.ensure_future(one.ask_all(3))
            await asyncio.sleep(0.5)
            room = one.gate.room()
            await begun
            return room

        assert virtually(story) == 2

    def test_more_than_can_wait_go_back_to_the_journal(self) -> None:
        async def story() -> list[Closed | Verdict]:
            one = target(at_once=1, takes=1.0)
            return await one.ask_all(MOST_WAITING + 3)

        told = virtually(story)

        assert told[MOST_WAITING] == DELIVERED
        assert (
            told[MOST_WAITING + 1 :]
            == [Closed(f"not sent: {MOST_WAITING} are waiting for shop/vendor.order already")] * 2
        )

    @pytest.mark.parametrize("per_second", [None, 0.01])
    def test_a_stop_sends_back_who_waits_and_awaits_who_is_out(
        self, per_second: float | None
    ) -> None:
        async def story() -> tuple[list[Closed | Verdict], Closed | Verdict, float]:
            one = target(per_second, at_once=2, takes=5.0)
            begun = asyncio.ensure_future(one.ask_all(6))
            await asyncio.sleep(1.0)
            one.gate.stop()
            late = await one.ask()
            return await begun, late, now()

        told, late, ended = virtually(story)

        out = 1 if per_second else 2
        assert told[:out] == [DELIVERED] * out
        assert told[out:] == [Closed("not sent: the bridge stops")] * (6 - out)
        assert late == told[-1]
        assert ended == 5.0

    @pytest.mark.parametrize(
        ("per_second", "at"),
        [pytest.param(None, 0.5, id="for a slot"), pytest.param(0.1, 1.5, id="for the pace")],
    )
    def test_who_gives_up_waiting_leaves_his_place_to_others(
        self, per_second: float | None, at: float
    ) -> None:
        async def story() -> Target:
            one = target(per_second, at_once=1, takes=1.0)
            begun = [asyncio.ensure_future(one.ask(number)) for number in range(3)]
            await asyncio.sleep(at)
            begun[1].cancel()
            await asyncio.gather(*begun, return_exceptions=True)
            await one.ask(3)
            return one

        one = virtually(story)

        assert one.order == [0, 2, 3]

    def test_the_log_tells_each_change_once(self) -> None:
        async def story() -> None:
            one = target(takes=0.5, verdicts=[DOWN] * (MOST_FAILURES + 2))
            while len(one.asked) < MOST_FAILURES + 4:
                await one.ask()
                await asyncio.sleep(0.5)

        with capture_logs() as lines:
            virtually(story)

        assert [line["event"] for line in lines] == ["target rests", "target answers again"]
        assert lines[0] == {
            "event": "target rests",
            "log_level": "warning",
            "target": TARGET,
            "failures": MOST_FAILURES,
            "seconds": FIRST_REST,
            "reason": "no connection",
        }
        assert (lines[1]["target"], lines[1]["log_level"]) == (TARGET, "info")
        assert lines[1]["rested_seconds"] > 3.0


class TestGates:
    def test_targets_rest_on_their_own(self) -> None:
        async def story() -> Gates:
            gates = Gates({TARGET: Limits(at_once=2)}, clock=now)
            await Target(gates.of(TARGET), verdicts=[BUSY]).ask()
            await Target(gates.of("shop/vendor.customer")).ask()

            assert dict(gates.room()) == {TARGET: 0, "shop/vendor.customer": Limits().at_once}
            assert gates.rests() == {TARGET: 20.0}
            assert gates.resting() == [TARGET]
            await asyncio.sleep(20.0)
            assert gates.rests() == {}
            assert gates.resting() == [TARGET]
            await Target(gates.of(TARGET)).ask()
            return gates

        gates = virtually(story)

        assert gates.resting() == []
        assert gates.of(TARGET) is gates.of(TARGET)

    def test_a_target_that_answers_again_is_named_until_it_was_hastened(self) -> None:
        async def story() -> list[list[str]]:
            gates = Gates(clock=now)
            one = Target(gates.of(TARGET), verdicts=[BUSY, DELIVERED, BUSY, DELIVERED, BUSY])
            await Target(gates.of("shop/vendor.customer")).ask()
            seen = []
            for _ in range(2):
                await one.ask()
                seen.append(gates.recovered())
                await asyncio.sleep(20.0)
                await one.ask()
                seen.append(gates.recovered())
            gates.hastened(TARGET)
            seen.append(gates.recovered())
            return seen

        assert virtually(story) == [[], [TARGET], [], [TARGET], []]

    def test_a_stop_closes_gates_that_nobody_came_to_yet(self) -> None:
        async def story() -> Closed | Verdict:
            gates = Gates(clock=now)
            gates.stop()
            return await Target(gates.of(TARGET)).ask()

        assert virtually(story) == Closed("not sent: the bridge stops")

    @pytest.mark.parametrize(
        ("limits", "processes", "each"),
        [
            (Limits(10.0, 8), 1, Limits(10.0, 8)),
            (Limits(10.0, 8), 2, Limits(5.0, 4)),
            (Limits(10.0, 8), 3, Limits(10 / 3, 2)),
            (Limits(None, 2), 4, Limits(None, 1)),
        ],
    )
    def test_processes_share_what_a_target_bears(
        self, limits: Limits, processes: int, each: Limits
    ) -> None:
        async def story() -> Target:
            one = Target(Gates({TARGET: limits}, processes, now).of(TARGET), takes=1.0)
            await one.ask_all(20)
            return one

        assert share(limits, processes) == each
        assert virtually(story).most == each.at_once
