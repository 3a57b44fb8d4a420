"""BonifiQ's stand-in accepts, refuses and answers as the vendor's pages say."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from bridge.sandbox import create_app
from tests.sandbox.bodies import (
    AFFILIATE,
    AFFILIATE_PATH,
    CANCELLED,
    COMPLETED,
    CUSTOMER,
    CUSTOMER_PATH,
    FULL_ORDER,
    ORDER,
    ORDER_PATH,
    basic,
    client_of,
)

pytestmark = pytest.mark.anyio

ENVELOPE = {
    "ErrorMessage",
    "ErrorCode",
    "Result",
    "Code",
    "CodeName",
    "Severity",
    "HasWarning",
    "HasError",
}
SECRET = "someone@private.example"


async def stored(client: httpx.AsyncClient, endpoint: str) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/_state")).json()[endpoint]
    return found


def clean(answer: httpx.Response) -> Any:
    envelope = answer.json()
    assert set(envelope) == ENVELOPE
    assert (answer.status_code, envelope["HasError"], envelope["Severity"]) == (200, False, 0)
    assert envelope["ErrorMessage"] is None
    assert envelope["ErrorCode"] is None
    return envelope["Result"]


def failed(answer: httpx.Response, status: int, code: int | None) -> str:
    envelope = answer.json()
    assert set(envelope) == ENVELOPE
    assert (answer.status_code, envelope["ErrorCode"]) == (status, code)
    assert (envelope["HasError"], envelope["HasWarning"], envelope["Severity"]) == (True, False, 2)
    assert envelope["Result"] is None
    message: str = envelope["ErrorMessage"]
    return message


async def test_a_customer_is_created_and_then_updated(client):
    first = clean(await client.post(CUSTOMER_PATH, json=CUSTOMER))
    second = clean(await client.post(CUSTOMER_PATH, json={**CUSTOMER, "Name": "Bia L."}))

    assert (first["Operation"], second["Operation"]) == ("created", "updated")
    assert (first["Name"], second["Name"]) == ("Bia Lima", "Bia L.")
    assert first["PublicId"] == second["PublicId"]
    assert first["OriginalId"] == "bia@shop.example"
    kept = await stored(client, "bonifiq.customer")
    assert kept == {
        "count": 1,
        "accepted": 2,
        "objects": {"bia@shop.example": {**CUSTOMER, "Name": "Bia L."}},
    }


async def test_a_customer_needs_nothing_but_its_id(client):
    assert clean(await client.post(CUSTOMER_PATH, json={"OriginalId": "7"}))["Email"] is None


async def test_a_customers_answer_has_the_documented_fields(client):
    result = clean(await client.post(CUSTOMER_PATH, json=CUSTOMER))

    assert set(result) == {
        *("OriginalId", "PublicId", "Name", "Email", "Phone", "BirthdayDate", "SignupDate"),
        *("Document", "IsEnrolled", "ReferralURL", "WhatsappReferralUrl", "CurrentTier"),
        *("BalanceOfPoints", "BalanceCashback", "Operation"),
    }


@pytest.mark.parametrize(
    ("body", "state"),
    [(ORDER, 1), (COMPLETED, 2), (CANCELLED, 3)],
    ids=["pending", "completed", "cancelled"],
)
async def test_an_orders_flags_make_its_state(client, body, state):
    assert clean(await client.post(ORDER_PATH, json=body))["State"] == state


async def test_an_order_that_comes_again_replaces_the_first_and_keeps_its_number(client):
    first = clean(await client.post(ORDER_PATH, json=COMPLETED))
    other = clean(await client.post(ORDER_PATH, json={**COMPLETED, "OriginalId": "5002"}))
    again = clean(await client.post(ORDER_PATH, json=CANCELLED))

    assert first["Id"] == again["Id"] != other["Id"]
    kept = await stored(client, "bonifiq.order")
    assert (kept["count"], kept["accepted"]) == (2, 3)
    assert kept["objects"]["5001"] == CANCELLED


async def test_an_order_is_answered_with_all_of_its_documented_parts(client):
    result = clean(await client.post(ORDER_PATH, json=FULL_ORDER))

    assert result["OriginalId"] == "5001"
    assert result["OrderTotal"] == 196.2
    assert result["OrderCompletedDate"] == "2026-06-01T12:05:00Z"
    assert (result["IsCompleted"], result["IsCancelledOrReturned"]) == (True, False)
    assert result["Products"][0] == {
        "OriginalId": "P-1",
        "Title": "Caneca",
        "Url": None,
        "ImageUrl": "https://shop.example/p-1.png",
        "IsActive": True,
        "ProductPrice": 196.2,
    }
    assert [one["OriginalId"] for one in result["Products"]] == ["P-1", "P-2"]
    metadata = {"Id": 1, "OrderId": result["Id"], "Name": "channel", "Value": "web"}
    assert result["Metadatas"] == [metadata]
    assert result["Customer"]["OriginalId"] == "bia@shop.example"
    assert result["Customer"]["FirstName"] == "Bia"
    assert isinstance(result["Customer"]["Id"], int)
    assert set(result["EstimatedBonus"]) == {
        *("GenerateBonus", "EstimatedPoints", "EstimatedCashback", "EstimatedCashbackFormatted")
    }


@pytest.mark.parametrize(("body", "points"), [(COMPLETED, 196), (ORDER, 0), (CANCELLED, 0)])
async def test_only_a_completed_order_promises_points(client, body, points):
    bonus = clean(await client.post(ORDER_PATH, json=body))["EstimatedBonus"]

    assert (bonus["GenerateBonus"], bonus["EstimatedPoints"]) == (points > 0, points)


async def test_an_affiliate_is_known_by_mail_and_otherwise_by_document(client):
    assert clean(await client.post(AFFILIATE_PATH, json=AFFILIATE)) is True
    assert clean(await client.post(AFFILIATE_PATH, json={**AFFILIATE, "Coupon": "B"})) is True
    by_document = {"Name": "Rui", "Email": "", "Document": "529"}
    assert clean(await client.post(AFFILIATE_PATH, json=by_document)) is True

    kept = await stored(client, "bonifiq.affiliate")
    assert (kept["count"], kept["accepted"]) == (2, 3)
    assert kept["objects"]["bia@shop.example"]["Coupon"] == "B"
    assert kept["objects"]["529"] == by_document


RULES = {
    "no id": (ORDER_PATH, 7, {**ORDER, "OriginalId": ""}),
    "an id of spaces": (ORDER_PATH, 7, {**ORDER, "OriginalId": "  "}),
    "a buyer without id": (ORDER_PATH, 7, {**ORDER, "Customer": {"OriginalId": ""}}),
    "a customer without id": (CUSTOMER_PATH, 7, {**CUSTOMER, "OriginalId": ""}),
    "an affiliate without id": (AFFILIATE_PATH, 7, {"Name": "Bia", "Email": None}),
    "completed, no date": (ORDER_PATH, 11, {**ORDER, "IsCompleted": True}),
    "completed, date null": (ORDER_PATH, 11, {**COMPLETED, "OrderCompletedDate": None}),
    "completed early": (
        ORDER_PATH,
        12,
        {**COMPLETED, "OrderCompletedDate": "2026-06-01T11:59:59.999Z"},
    ),
    "completed early in another zone": (
        ORDER_PATH,
        12,
        {**COMPLETED, "OrderCompletedDate": "2026-06-01T13:00:00+02:00"},
    ),
    "both flags": (ORDER_PATH, 13, {**COMPLETED, **CANCELLED}),
    "cancelled, no date": (ORDER_PATH, 14, {**ORDER, "IsCancelledOrReturned": True}),
    "cancelled, date null": (ORDER_PATH, 14, {**CANCELLED, "OrderCancelledDate": None}),
    "cancelled early": (
        ORDER_PATH,
        15,
        {**CANCELLED, "OrderCancelledDate": "2026-05-31T23:59:59Z"},
    ),
}


@pytest.mark.parametrize(("path", "code", "body"), RULES.values(), ids=RULES.keys())
async def test_a_broken_rule_is_an_error_inside_200_with_the_published_number(
    client, path, code, body
):
    assert failed(await client.post(path, json=body), 200, code)
    kept = (await client.get("/_state")).json()
    assert {(one["count"], one["accepted"]) for one in kept.values()} == {(0, 0)}


@pytest.mark.parametrize(
    "completed",
    ["2026-06-01T12:00:00Z", "2026-06-01T09:00:00-03:00", "2026-06-01T12:00:00.0000001Z"],
)
async def test_an_order_may_be_completed_at_the_instant_it_was_placed(client, completed):
    clean(await client.post(ORDER_PATH, json={**COMPLETED, "OrderCompletedDate": completed}))


SHAPES = {
    "a total as text": (ORDER_PATH, {**ORDER, "OrderTotal": SECRET}, "$.OrderTotal"),
    "a flag as a number": (ORDER_PATH, {**ORDER, "IsCompleted": 1}, "$.IsCompleted"),
    "a total that is a flag": (ORDER_PATH, {**ORDER, "OrderTotal": True}, "$.OrderTotal"),
    "a misspelt name": (ORDER_PATH, {**ORDER, "OrderTotals": SECRET}, "OrderTotals"),
    "no total": (
        ORDER_PATH,
        {name: value for name, value in ORDER.items() if name != "OrderTotal"},
        "OrderTotal",
    ),
    "a date that is none": (
        ORDER_PATH,
        {**ORDER, "OrderPlacementDate": SECRET},
        "$.OrderPlacementDate",
    ),
    "a date without a zone": (
        ORDER_PATH,
        {**ORDER, "OrderPlacementDate": "2026-06-01T12:00:00"},
        "$.OrderPlacementDate",
    ),
    "a day alone": (CUSTOMER_PATH, {**CUSTOMER, "BirthdayDate": "1990-02-03"}, "$.BirthdayDate"),
    "null where none may be": (CUSTOMER_PATH, {**CUSTOMER, "IsEnrolled": None}, "$.IsEnrolled"),
    "a quantity": (ORDER_PATH, {**ORDER, "Products": [{"Quantity": 2}]}, "$.Products[0]"),
    "a brand as text": (
        ORDER_PATH,
        {**ORDER, "Products": [{"ProductBrand": SECRET}]},
        "$.Products[0].ProductBrand",
    ),
    "an unknown name far in": (
        ORDER_PATH,
        {**ORDER, "Products": [{"ProductCategory": {"ParentCategory": {"Title": SECRET}}}]},
        "$.Products[0].ProductCategory.ParentCategory",
    ),
    "an affiliate without a name": (AFFILIATE_PATH, {"Email": SECRET}, "'Name'"),
    "a list": (AFFILIATE_PATH, [AFFILIATE], "found an array, wanted object"),
}


@pytest.mark.parametrize(("path", "body", "named"), SHAPES.values(), ids=SHAPES.keys())
async def test_a_broken_schema_is_a_400_that_names_the_field_and_not_its_value(
    client, path, body, named
):
    answer = await client.post(path, json=body)

    assert named in failed(answer, 400, None)
    assert SECRET not in answer.text
    assert {one["count"] for one in (await client.get("/_state")).json().values()} == {0}


async def test_everything_that_breaks_the_schema_is_named_at_once(client):
    body = {**ORDER, "OrderTotal": "1", "Coupons": "x", "Customer": {"OriginalId": 5}}
    found = failed(await client.post(ORDER_PATH, json=body), 400, None).split("; ")

    assert found[:2] == [
        "$.Customer.OriginalId: found a number, wanted string",
        "$.OrderTotal: found a string, wanted number",
    ]
    assert "'Coupons'" in found[2]
    assert len(found) == 3


NOT_JSON = {
    "nothing": (b"", "not JSON at line 1 column 1"),
    "a form": (b"OriginalId=1", "not JSON at line 1 column 1"),
    "half a body": (b'{"OriginalId":\n"1"', "not JSON at line 2 column 4"),
    "NaN": (b'{"OriginalId": NaN}', "not JSON: found NaN"),
    "no UTF-8": (b'{"OriginalId": "\xff"}', "not UTF-8 at byte 16"),
    "a byte order mark": (b'\xef\xbb\xbf{"OriginalId": "1"}', "byte order mark"),
    "an endless list": (b"[" * 50_000, "nested too deeply"),
    "an endless number": (b'{"OriginalId": ' + b"1" * 5_000 + b"}", "number that is too long"),
    "an endless exponent": (b'{"a": 1e' + b"9" * 30 + b"}", "number that is too long"),
}


@pytest.mark.parametrize(("content", "reason"), NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_what_is_not_json_is_a_400_and_can_still_be_looked_at(client, content, reason):
    headers = {"Content-Type": "application/json"}
    answer = await client.post(CUSTOMER_PATH, content=content, headers=headers)

    assert reason in failed(answer, 400, None)
    (seen,) = (await client.get("/_received")).json()
    assert seen["body"] == content.decode(errors="replace")
    assert seen["answered"] == 400


async def test_a_body_that_is_nested_beyond_reason_is_a_400(client):
    category: dict[str, Any] = {}
    for _ in range(400):
        category = {"ParentCategory": category}
    body = {**ORDER, "Products": [{"ProductCategory": category}]}

    assert "too deeply" in failed(await client.post(ORDER_PATH, json=body), 400, None)


@pytest.mark.parametrize("odd", ["1e400000000", "-0", "0.1e-30", "123456789012345678901234567890"])
async def test_odd_numbers_and_odd_text_are_taken_as_json_allows_them(client, odd):
    content = json.dumps(
        {**COMPLETED, "OriginalId": "\ud800", "Customer": {"OriginalId": "\udfff"}}
    ).replace("196.2", odd)
    headers = {"Content-Type": "application/json"}

    clean(await client.post(ORDER_PATH, content=content, headers=headers))


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin-1",
    ],
)
async def test_a_body_that_is_not_declared_as_json_is_a_400(client, kind):
    headers = {} if kind is None else {"Content-Type": kind}
    answer = await client.post(CUSTOMER_PATH, content=b'{"OriginalId": "1"}', headers=headers)

    assert "Content-Type" in failed(answer, 400, None)


@pytest.mark.parametrize(
    "kind",
    ["Application/JSON", "application/json;charset=UTF-8", 'application/json; charset="utf-8"'],
)
async def test_a_media_type_may_be_written_in_every_legal_way(client, kind):
    headers = {"Content-Type": kind}

    clean(await client.post(CUSTOMER_PATH, content=b'{"OriginalId": "1"}', headers=headers))


BAD_CREDENTIALS = {
    "none": "",
    "another scheme": "Bearer dG9rZW46a2V5",
    "no base64": "Basic dG9r!ZW46a2V5",
    "no colon": "Basic dG9rZW4=",
    "no UTF-8": "Basic //86/w==",
    "no password": "Basic dG9rZW46",
    "no user": "Basic OmtleQ==",
    "no pair": "Basic",
}


@pytest.mark.parametrize("header", BAD_CREDENTIALS.values(), ids=BAD_CREDENTIALS.keys())
async def test_missing_and_malformed_credentials_are_challenged(client, header):
    answer = await client.post(CUSTOMER_PATH, json=CUSTOMER, headers={"Authorization": header})

    failed(answer, 401, None)
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert (await stored(client, "bonifiq.customer"))["count"] == 0


def known(user: str, password: str) -> dict[str, str]:
    return {"user": user, "password": password}


@pytest.mark.parametrize(
    ("user", "password", "status"),
    [
        ("token", "key", 200),
        ("tokén", "k:ey", 200),
        ("token", "k:ey", 401),
        ("other", "key", 401),
        ("token", "other", 401),
    ],
)
async def test_configured_credentials_are_the_only_ones(user, password, status):
    app = create_app({"bonifiq": [known("token", "key"), known("tokén", "k:ey")]})
    async with client_of(app) as client:
        answer = await client.post(CUSTOMER_PATH, json=CUSTOMER, headers=basic(user, password))

    assert answer.status_code == status


async def test_nobody_is_let_in_when_the_configured_accounts_are_none():
    async with client_of(create_app({"bonifiq": []})) as client:
        assert (await client.post(CUSTOMER_PATH, json=CUSTOMER)).status_code == 401
