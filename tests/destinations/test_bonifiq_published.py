"""
The requests and answers that BonifiQ's reference pages print, taken from the pages.

They are generated filler, so two places are adapted: an order is not completed and cancelled at
once (the page on order states knows three states that exclude each other), and the category above
a category, printed as unknown, is a category again (as in the vendor's own client).
https://developers.bonifiq.com.br/api/private/pos/this-is-shortcut-for-the-original-orders-endpoint-to-add-orders-into-bonifiq
https://github.com/bonifiq/pdv-bonifiqintegration-example (src/bonifiq/types.ts)
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from bridge import exact
from bridge.destinations import ENDPOINTS
from bridge.destinations.endpoint import document
from bridge.types import Reply
from tests.destinations.test_bonifiq import FULL_AFFILIATE, FULL_CUSTOMER, FULL_ORDER, RESULTS
from tests.real import SHARED, needs

REFERENCE = SHARED / "reference"
PAGES = {"bonifiq.customer": "000", "bonifiq.order": "001", "bonifiq.affiliate": "002"}
OURS = {
    "bonifiq.customer": FULL_CUSTOMER,
    "bonifiq.order": FULL_ORDER,
    "bonifiq.affiliate": FULL_AFFILIATE,
}
#: Documented for reading an order, and not printed in the answer to sending one.
ONLY_READ = {"State", "Origin"}

pytestmark = needs(REFERENCE)


def published(endpoint: str) -> tuple[Any, Any]:
    """The request and the answer that the page of an endpoint prints."""
    (page,) = REFERENCE.glob(f"{PAGES[endpoint]}_*.txt")
    found = re.search(r"--data '\n(\{.*?\n\})\n'\n(\{.*?\n\})\n", page.read_text(), re.DOTALL)
    assert found is not None
    return json.loads(found[1]), json.loads(found[2])


def adapted(request: Any) -> Any:
    """The request with the two adaptations."""
    if "Products" in request:
        request["IsCancelledOrReturned"] = False
        category = request["Products"][0]["ProductCategory"]
        category["ParentCategory"] = {"OriginalId": "<string>", "Name": "<string>"}
    return request


def mapped(value: Any, name: str = "") -> Any:
    """Values as a mapping gives them: moments, decimals, texts."""
    if isinstance(value, dict):
        return {one: mapped(inner, one) for one, inner in value.items()}
    if isinstance(value, list):
        return [mapped(one) for one in value]
    if type(value) is int:
        return Decimal(value)
    return datetime.fromisoformat(value) if name.endswith("Date") else value


def names(value: Any, above: str = "") -> Iterator[str]:
    """The path of every field, whatever is in it."""
    for one in value if isinstance(value, list) else [value]:
        for name, inner in one.items() if isinstance(one, dict) else ():
            yield f"{above}{name}"
            yield from names(inner, f"{above}{name}.")


@pytest.mark.parametrize("endpoint", PAGES)
def test_the_printed_request_is_sent_as_it_is_printed(endpoint: str) -> None:
    request = adapted(published(endpoint)[0])

    model = ENDPOINTS[endpoint].model.model_validate(mapped(request))

    assert json.loads(exact.write(document(model))) == request


@pytest.mark.parametrize("endpoint", PAGES)
def test_the_printed_answer_is_an_error_because_it_says_so(endpoint: str) -> None:
    answer = published(endpoint)[1]
    assert answer["HasError"] is True

    verdict = ENDPOINTS[endpoint].judge(Reply(200, {}, json.dumps(answer).encode()))

    assert verdict.kind == "refused"
    assert verdict.reason.startswith("HTTP 200 with an error: ErrorCode 123")


@pytest.mark.parametrize("endpoint", PAGES)
def test_the_printed_answer_without_its_error_is_a_warning_and_nothing_in_it_is_unknown(
    endpoint: str,
) -> None:
    answer = {**published(endpoint)[1], "HasError": False}

    verdict = ENDPOINTS[endpoint].judge(Reply(200, {}, json.dumps(answer).encode()))

    assert verdict.kind == "delivered"
    assert verdict.reason.startswith("accepted with a warning")
    assert "documented" not in verdict.reason


@pytest.mark.parametrize("endpoint", PAGES)
def test_our_own_examples_have_every_printed_field(endpoint: str) -> None:
    request, answer = published(endpoint)

    assert set(names(request)) - set(names(OURS[endpoint])) == set()
    ours = set(names({"Result": RESULTS[endpoint]}))
    printed = {one for one in names(answer) if one.startswith("Result")}
    assert printed - ours == set()
    assert ours - printed == {f"Result.{one}" for one in ONLY_READ if endpoint == "bonifiq.order"}
