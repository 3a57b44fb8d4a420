"""
What is new has another key, although the platform's dates are the same.

Many platforms date their changes by whole seconds and send notices that are equal bytes.  A key of
these alone would take what happened in the same second for a repeat, and it would be lost.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bridge import exact
from bridge.fixtures import Case, plan_of, read_case
from bridge.load import Loaded
from tests.platforms import FIXTURES

#: Platform, fixture, what changes in it (`body` or a resource, then the path) and to what.
IN_THE_SAME_SECOND = [
    ("nuvemshop", "order_paid", ("order", "payment_status"), "refunded"),
    ("nuvemshop", "order_paid", ("order", "status"), "cancelled"),
    ("nuvemshop", "order_paid", ("order", "shipping_status"), "shipped"),
    ("nuvemshop", "order_paid", ("order", "total"), "125.00"),
    ("nuvemshop", "customer_updated", ("customer", "updated_at"), "2026-03-12T09:30:00+0000"),
]


def changed(case: Case, path: tuple[Any, ...], new: Any) -> Case:
    part, *steps = path
    in_body = part == "body"
    source = json.loads(case.request.body, parse_float=Decimal) if in_body else case.resources[part]
    document = copy.deepcopy(source)
    holder = document
    for step in steps[:-1]:
        holder = holder[step]
    assert holder[steps[-1]] != new
    holder[steps[-1]] = new
    if in_body:
        body = exact.write(document)
        return replace(case, request=replace(case.request, body=body))
    return replace(case, resources={**case.resources, part: document})


@pytest.mark.parametrize(("platform", "name", "path", "new"), IN_THE_SAME_SECOND)
def test_what_changed_in_the_same_second_is_no_repeat(
    platform: str, name: str, path: tuple[Any, ...], new: Any, loaded: Loaded
) -> None:
    case = read_case(FIXTURES / platform / name)

    first, second = (plan_of(one, loaded).key for one in (case, changed(case, path, new)))

    assert first is not None
    assert first != second
