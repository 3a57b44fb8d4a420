"""
The sandbox takes what the contract takes, and its answers are those that the contract shows.

The contract is an OpenAPI file that others wrote from the same pages.  It knows nothing of
which date comes first, nor of text that is only spaces: there the sandbox is stricter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from bridge.sandbox.contracts import Schema, bonifiq
from tests.sandbox.bodies import (
    AFFILIATE,
    CANCELLED,
    COMPLETED,
    CUSTOMER,
    FULL_ORDER,
    ORDER,
    PATHS,
)
from tests.sandbox.contract import contract

pytestmark = pytest.mark.anyio

CONTRACT = contract("bonifiq")

REQUESTS = {
    "bonifiq.customer": CONTRACT.validator("CustomerRequest"),
    "bonifiq.order": CONTRACT.validator("OrderRequest"),
    "bonifiq.affiliate": CONTRACT.validator("AffiliateRequest"),
}
ANSWERS = {
    "bonifiq.customer": CONTRACT.validator("CustomerUpsertResponse"),
    "bonifiq.order": CONTRACT.validator("OrderResponse"),
    "bonifiq.affiliate": CONTRACT.validator("AffiliateResponse"),
}


def without(body: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in body.items() if name not in names}


def each(body: Mapping[str, Any], field: str, *values: Any) -> list[dict[str, Any]]:
    return [{**body, field: value} for value in values]


def bought(**product: Any) -> dict[str, Any]:
    return {**ORDER, "Products": [product]}


ACCEPTED: dict[str, list[Any]] = {
    "bonifiq.customer": [
        CUSTOMER,
        {"OriginalId": "x"},
        {**CUSTOMER, **dict.fromkeys(["Email", "Phone", "Document", "BirthdayDate"])},
        {**CUSTOMER, "Email": "not an address", "Phone": "", "Name": ""},
        {**CUSTOMER, "SignupDate": "2024-02-29T23:59:59.5+05:45"},
    ],
    "bonifiq.order": [
        ORDER,
        COMPLETED,
        CANCELLED,
        FULL_ORDER,
        {**ORDER, "OrderTotal": 0},
        {**ORDER, "OrderTotal": 100},
        {**ORDER, "IsCompleted": False, "IsCancelledOrReturned": False},
        {**COMPLETED, "OrderCancelledDate": "2026-06-03T00:00:00Z"},
        {**ORDER, "Products": None, "Metadatas": None, "Coupon": None, "ExternalCoupon": None},
        {**ORDER, "Products": [], "Metadatas": [{}], "Branch": {}, "OrderStatus": ""},
        bought(),
        bought(Url=None, ImageUrl=None, ProductBrand=None, ProductCategory=None),
        bought(ProductCategory={"ParentCategory": {"ParentCategory": {"Name": "x"}}}),
    ],
    "bonifiq.affiliate": [
        AFFILIATE,
        {"Name": "", "Document": "1"},
        {"Name": "Bia", "Email": "", "Document": "1"},
        {**AFFILIATE, "Phone": None, "Coupon": None, "InviteToPortal": True},
        {**AFFILIATE, "CreateCustomer": False, "Document": None},
    ],
}
REFUSED: dict[str, list[Any]] = {
    "bonifiq.customer": [
        {},
        [],
        None,
        "text",
        without(CUSTOMER, "OriginalId"),
        *each(CUSTOMER, "OriginalId", "", None, 5),
        *each(CUSTOMER, "Name", None, 5, []),
        *each(CUSTOMER, "IsEnrolled", None, "true", 1),
        *each(CUSTOMER, "BirthdayDate", "1990-02-03", "2023-02-29T00:00:00Z", "", 5),
        *each(CUSTOMER, "EnrolledDate", "2023-01-01T24:00:00Z", "2023-01-01 12:00:00Z"),
        {**CUSTOMER, "SignupDate": "2026-01-05T10:00:00"},
        {**CUSTOMER, "originalId": "x"},
        {**CUSTOMER, "PublicId": "x"},
    ],
    "bonifiq.order": [
        *(without(ORDER, name) for name in ORDER),
        *({**ORDER, name: None} for name in ORDER),
        {**ORDER, "OriginalId": ""},
        {**ORDER, "OrderTotal": "196.20"},
        {**ORDER, "OrderTotal": True},
        {**ORDER, "Customer": {}},
        {**ORDER, "Customer": {"OriginalId": ""}},
        {**ORDER, "Customer": {**CUSTOMER, "Id": 1}},
        {**ORDER, "IsCompleted": True},
        {**COMPLETED, "OrderCompletedDate": None},
        {**ORDER, "IsCancelledOrReturned": True},
        {**CANCELLED, "OrderCancelledDate": None},
        {**COMPLETED, **CANCELLED},
        *({**ORDER, name: None} for name in ("OrderStatus", "UpdatedDate", "IsCompleted")),
        *({**ORDER, name: None} for name in ("PaymentMethod", "Branch", "SalesPerson")),
        {**ORDER, "PaymentMethods": [{"Name": "visa"}]},
        {**ORDER, "Branch": {"OriginalId": 1}},
        {**ORDER, "SalesPerson": {"Id": "1"}},
        {**ORDER, "Products": {}},
        {**ORDER, "Metadatas": [{"Name": "a", "Value": None}]},
        {**ORDER, "Metadatas": [{"Key": "a"}]},
        bought(Quantity=2),
        bought(ProductPrice="1.00"),
        bought(Title=None),
        bought(ProductBrand="Barro"),
        bought(ProductBrand={"Description": "x"}),
        bought(ProductCategory={"Name": None}),
        bought(ProductCategory={"ParentCategory": {"Title": "x"}}),
    ],
    "bonifiq.affiliate": [
        {},
        without(AFFILIATE, "Name"),
        without(AFFILIATE, "Email"),
        {**AFFILIATE, "Name": None},
        {"Name": "Bia", "Email": "", "Document": ""},
        {"Name": "Bia", "Email": None, "Document": None},
        {**AFFILIATE, "InviteToPortal": None},
        {**AFFILIATE, "Document": 52998224725},
        {**AFFILIATE, "OriginalId": "x"},
    ],
}
CASES = [
    pytest.param(endpoint, body, verdict, id=f"{endpoint}-{word}-{place}")
    for word, verdict, bodies in (("good", True, ACCEPTED), ("bad", False, REFUSED))
    for endpoint in PATHS
    for place, body in enumerate(bodies[endpoint])
]


@pytest.mark.parametrize(("endpoint", "body", "good"), CASES)
async def test_the_sandbox_and_the_contract_agree_about_a_body(client, endpoint, body, good):
    answer = await client.post(PATHS[endpoint], json=body)

    assert REQUESTS[endpoint].is_valid(body) is good
    assert (answer.status_code == 200 and not answer.json()["HasError"]) is good
    assert [error.message for error in ANSWERS[endpoint].iter_errors(answer.json())] == []


async def test_every_example_of_the_contract_is_accepted(client):
    for endpoint, path in PATHS.items():
        for example in CONTRACT.examples(path):
            answer = await client.post(path, json=example)
            assert answer.json()["HasError"] is False, (endpoint, answer.text)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (bonifiq.CUSTOMER, "CustomerRequest"),
        (bonifiq.ORDER, "OrderRequest"),
        (bonifiq.AFFILIATE, "AffiliateRequest"),
        (bonifiq.ORDER["properties"]["Products"]["items"], "ProductRequest"),
        (bonifiq.ORDER["properties"]["Metadatas"]["items"], "MetadataRequest"),
        (bonifiq.ORDER["properties"]["Branch"], "NamedReference"),
        (bonifiq.ORDER["$defs"]["category"], "ProductCategory"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_schema_has_the_fields_of_the_contract(ours: Schema, theirs: str):
    documented = CONTRACT.components[theirs]

    assert set(ours["properties"]) == set(documented["properties"])
    assert set(ours["required"]) == set(documented.get("required", ()))


@pytest.mark.parametrize(
    ("endpoint", "body", "parts"),
    [
        ("bonifiq.customer", CUSTOMER, {"": "CustomerUpsertResult"}),
        (
            "bonifiq.order",
            FULL_ORDER,
            {
                "": "OrderResult",
                "Customer": "OrderResultCustomer",
                "EstimatedBonus": "EstimatedBonus",
            },
        ),
    ],
)
async def test_an_answer_has_every_field_of_the_contract(client, endpoint, body, parts):
    answer = await client.post(PATHS[endpoint], json=body)
    result = json.loads(answer.content)["Result"]

    for part, schema in parts.items():
        assert set(result[part] if part else result) == set(
            CONTRACT.components[schema]["properties"]
        )
    assert set(answer.json()) == {*CONTRACT.components["Envelope"]["properties"], "Result"}
