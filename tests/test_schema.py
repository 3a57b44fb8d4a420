"""
The published schema says neither more nor less than the generic source reads.

A document that fits it is mapped, whatever it holds, unless its amounts contradict each other.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from bridge import exact
from bridge.fixtures import Case, cases, plan_of, read_case
from bridge.load import Loaded
from bridge.schema import store_event_schema
from tests.conftest import ROOT
from tests.house import FIXTURES

SOURCE = "standard-webhooks"
SCHEMA = store_event_schema()
VALIDATOR = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
CASES = [one for one in cases(FIXTURES) if one.platform == SOURCE]
#: What the source does not map, or does not know, and what the schema says of it.
MISFITS = {
    "refund_without_amount": "'refunded' is a required property",
    "tax_mode_not_said": "'taxes_included' is a required property",
    "unknown_topic": "is not one of",
}
#: The one rule on money that a schema cannot say: it compares amounts.
CONTRADICTION = "the customer would have paid"


def body_of(case: Case) -> Any:
    return json.loads(case.request.body)


def complaints(document: Any) -> str:
    return "\n".join(error.message for error in VALIDATOR.iter_errors(document))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_the_published_file_is_the_schema() -> None:
    assert SCHEMA == json.loads((ROOT / "deploy" / "store-event.schema.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_fixture_fits_unless_the_source_has_reason_to_refuse_it(case: Case) -> None:
    told = complaints(body_of(case))

    if case.name in MISFITS:
        assert MISFITS[case.name] in told
    else:
        assert told == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("total", "1.299,00"),
        ("total", "-1.00"),
        ("total", None),
        ("total", True),
        ("shipping", "1e3"),
        ("placed_at", "2026-03-10T09:14:02"),
        ("placed_at", "0000-00-00T00:00:00Z"),
        ("placed_at", "2026-02-30T00:00:00Z"),
        ("placed_at", 1773144842),
        ("currency", "R$"),
        ("status", " "),
        ("shiping", "18.90"),
        ("paid", "180.00"),
        ("items", [{"name": "without an amount"}]),
        ("items", [{"price": "1.00", "quantity": None}]),
        ("customer", {"email": "nobody"}),
        ("customer", {"birthday": "31/12/1990"}),
    ],
)
def test_what_a_sender_may_get_wrong_does_not_fit(name: str, value: Any) -> None:
    document = body_of(read_case(FIXTURES / SOURCE / "order_paid"))
    document["data"][name] = value

    assert complaints(document)


def flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def words(schema: Mapping[str, Any], prefix: str = "") -> Iterator[str]:
    """The fields of a definition, and of the objects in it; lists and customers have their own."""
    for name, one in schema["properties"].items():
        inner = next((part for part in one.get("anyOf", ()) if part != {"type": "null"}), one)
        if "$ref" in inner:
            name_of_it = inner["$ref"].rpartition("/")[2]
            if name_of_it == "customer":
                continue
            inner = SCHEMA["$defs"][name_of_it]
        if "properties" in inner:
            yield from words(inner, f"{prefix}{name}.")
        elif "items" not in one or one["items"] == {"type": "string"}:
            yield prefix + name


def test_the_source_reads_every_word_of_the_schema_and_no_other() -> None:
    file = tomllib.loads((ROOT / "mappings" / "sources" / f"{SOURCE}.toml").read_text())
    order = {name: value for name, value in file["order"].items() if name != "items"}
    buyer = order.pop("customer")
    items = {name: value for name, value in file["order"]["items"].items() if name != "each"}
    wanted = {name: set(words(SCHEMA["$defs"][name])) for name in ("order", "item", "customer")}

    assert wanted["order"] == set(flat(order))
    assert wanted["item"] == set(flat(items))
    assert wanted["customer"] == set(flat(buyer)) == set(flat(file["customer"]))
    assert set(file["topics"]) == set(SCHEMA["properties"]["type"]["enum"])


TEXTS = st.text(max_size=12)
FROM, UNTIL = datetime.fromisoformat("1950-01-01"), datetime.fromisoformat("2090-01-01")
ZONES = st.sampled_from([UTC, *(timezone(timedelta(hours=hours)) for hours in (-11, -3, 5.75, 14))])
MOMENTS = st.datetimes(FROM, UNTIL, timezones=ZONES).map(datetime.isoformat)
# JSON has no form for numbers: 1E+3 fits a schema and is refused, as senders never write it so.
AMOUNTS = st.decimals(0, 10**6, places=2, allow_nan=False)
BY_PATTERN = {
    SCHEMA["$defs"]["order"]["properties"]["total"]["pattern"]: AMOUNTS.map(str)
    | st.integers(0, 10**6).map(str),
    r"\S": TEXTS.filter(str.strip),
}


@cache
def documents(reference: str) -> st.SearchStrategy[Any]:
    return values(SCHEMA["$defs"][reference.rpartition("/")[2]])


def values(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Whatever fits the part of JSON Schema that the schema is written in."""
    if "$ref" in schema:
        return st.deferred(lambda: documents(schema["$ref"]))
    if "properties" in schema:
        return objects(schema)
    if "anyOf" in schema:
        return st.one_of([values(one) for one in schema["anyOf"]])
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return st.one_of([of_type(one, schema) for one in types])


