"""
Cheqpay's stand-in takes what the contract takes, and its answers are those that it shows.

The contract's check of an address looks for its @ and no more, and it takes any text for a
telephone number: there the sandbox is stricter.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from bridge.sandbox import create_app
from bridge.sandbox.contracts.cheqpay import CUSTOMER
from tests.sandbox.bodies import CHEQPAY, CHEQPAY_PATH, KEY, client_of
from tests.sandbox.contract import contract, published

pytestmark = pytest.mark.anyio

CONTRACT = contract("cheqpay")
REQUEST = CONTRACT.validator("CustomerRequest")


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(), KEY) as client:
        yield client


def undocumented(answer: httpx.Response) -> list[str]:
    """Say where an answer is not what the contract has for its status."""
    schema = CONTRACT.schema_of(CHEQPAY_PATH, answer.status_code)
    assert schema
    return [error.message for error in CONTRACT.validator(schema).iter_errors(answer.json())]


def without(name: str) -> dict[str, Any]:
    return {one: value for one, value in CHEQPAY.items() if one != name}


ACCEPTED: list[Any] = [
    CHEQPAY,
    *(without(name) for name in ("lastName", "email", "phoneNumber", "active")),
    without("notificationOptions"),
    {**CHEQPAY, "notificationOptions": {}},
    {**CHEQPAY, "notificationOptions": {"notifyEmail": True}},
    {**CHEQPAY, "lastName": ""},
    {**CHEQPAY, "active": False},
]
REFUSED: list[Any] = [
    {},
    [],
    [CHEQPAY],
    None,
    without("externalId"),
    without("firstName"),
    *({**CHEQPAY, name: None} for name in CHEQPAY),
    *({**CHEQPAY, name: 1} for name in CHEQPAY),
    *({**CHEQPAY, name: ""} for name in ("externalId", "firstName", "email")),
    {**CHEQPAY, "email": "no address"},
    {**CHEQPAY, "phone": "+525512345678"},
    {**CHEQPAY, "createdAt": "2026-06-01T12:00:00Z"},
    {**CHEQPAY, "notificationOptions": {"notifySms": True}},
    {**CHEQPAY, "notificationOptions": {"notifyEmail": "yes"}},
]
CASES = [(body, True) for body in ACCEPTED] + [(body, False) for body in REFUSED]


@pytest.mark.parametrize(("body", "good"), CASES)
async def test_the_sandbox_and_the_contract_agree_about_a_body(client, body, good):
    answer = await client.post(CHEQPAY_PATH, json=body)

    assert REQUEST.is_valid(body) is good
    assert answer.is_success is good
    assert undocumented(answer) == []


async def test_every_example_of_the_contract_is_accepted(client):
    (example,) = CONTRACT.examples(CHEQPAY_PATH)

    assert (await client.post(CHEQPAY_PATH, json=example)).status_code == 201


async def test_the_published_example_is_accepted_and_answered_with_the_published_fields(client):
    request, response = published("003")
    # The page hides the address from robots.
    answer = await client.post(CHEQPAY_PATH, json={**request, "email": "john@shop.example"})

    assert answer.status_code == 201
    assert undocumented(answer) == []
    # The answer's table has the options, its example has not.
    assert set(answer.json()) == {*response, "notificationOptions"}
    assert {**answer.json(), **response} == {
        **response,
        "notificationOptions": request["notificationOptions"],
    }


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422, 429, 500, 503, 200, 201])
async def test_a_status_on_demand_is_as_documented(client, status):
    await client.post("/_behave", json={"endpoint": "cheqpay.customer", "status": status})
    answer = await client.post(CHEQPAY_PATH, json=CHEQPAY)

    assert answer.status_code == status
    assert undocumented(answer) == []


async def test_unknown_callers_are_answered_as_documented(client):
    answer = await client.post(CHEQPAY_PATH, json=CHEQPAY, headers={"x-api-key": ""})

    assert answer.status_code == 401
    assert undocumented(answer) == []
    examples = CONTRACT.components["ErrorResponse"]["properties"]["error"]["properties"]["code"]
    assert answer.json()["error"]["code"] in examples["examples"]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (CUSTOMER, "CustomerRequest"),
        (CUSTOMER["properties"]["notificationOptions"], "NotificationOptions"),
    ],
    ids=["CustomerRequest", "NotificationOptions"],
)
def test_a_schema_has_the_fields_of_the_contract(ours: Mapping[str, Any], theirs: str):
    documented = CONTRACT.components[theirs]

    assert set(ours["properties"]) == set(documented["properties"])
    assert set(ours["required"]) == set(documented.get("required", ()))


async def test_it_is_served_below_every_prefix_of_the_contract(client):
    prefixes = {httpx.URL(server["url"]).path.rstrip("/") for server in CONTRACT.spec["servers"]}

    assert prefixes == {"", "/pos"}
    for prefix in prefixes:
        assert (await client.post(prefix + CHEQPAY_PATH, json=CHEQPAY)).is_success
