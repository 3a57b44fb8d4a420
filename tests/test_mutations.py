"""
A body that a platform never sends gives a valid payload or a clean error with a line.

Every leaf of every fixture is deleted, nulled, emptied and retyped.  What comes out keeps the
model and the contract's arithmetic; what does not fit is told with the line of the mapping file.
An amount may only change where the file says that the platform may leave it out.
"""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge import exact
from bridge.errors import BridgeError
from bridge.fixtures import Case, cases, plan_of
from bridge.load import Loaded
from bridge.plan import Plan
from tests.platforms import PLATFORMS, facts

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
    return exact.write(out)


def replaced(case: Case, body: bytes) -> Case:
    return replace(case, request=replace(case.request, body=body))


#: What a fixture can be changed in: ``body``, or a resource by its name.
Part = str
BODY: Part = ""


def parts(case: Case) -> Iterator[tuple[Part, Any]]:
    """The body, where it is JSON, and every resource."""
    with contextlib.suppress(ValueError):
        yield BODY, json.loads(case.request.body, parse_float=Decimal)
    yield from case.resources.items()


def with_part(case: Case, part: Part, content: bytes) -> Case:
    if part == BODY:
        return replaced(case, content)
    new = json.loads(content, parse_float=Decimal)
    return replace(case, resources={**case.resources, part: new})


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


def general(part: Part, path: tuple[Any, ...]) -> str:
    """``line_items.3.price`` -> ``line_items.*.price``, ``resource.NAME.`` before a resource's."""
    names = ("resource", part, *path) if part else path
    return ".".join("*" if isinstance(key, int) else key for key in names)


def distinct(platform: str, loaded: Loaded) -> Iterator[tuple[Case, Part, Any, tuple[Any, ...]]]:
    """Every leaf of every fixture of a platform, once for each event type that it is in."""
    seen = set()
    for case in MAPPED:
        if case.platform != platform:
            continue
        event = plan_of(case, loaded).event
        for part, document in parts(case):
            for path in nodes(document):
                key = (event.event.type if event else "", general(part, path))
                if key not in seen:
                    seen.add(key)
                    yield case, part, document, path


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_changed_leaf_gives_a_valid_payload_or_a_line(platform: str, loaded: Loaded) -> None:
    allowed = facts(platform).get("may_change", {})
    wrong = set()
    for case, part, document, path in distinct(platform, loaded):
        before = total(plan_of(case, loaded))
        place = general(part, path)
        for new in CHANGES:
            found = plan_of(with_part(case, part, changed(document, path, new)), loaded)

            assert_clean(found)
            after = total(found)
            if after is not None and after != before and place not in allowed:
                wrong.add(f"{case.name}: {place} = {new!r}: {before} -> {after}")
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
    (case, part, path)
    for case in MAPPED
    for part, document in parts(case)
    for path in nodes(document)
]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(place=st.sampled_from(PLACES), new=ANYTHING)
def test_any_json_at_any_place_ends_in_a_plan(
    place: tuple[Case, Part, tuple[Any, ...]], new: Any, loaded: Loaded
) -> None:
    case, part, path = place
    content = changed(dict(parts(case))[part], path, new)

    assert_clean(plan_of(with_part(case, part, content), loaded))


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(body=st.binary() | st.text().map(str.encode), number=st.integers(0, len(ALL) - 1))
def test_any_bytes_end_in_a_plan(body: bytes, number: int, loaded: Loaded) -> None:
    try:
        assert_clean(plan_of(replaced(ALL[number], body), loaded))
    except BridgeError as error:
        pytest.fail(f"raised {error!r}")
