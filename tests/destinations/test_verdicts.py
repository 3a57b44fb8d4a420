"""
One place decides what an answer means, and a test stands behind every row of the table.

The rows are in `tests.destinations.answers`; here the judge alone is asked, and the table is held
against what the vendors document.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bridge.destinations import ENDPOINTS
from bridge.destinations.judge import last_word
from bridge.types import Reply, Verdict
from tests.destinations.answers import (
    CAPILLARY_REFUSALS,
    CAPILLARY_WARNINGS,
    DOWN,
    NO_JSON,
    ROWS,
    UNSAID,
    Said,
    answers,
)
from tests.destinations.contracts import CONTRACTS, contract
from tests.real import needs

CELLS = [pytest.param(name, one, id=f"{name} {one}") for name in ENDPOINTS for one in answers(name)]


def judged(endpoint: str, one: Said) -> Verdict:
    return ENDPOINTS[endpoint].judge(Reply(one.status, one.headers, one.body))


@pytest.mark.parametrize(("endpoint", "one"), CELLS)
def test_an_answer_means_what_its_row_says(endpoint: str, one: Said) -> None:
    verdict = judged(endpoint, one)

    assert (verdict.kind, verdict.retry_after) == (one.kind, one.retry_after), verdict.reason
    assert one.reason in verdict.reason
    assert ((verdict.few or 0) > 1) is one.few
    if one.kind == "delivered" and not one.reason:
        assert verdict.reason == ""
    if one.row in (NO_JSON, DOWN) and one.kind == "unsure":
        assert "it may have been accepted" in verdict.reason


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_row_has_an_answer_of_every_endpoint(endpoint: str) -> None:
    vendor = endpoint.partition(".")[0]
    known = {one.row for one in answers(endpoint)}

    assert known == {row for row in ROWS if (vendor, row) not in UNSAID}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_no_two_answers_are_the_same_with_another_meaning(endpoint: str) -> None:
    meant: dict[tuple[object, ...], str] = {}
    for one in answers(endpoint):
        key = (one.status, one.body, tuple(one.headers.items()))
        assert meant.setdefault(key, one.kind) == one.kind


def test_what_may_be_tried_a_few_times_is_refused_after_them_and_not_before() -> None:
    verdict = Verdict("transient", "HTTP 503", few=3)

    assert last_word(verdict, 2) == verdict
    assert last_word(verdict, 3).kind == "refused"
    assert last_word(verdict, 3).reason == "HTTP 503; given up after 3 attempts"
    assert last_word(Verdict("transient", "HTTP 503"), 1000).kind == "transient"


def responses(vendor: str) -> Iterator[str]:
    """The statuses that the contract of a vendor knows."""
    for path in contract(vendor)["paths"].values():
        yield from path["post"]["responses"]


@needs(CONTRACTS)
@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_status_of_the_contract_is_in_the_table(endpoint: str) -> None:
    vendor = endpoint.partition(".")[0]
    documented = {int(status) for status in responses(vendor) if status.isdecimal()}

    assert documented - {one.status for one in answers(endpoint)} == set()


@needs(CONTRACTS)
def test_every_published_number_is_in_the_table() -> None:
    schemas = contract("bonifiq")["components"]["schemas"]
    numbers = schemas["Envelope"]["properties"]["ErrorCode"]["x-error-codes"]
    told = " ".join(one.reason for one in answers("bonifiq.order"))

    assert [n for n in numbers if n.isdecimal() and f"ErrorCode {n} {numbers[n]}" not in told] == []


@needs(CONTRACTS)
def test_every_code_of_an_item_is_in_the_table() -> None:
    codes = contract("capillary")["components"]["schemas"]["ItemMessage"]["x-codes"]

    assert {one["code"] for one in codes["permanent"]} == set(CAPILLARY_REFUSALS)
    assert set(codes["warning"]) == set(CAPILLARY_WARNINGS)
    assert set(codes["transient"]) == {500, 521}
