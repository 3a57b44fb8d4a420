"""The judge must find what is wrong: ledgers are made up here, each with one thing in it."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.chaos.judge import Judgement, deadline, judge, measure
from tests.chaos.ledger import (
    Accepted,
    Away,
    Check,
    Content,
    Ending,
    Event,
    Frozen,
    Killed,
    Ledger,
    Terms,
    Thing,
    Try,
)

TERMS = Terms(answer_within=5.0, margin=0.75, request_timeout=3.0, settles_within=2.0)
THING = Thing("north", "1042")


def event(version: int, *, tag: str | None = None, poison: bool = False) -> Event:
    content = Content(THING, tag or f"v{version}", f"12:00:0{version}")
    return Event(f"event-{version}", "alpha", "orders/paid", content, version, {}, b"", poison)


def told(one: Event, status: int | None = 200, word: str = "delivered", took: float = 0.1) -> Try:
    return Try(one.id, 0, 10.0 + one.version, took, status, word, one.version)


def stored(
    one: Event, at: float = 11.0, ending: Ending = "told", port: int = 4001, lasts: float = 0.1
) -> Accepted:
    return Accepted(one.content, at, at, at + lasts, ending, port)


def killed(at: float, *ports: int, asked: float | None = None) -> Killed:
    return Killed(at if asked is None else asked, at, frozenset(ports or {4001}))


def broken(found: Judgement) -> set[str]:
    return {one.partition(":")[0] for one in found.broken}


PAID, CHANGED = event(1), event(2)


def test_a_day_on_which_all_arrives_in_order_breaks_nothing() -> None:
    found = judge(
        Ledger(
            [PAID, CHANGED],
            [told(PAID), told(CHANGED)],
            [stored(PAID), stored(CHANGED, 12.0)],
        ),
        TERMS,
    )
    assert found.held
    assert (found.events, found.tries, found.delivered) == (2, 2, 2)


def test_an_event_that_was_promised_and_never_came_is_lost() -> None:
    found = judge(Ledger([PAID], [told(PAID, word="parked")]), TERMS)

    assert broken(found) == {"no loss"}
    assert found.lost == ["north/1042 v1 told parked"]


def test_an_event_that_its_store_repeated_in_vain_is_lost() -> None:
    found = judge(Ledger([PAID], [told(PAID, 503, "unavailable")]), TERMS)

    assert found.lost == ["north/1042 v1 never answered 2xx"]


def test_a_dead_letter_is_no_loss_but_must_be_allowed() -> None:
    ledger = Ledger([PAID], [told(PAID, word="parked")], dead=frozenset({1}))

    assert broken(judge(ledger, TERMS)) == {"no dead letters"}
    assert judge(ledger, replace(TERMS, dead_letters=True)).held


def test_poison_must_end_as_a_dead_letter() -> None:
    bad = event(1, poison=True)
    ledger = Ledger([bad], [told(bad, word="parked")])

    assert broken(judge(ledger, TERMS)) == {"no loss"}
    assert judge(replace(ledger, dead=frozenset({1})), TERMS).held


def test_what_a_newer_event_stands_for_is_no_loss() -> None:
    found = judge(
        Ledger([PAID, CHANGED], [told(PAID, word="stale"), told(CHANGED)], [stored(CHANGED)]), TERMS
    )
    assert found.held
    assert found.needless == 1


def test_an_older_event_stands_for_no_newer_one() -> None:
    found = judge(Ledger([PAID, CHANGED], [told(PAID), told(CHANGED)], [stored(PAID)]), TERMS)

    assert found.lost == ["north/1042 v2 told delivered"]


def test_what_says_the_same_as_the_newest_accepted_one_is_no_loss() -> None:
    twin = event(2, tag="v1")
    tries = [told(PAID), told(twin, word="ignored")]

    assert judge(Ledger([PAID, twin], tries, [stored(PAID)]), TERMS).held


def test_what_says_the_same_as_something_overwritten_meanwhile_is_lost() -> None:
    again = event(3, tag="v1")
    found = judge(
        Ledger(
            [PAID, CHANGED, again],
            [told(PAID), told(CHANGED), told(again, word="ignored")],
            [stored(PAID), stored(CHANGED, 12.0)],
        ),
        TERMS,
    )
    assert found.lost == ["north/1042 v3 told ignored"]


def test_an_entry_that_is_never_finished_breaks_the_promise() -> None:
    ledger = Ledger([PAID], [told(PAID)], [stored(PAID)], open=frozenset({1}))

    assert broken(judge(ledger, TERMS)) == {"nothing unfinished"}


def test_what_no_store_has_sent_is_told() -> None:
    assert broken(judge(Ledger(accepted=[stored(PAID)]), TERMS)) == {"nothing made up"}


def doubled(
    ending: Ending, *kills: Killed, away: tuple[Away, ...] = (), lasts: float = 0.1
) -> Judgement:
    ledger = Ledger(
        [PAID],
        [told(PAID)],
        [stored(PAID, 11.0, ending, lasts=lasts), stored(PAID, 20.0)],
        kills,
        away,
    )
    return judge(ledger, TERMS)


def test_a_double_after_an_answer_that_arrived_has_no_excuse() -> None:
    found = doubled("told")

    assert broken(found) == {"no double"}
    assert found.residual == {}
    assert found.doubled == ["north/1042 v1 accepted at 11.00 (told at 11.10) and 20.00"]


def test_a_double_after_an_answer_that_the_destination_kept_back_is_case_1() -> None:
    found = doubled("untold")

    assert found.held
    assert found.residual == {1: 1}


def test_who_left_before_the_time_was_over_has_lost_no_answer() -> None:
    assert doubled("left", lasts=3.0).residual == {1: 1}
    assert broken(doubled("left", lasts=1.0)) == {"no double"}


def test_a_double_of_a_process_that_died_before_it_wrote_is_case_2() -> None:
    found = doubled("told", killed(12.0))

    assert found.held
    assert found.residual == {2: 1}


@pytest.mark.parametrize(
    "kill",
    [
        killed(12.0, 4002),  # another process
        killed(7.5),  # before it can have been sent
        killed(14.0),  # when it had had its time to write
        killed(12.0, asked=11.0),  # it was asked to end, and writes down what it knows
    ],
)
def test_a_death_that_had_nothing_to_do_with_it_excuses_nothing(kill: Killed) -> None:
    assert broken(doubled("told", kill)) == {"no double"}


def test_an_answer_in_the_moment_of_giving_up_is_not_heard() -> None:
    stop = Killed(11.0, 15.0, frozenset({4001}), gives_up=11.15)

    assert doubled("told", stop).residual == {2: 1}
    assert broken(doubled("told", replace(stop, gives_up=11.5))) == {"no double"}


def test_a_request_that_was_out_at_the_death_may_be_accepted_after_it() -> None:
    assert doubled("left", killed(10.9)).residual == {2: 1}


def test_a_harness_that_was_late_has_seen_less_of_a_wait_than_there_was() -> None:
    accepted = [stored(PAID, 11.0, "left", lasts=2.0), stored(PAID, 20.0)]
    ledger = Ledger([PAID], [told(PAID)], accepted)

    assert broken(judge(ledger, TERMS)) == {"no double"}
    assert judge(replace(ledger, lag=0.8), TERMS).residual == {1: 1}


def test_a_stop_that_cuts_a_request_off_is_case_2() -> None:
    assert doubled("left", killed(14.0, asked=11.0), lasts=1.0).residual == {2: 1}


def test_a_process_that_could_not_write_until_it_died_is_case_2() -> None:
    away = Away(11.05, 15.0, "locked")

    assert doubled("told", killed(15.0), away=(away,)).residual == {2: 1}
    # The journal alone is no reason: who lives writes it down when the journal is back.
    assert broken(doubled("told", away=(away,))) == {"no double"}


def frozen(since: float, until: float) -> Frozen:
    return Frozen(0, since, until, frozenset({4001}))


def test_what_a_frozen_process_had_sent_and_not_recorded_is_case_3() -> None:
    accepted = [stored(PAID, 11.0), stored(PAID, 40.0, port=4002)]
    ledger = Ledger([PAID], [told(PAID)], accepted)

    assert judge(replace(ledger, frozen=[frozen(11.5, 60.0)]), TERMS).residual == {3: 1}
    # It had time enough to write it down.
    assert broken(judge(replace(ledger, frozen=[frozen(14.0, 60.0)]), TERMS)) == {"no double"}
    # It was sent before anybody stood still.
    assert broken(judge(replace(ledger, frozen=[frozen(45.0, 60.0)]), TERMS)) == {"no double"}
    # Another process had sent it.
    accepted = [stored(PAID, 11.0, port=4003), stored(PAID, 40.0, port=4002)]
    ledger = Ledger([PAID], [told(PAID)], accepted, frozen=[frozen(11.5, 60.0)])
    assert broken(judge(ledger, TERMS)) == {"no double"}


def test_what_is_sent_again_when_a_frozen_process_wakes_up_is_case_3() -> None:
    accepted = [stored(PAID, 11.0), *(stored(CHANGED, at, port=4002) for at in (40.0, 61.0))]
    ledger = Ledger([PAID, CHANGED], [told(PAID), told(CHANGED)], accepted)

    assert judge(replace(ledger, frozen=[frozen(11.5, 60.0)]), TERMS).residual == {3: 1}
    assert broken(judge(replace(ledger, frozen=[frozen(11.5, 62.0)]), TERMS)) == {"no double"}
    assert broken(judge(replace(ledger, frozen=[frozen(20.0, 60.0)]), TERMS)) == {"no double"}


def test_who_stands_still_cannot_answer() -> None:
    silent = replace(told(PAID, None), took=5.0, trouble="no answer")
    ledger = Ledger([PAID], [silent, told(PAID)], [stored(PAID)])

    assert broken(judge(ledger, TERMS)) == {"the deadline"}
    assert judge(replace(ledger, frozen=[frozen(15.5, 20.0)]), TERMS).held
    assert broken(judge(replace(ledger, frozen=[frozen(17.0, 20.0)]), TERMS)) == {"the deadline"}
    elsewhere = replace(frozen(15.5, 20.0), node=1)
    assert broken(judge(replace(ledger, frozen=[elsewhere]), TERMS)) == {"the deadline"}


def test_two_answers_lost_are_two_doubles() -> None:
    accepted = [stored(PAID, at, "untold") for at in (11.0, 12.0, 13.0)]

    assert judge(Ledger([PAID], [told(PAID)], accepted), TERMS).residual == {1: 2}


def test_an_older_event_that_stands_at_the_end_is_out_of_order() -> None:
    found = judge(
        Ledger([PAID, CHANGED], [told(PAID), told(CHANGED)], [stored(CHANGED), stored(PAID, 12.0)]),
        TERMS,
    )
    assert broken(found) == {"newest wins"}
    assert found.backward == ["north/1042 v1 after v2 at 12.00"]
    assert found.left_old == ["north/1042 v1 stands instead of v2"]


def test_an_older_event_that_was_put_right_again_is_counted_apart() -> None:
    accepted = [stored(CHANGED, 11.0, "untold"), stored(PAID, 12.0), stored(CHANGED, 13.0)]
    found = judge(Ledger([PAID, CHANGED], [told(PAID), told(CHANGED)], accepted), TERMS)

    assert broken(found) == {"newest wins"}
    assert len(found.backward) == 1
    assert found.left_old == []


def test_one_late_answer_in_a_thousand_is_late_but_two_break_the_promise() -> None:
    def found(late: int, lag: float = 0.0) -> Judgement:
        tries = [told(PAID)] * (1000 - late) + [told(PAID, took=deadline(TERMS) + 0.01)] * late
        return judge(Ledger([PAID], tries, [stored(PAID)], lag=lag), TERMS)

    assert found(1).held
    assert found(1).answers.late == 1
    assert broken(found(2)) == {"the deadline"}
    assert found(2, lag=0.02).held


def test_a_store_that_gave_up_waiting_breaks_the_promise_once_is_enough() -> None:
    silent = replace(told(PAID, None), took=5.0, trouble="no answer")
    found = judge(Ledger([PAID], [*[told(PAID)] * 5000, silent], [stored(PAID)]), TERMS)

    assert broken(found) == {"the deadline"}
    assert (found.answers.missed, found.answers.longest) == (1, math.inf)


def test_a_connection_that_nobody_took_is_no_answer_and_no_miss() -> None:
    refused = replace(told(PAID, None), trouble="ConnectionRefusedError")

    assert measure([refused, told(PAID)], TERMS).count == 1


def test_what_a_scenario_wants_beyond_that_is_judged() -> None:
    ledger = Ledger(
        [PAID], [told(PAID)], [stored(PAID)], checks=[Check("tea", held=False, found="coffee")]
    )

    assert judge(ledger, TERMS).broken == ("tea: coffee",)
