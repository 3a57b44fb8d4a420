"""
A body that a platform never sends gives a valid payload or a clean error with a line.

Every leaf of every fixture is deleted, nulled, emptied and retyped.  What comes out keeps the
model and the contract's arithmetic; what does not fit is told with the line of the mapping file.
An amount may only change where the file says that the platform may leave it out.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import simplejson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.errors import BridgeError
from bridge.fixtures import Case, cases, plan_of
from bridge.load import Loaded
from bridge.plan import Plan

FIXTURES = Path(__file__).parent / "fixtures"
ALL = list(cases(FIXTURES))
MAPPED = [case for case in ALL if (case.folder / "bonifiq.order.json").exists()]
_GONE = object()


def nodes(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a document but its root."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        yield (*path, key)
        if isinstance(one, dict | list):
            yield from nodes(one, (*path, key))


def changed(body: Any, path: tuple[Any, ...], new: Any) -> bytes:
    out = copy.deepcopy(body)
    holder = out
    for key in path[:-1]:
        holder = holder[key]
    if new is _GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = new
    return simplejson.dumps(out, use_decimal=True).encode()


def replaced(case: Case, body: bytes) -> Case:
    request = case.request
    return Case(
        case.folder,
        case.platform,
        case.name,
        type(request)(request.store, "POST", request.headers, {}, body, request.received_at),
        case.resources,
        case.overrides,
    )


def total(planned: Plan) -> Decimal | None:
    payload = planned.payloads.get("bonifiq.order")
    return payload.document["OrderTotal"] if payload else None


def assert_clean(planned: Plan) -> None:
    for payload in planned.payloads.values():
        products = payload.document.get("Products")
        if products and payload.document.get("IsCompleted"):
            assert payload.document["OrderTotal"] == sum(one["ProductPrice"] for one in products)
        assert payload.document.get("OrderTotal", 0) >= 0
    for problem in planned.problems:
        assert problem.line or problem.field == "body"
        assert problem.message


#: Deleted, nulled, emptied, retyped.
CHANGES: tuple[Any, ...] = (_GONE, None, "", [], {}, "x", True)
#: Where such a change means another amount, and why nobody could know better.
MAY_CHANGE: dict[str, dict[str, str]] = {
    "shopify": {
        "line_items.*.gift_card": "a gift card that is bought earns nothing",
        "shipping_lines": "an empty list: nothing was shipped",
        "shipping_lines.*": "one line less",
        "shipping_lines.*.is_removed": "a removed line was not paid",
        "shipping_lines.*.tax_lines.*": "one tax less; `?? 0`, since old orders have none",
        "shipping_lines.*.tax_lines.*.price": "`?? 0`, since old orders have no tax lines",
        "original_total_duties_set": "`?? 0`, since it is null without duties",
        "original_total_duties_set.shop_money": "`?? 0`, since it is null without duties",
        "original_total_duties_set.shop_money.amount": "`?? 0`, since it is null without duties",
        "refunds.*.refund_line_items.*": "one refunded line less",
    },
    "woocommerce": {
        "shipping_tax": "`?? 0`, since shops without taxes may leave it out",
        "refunds": "`?? 0`, since old versions leave it out",
        "refunds.*": "one refund less",
    },
    "saleor": {},
}


def general(path: tuple[Any, ...]) -> str:
    """``line_items.3.price`` -> ``line_items.*.price``."""
    return ".".join("*" if isinstance(key, int) else key for key in path)


def distinct(platform: str, loaded: Loaded) -> Iterator[tuple[Case, Any, tuple[Any, ...]]]:
    """Every leaf of every fixture of a platform, once for each event type that it is in."""
    seen = set()
    for case in MAPPED:
        if case.platform != platform:
            continue
        event = plan_of(case, loaded).event
        body = json.loads(case.request.body, parse_float=Decimal)
        for path in nodes(body):
            key = (event.event.type if event else "", general(path))
            if key not in seen:
                seen.add(key)
                yield case, body, path


@pytest.mark.parametrize("platform", sorted(MAY_CHANGE))
def test_a_changed_leaf_gives_a_valid_payload_or_a_line(platform: str, loaded: Loaded) -> None:
    wrong = set()
    for case, body, path in distinct(platform, loaded):
        before = total(plan_of(case, loaded))
        for new in CHANGES:
            found = plan_of(replaced(case, changed(body, path, new)), loaded)

            assert_clean(found)
            after = total(found)
            if after is not None and after != before and general(path) not in MAY_CHANGE[platform]:
                wrong.add(f"{case.name}: {general(path)} = {new!r}: {before} -> {after}")
    assert sorted(wrong) == []


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PLACES = [
    (case, path)
    for case in MAPPED
    for path in nodes(json.loads(case.request.body, parse_float=Decimal))
]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(PLACES), new=ANYTHING)
def test_any_json_at_any_place_ends_in_a_plan(
    place: tuple[Case, tuple[Any, ...]], new: Any, loaded: Loaded
) -> None:
    case, path = place
    body = json.loads(case.request.body, parse_float=Decimal)

    assert_clean(plan_of(replaced(case, changed(body, path, new)), loaded))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary() | st.text().map(str.encode), number=st.integers(0, len(ALL) - 1))
def test_any_bytes_end_in_a_plan(body: bytes, number: int, loaded: Loaded) -> None:
    try:
        assert_clean(plan_of(replaced(ALL[number], body), loaded))
    except BridgeError as error:
        pytest.fail(f"raised {error!r}")
