"""
Capillary's stand-in takes what the contract takes, and its answers are those that it shows.

The contract does not look into identifiers: mobile numbers that are no digits, and addresses
that are none, are what the sandbox alone finds.  Nor does it know which customers there are.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from bridge.sandbox import create_app
from bridge.sandbox.capillary import ENTITY_TYPES, customers
from bridge.sandbox.capillary import item as item_module
from bridge.sandbox.contracts.capillary import CUSTOMER
from tests.sandbox.bodies import CAPILLARY, CAPILLARY_PATH, PROFILE, SUBSCRIPTION, client_of, till
from tests.sandbox.contract import contract, published

pytestmark = pytest.mark.anyio

CONTRACT = contract("capillary")
REQUEST = CONTRACT.validator("CustomerUpsertRequest")
KEEP = f"{CAPILLARY_PATH}?skipChangeIdentifier=true"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(), till()) as client:
        yield client


def undocumented(answer: httpx.Response) -> list[str]:
    """Say where an answer is not what the contract has for its status."""
    schema = CONTRACT.schema_of(CAPILLARY_PATH, answer.status_code)
    return (
        [error.message for error in CONTRACT.validator(schema).iter_errors(answer.json())]
        if schema
        else []
    )


def without(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def profiled(*left_out: str, **changes: Any) -> dict[str, Any]:
    return {**CAPILLARY, "profiles": [{**without(PROFILE, *left_out), **changes}]}


def identified(**identifier: Any) -> dict[str, Any]:
    return profiled(identifiers=[identifier])


def channelled(**channel: Any) -> dict[str, Any]:
    return profiled(commChannels=[channel])


def subscribed(**changes: Any) -> dict[str, Any]:
    (one,) = SUBSCRIPTION["subscriptionInfo"]["subscriptions"]
    return {**SUBSCRIPTION, "subscriptionInfo": {"subscriptions": [{**one, **changes}]}}


def part(schema: str, field: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = CONTRACT.components[schema]["properties"][field]
    return found


ACCEPTED: list[Any] = [
    CAPILLARY,
    SUBSCRIPTION,
    {"profiles": [PROFILE]},
    profiled("firstName", "lastName", "commChannels"),
    profiled("accountId", source="INSTORE"),
    profiled(commChannels=[], fields={"size": "M", "n": 1.5, "ok": True}),
    {**CAPILLARY, "extendedFields": {}},
    {**CAPILLARY, "loyaltyInfo": {}, "associatedWith": "t", "referralCode": "r"},
    {**CAPILLARY, "loyaltyProgramEnrollments": [{"programId": 1, "loyaltyPoints": 1.5}]},
    {**CAPILLARY, "loyaltyProgramEnrollments": [{"tierExpiryDate": "2026-06-01T12:00:00Z"}, {}]},
    *(profiled(source=source) for source in CONTRACT.components["Source"]["enum"]),
    *(identified(type=kind, value="5511987654321") for kind in part("Identifier", "type")["enum"]
      if kind != "email"),
    identified(type="cardnumber", value="1", seriesId=4, statusLabel="ACTIVE"),
    *(channelled(type=kind, value="5511987654321") for kind in part("CommChannel", "type")["enum"]),
    channelled(type="ios", value="x", subscribed=True, meta={}),
    *(subscribed(channel=one) for one in part("Subscription", "channel")["enum"]),
    subscribed(priority="TRANS", type="OPTOUT", orgUnitId=1),
]  # fmt: skip
REFUSED: list[Any] = [
    {},
    [],
    None,
    "text",
    without(CAPILLARY, "profiles"),
    {**CAPILLARY, "profiles": []},
    {**CAPILLARY, "profiles": PROFILE},
    *({**CAPILLARY, name: None} for name in CAPILLARY),
    *(profiled(**{name: None}) for name in PROFILE),
    *(profiled(name) for name in ("identifiers", "source", "accountId")),
    profiled(identifiers=[]),
    profiled(source="SHOP"),
    profiled(source="instore"),
    profiled(extendedFields={"gender": "Female"}),
    profiled(fields={"a": []}),
    identified(type="externalId"),
    identified(value="1"),
    identified(type="externalId", value=""),
    identified(type="externalId", value=1),
    identified(type="phone", value="1"),
    identified(type="cardnumber", value="1", seriesId="4"),
    channelled(type="email"),
    channelled(type="sms", value="1"),
    channelled(type="mobile", value="1", primary="true"),
    channelled(type="mobile", value="1", verified=1),
    channelled(type="mobile", value="1", meta={"home": True}),
    channelled(type="mobile", value="1", meta={"lastViewedDate": None}),
    {**CAPILLARY, "loyaltyInfo": {"loyaltyType": "LOYALTY"}},
    {**CAPILLARY, "loyaltyInfo": {"points": 1}},
    {**CAPILLARY, "extendedFields": {"a": None}},
    {**CAPILLARY, "extendedFields": {"a": {}}},
    {**CAPILLARY, "customFields": {}},
    {**CAPILLARY, "statusLabel": 1},
    {**CAPILLARY, "loyaltyProgramEnrollments": [{"pointsExpiryDate": "2026-06-01"}]},
    {**CAPILLARY, "loyaltyProgramEnrollments": [{"points": 1}]},
    {**SUBSCRIPTION, "subscriptionInfo": {}},
    {**SUBSCRIPTION, "subscriptionInfo": {"subscriptions": []}},
    without(SUBSCRIPTION, "subscriptionInfo"),
    *(subscribed(**{name: None}) for name in ("channel", "priority", "type", "accountId")),
    subscribed(channel="sms"),
    subscribed(priority="LOW"),
    subscribed(type="optin"),
    subscribed(sourceName="SHOP"),
    subscribed(scope="all"),
]
CASES = [(item, True) for item in ACCEPTED] + [(item, False) for item in REFUSED]


@pytest.mark.parametrize(("item", "good"), CASES)
async def test_the_sandbox_and_the_contract_agree_about_a_customer(client, item, good):
    # Someone has to be there before a subscription can be updated.
    await client.post(KEEP, json=[CAPILLARY])
    answer = await client.post(KEEP, json=[item])

    assert REQUEST.is_valid([item]) is good
    assert answer.status_code == 200
    assert (answer.json()["failureCount"] == 0) is good, answer.text
    assert undocumented(answer) == []


@pytest.mark.parametrize("body", [[], {}, 7, "text", CAPILLARY])
async def test_they_agree_about_what_is_no_list_of_customers(client, body):
    answer = await client.post(KEEP, json=body)

    assert not REQUEST.is_valid(body)
    assert answer.status_code == 400
    assert undocumented(answer) == []


async def test_every_example_of_the_contract_is_accepted(client):
    (example,) = CONTRACT.examples(CAPILLARY_PATH)
    answer = await client.post(KEEP, json=example)

    assert answer.json()["failureCount"] == 0


async def test_the_published_examples_are_accepted(client):
    upsert, subscription, _ = published("004")
    (somebody,) = upsert
    # The second example is about a customer who is there already.
    (profile,) = subscription[0]["profiles"]
    there = {"profiles": [{**somebody["profiles"][0], "identifiers": profile["identifiers"]}]}

    for body in (upsert, [there], subscription):
        answer = await client.post(
            CAPILLARY_PATH, params={"skipChangeIdentifier": "false"}, json=body
        )
        told = answer.json()
        assert (told["totalCount"], told["failureCount"]) == (1, 0), answer.text
        assert told["response"][0]["warnings"] == []
        assert undocumented(answer) == []


async def test_an_answer_has_every_field_of_the_published_one(client):
    upsert, _, response = published("004")
    published_item = response["response"][0]
    answer = (await client.post(KEEP, json=[{**upsert[0], "statusLabel": "?"}])).json()
    (item,) = answer["response"]

    assert set(answer) == set(response)
    assert (answer["totalCount"], answer["failureCount"]) == (1, 1)
    assert set(item) == set(published_item)
    assert item["errors"] == published_item["errors"]
    assert set(item["result"]) == set(published_item["result"])
    assert set(item["result"]["loyaltyInfo"]) == set(published_item["result"]["loyaltyInfo"])
    (profile,), (published_profile,) = (one["result"]["profiles"] for one in (item, published_item))
    assert set(profile) == set(published_profile)
    assert set(profile["attribution"]) == set(published_profile["attribution"])


def numbers(kind: str) -> set[int]:
    """The numbers that the contract has for one kind of outcome of a customer."""
    listed = CONTRACT.components["ItemMessage"]["x-codes"][kind]
    return {one["code"] if isinstance(one, dict) else one for one in listed}


def test_every_number_of_the_sandbox_is_one_of_the_contract():
    text = inspect.getsource(item_module) + inspect.getsource(customers)
    used = {int(number) for number in re.findall(r"\b(8\d{3}|3017|521)\b", text)}

    assert used
    assert used <= numbers("transient") | numbers("permanent") | numbers("warning")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 415, 429, 461, 500, 503, 521, 200, 201])
async def test_a_status_on_demand_is_as_documented(client, status):
    await client.post("/_behave", json={"endpoint": "capillary.customer", "status": status})
    answer = await client.post(KEEP, json=[CAPILLARY])

    assert answer.status_code == status
    assert undocumented(answer) == []


async def test_unknown_callers_are_answered_as_documented(client):
    answer = await client.post(KEEP, json=[CAPILLARY], headers={"Authorization": "Basic"})

    assert answer.status_code == 401
    assert undocumented(answer) == []


PROFILES = CUSTOMER["properties"]["profiles"]["items"]["properties"]
SUBSCRIPTIONS = CUSTOMER["properties"]["subscriptionInfo"]["properties"]["subscriptions"]
SCHEMAS = {
    "CustomerUpsertItem": CUSTOMER,
    "Profile": CUSTOMER["properties"]["profiles"]["items"],
    "Identifier": PROFILES["identifiers"]["items"],
    "CommChannel": PROFILES["commChannels"]["items"],
    "CommChannelMeta": PROFILES["commChannels"]["items"]["properties"]["meta"],
    "LoyaltyInfoRequest": CUSTOMER["properties"]["loyaltyInfo"],
    "SubscriptionInfo": CUSTOMER["properties"]["subscriptionInfo"],
    "Subscription": SUBSCRIPTIONS["items"],
    "LoyaltyProgramEnrollment": CUSTOMER["properties"]["loyaltyProgramEnrollments"]["items"],
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_has_the_fields_and_choices_of_the_contract(name: str):
    ours, documented = SCHEMAS[name], CONTRACT.components[name]

    assert set(ours["properties"]) == set(documented["properties"])
    assert set(ours["required"]) == set(documented.get("required", ()))
    for field, schema in documented["properties"].items():
        assert set(ours["properties"][field].get("enum", ())) == set(schema.get("enum", ())) or (
            schema.get("$ref") == "#/components/schemas/Source"
        )
    assert set(PROFILES["source"]["enum"]) == set(CONTRACT.components["Source"]["enum"])


def test_kinds_of_entities_are_those_of_the_contract():
    operation = CONTRACT.spec["paths"][CAPILLARY_PATH]["post"]
    (parameter,) = (
        one for one in operation["parameters"] if one["name"] == "X-CAP-API-ATTRIBUTION-ENTITY-TYPE"
    )

    assert set(ENTITY_TYPES) == set(parameter["schema"]["enum"])