def of_type(name: str, schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    match name:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(-(10**30), 10**30)
        case "number":
            return AMOUNTS | st.integers(0, 10**6)
        case "array":
            return st.lists(values(schema["items"]), max_size=3)
    match schema.get("format"):
        case "date-time":
            return MOMENTS
        case "date":
            return st.dates(FROM.date(), UNTIL.date()).map(str)
    pattern = schema.get("pattern")
    if pattern is None:
        return TEXTS
    return BY_PATTERN[pattern] if pattern in BY_PATTERN else st.from_regex(pattern, fullmatch=True)


def objects(schema: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    ways = schema.get("anyOf", [{"required": [], "properties": {}}])
    return st.one_of([one_way(schema, way) for way in ways])


def one_way(schema: Mapping[str, Any], way: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    parts = {
        name: {**one, **way["properties"].get(name, {})}
        for name, one in schema["properties"].items()
    }
    required = {*schema["required"], *way["required"]}
    return st.fixed_dictionaries(
        {name: values(parts[name]) for name in sorted(required)},
        optional={name: values(one) for name, one in parts.items() if name not in required},
    )


def events() -> st.SearchStrategy[Any]:
    refund = {"required": ["refunded"], "properties": {"refunded": {"type": ["string", "number"]}}}
    order = SCHEMA["$defs"]["order"]
    kinds = {
        "order.refunded": one_way(order, refund),
        **{
            topic: documents(topic.partition(".")[0])
            for topic in SCHEMA["properties"]["type"]["enum"]
            if topic != "order.refunded"
        },
    }
    return st.one_of(
        [
            st.fixed_dictionaries({"type": st.just(topic), "timestamp": MOMENTS, "data": data})
            for topic, data in kinds.items()
        ]
    )


@settings(max_examples=200, suppress_health_check=list(HealthCheck))
@given(document=events())
def test_whatever_fits_the_schema_is_mapped_or_contradicts_itself(
    document: Any, loaded: Loaded
) -> None:
    plain = json.loads(exact.write(document))
    assert complaints(plain) == ""
    case = read_case(FIXTURES / SOURCE / "order_paid")
    body = exact.write(document)

    planned = plan_of(replace(case, request=replace(case.request, body=body)), loaded)

    refused = [one.message for one in planned.problems if "/sources/" in one.file]
    assert [one for one in refused if CONTRADICTION not in one] == []
    assert planned.event or refused or "test order" in (planned.problem or "")
    if planned.event and planned.event.order:
        order = planned.event.order
        assert order.paid is not None
        assert order.kept is not None
        assert Decimal(0) <= order.kept <= order.paid
        assert order.placed_at == datetime.fromisoformat(document["data"]["placed_at"]).astimezone(
            UTC
        )
