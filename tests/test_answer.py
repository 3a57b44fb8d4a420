"""The status code tells the store's retry machine what to do next; the word tells a person."""

from __future__ import annotations

import pytest

from bridge.answer import answer, answer_problem, last_moment, unavailable, very_last_moment
from bridge.types import Outcome, State


def outcomes(*states: State) -> list[Outcome]:
    return [Outcome(f"vendor.call-{at}", state) for at, state in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "status"),
    [
        (["delivered"], "delivered"),
        (["delivered", "ignored"], "delivered"),
        (["delivered", "stale"], "delivered"),
        (["stale", "ignored"], "stale"),
        (["ignored"], "ignored"),
        (["delivered", "refused"], "parked"),
        (["failed"], "parked"),
    ],
)
def test_what_is_settled_is_answered_200_and_never_asked_for_again(
    states: list[State], status: str
) -> None:
    for park in (True, False):
        told = answer(7, outcomes(*states), park=park)

        assert (told.status_code, told.status, told.entry) == (200, status, 7)
        assert told.retry_after is None


@pytest.mark.parametrize("states", [["queued"], ["flying"], ["delivered", "queued"]])
def test_what_is_open_is_ours_when_parked_and_the_stores_when_refused(states: list[State]) -> None:
    parked = answer(7, outcomes(*states), park=True)
    refused = answer(7, outcomes(*states), park=False)

    assert (parked.status_code, parked.status) == (200, "parked")
    assert refused.status_code == 503
    assert refused.retry_after == 30.0


@pytest.mark.parametrize(
    ("waits", "told"),
    [
        ([120.0], 120.0),
        ([4.2], 5.0),
        ([0.0], 1.0),
        ([None], 30.0),
        ([4.0, 7.0], 7.0),
        ([4.0, None], 30.0),
        ([60.0, None], 60.0),
    ],
)
def test_the_store_is_asked_back_when_the_last_of_it_may_be_tried_again(
    waits: list[float | None], told: float
) -> None:
    unfinished = [Outcome("vendor.call", "queued", retry_after=wait) for wait in waits]
    settled = Outcome("vendor.other", "delivered", retry_after=900.0)

    assert answer(7, [settled, *unfinished], park=False).retry_after == told


def test_a_copy_of_what_is_settled_is_a_duplicate() -> None:
    assert answer(7, outcomes("delivered"), park=True, copy=True).status == "duplicate"
    assert answer(7, outcomes("queued"), park=True, copy=True).status == "parked"


def test_a_webhook_without_deliveries_is_ignored_or_waits_for_a_person() -> None:
    assert answer_problem(7, "not wanted", dead=False).status == "ignored"
    assert answer_problem(7, "cannot be mapped", dead=True).status == "parked"
    assert answer_problem(7, "cannot be mapped", dead=True).status_code == 200


def test_without_a_promise_there_is_no_2xx() -> None:
    told = unavailable("the journal cannot be reached")

    assert told.status_code == 503
    assert told.retry_after


@pytest.mark.parametrize(("within", "margin"), [(5.0, 0.75), (60.0, 1.0), (0.4, 0.15), (0.2, 0.1)])
def test_the_answer_leaves_time_for_the_way_back(within: float, margin: float) -> None:
    assert last_moment(within) == pytest.approx(within - margin)


@pytest.mark.parametrize(("within", "sync"), [(5.0, 0.375), (60.0, 0.5), (1.25, 0.09375)])
def test_the_journal_has_a_part_of_the_time_that_is_left(within: float, sync: float) -> None:
    assert very_last_moment(within) == pytest.approx(last_moment(within) + sync)
