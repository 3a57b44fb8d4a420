"""Cheqpay's stand-in accepts, refuses and answers as the vendor's pages say."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any

import httpx
import pytest

from bridge.sandbox import cheqpay, create_app
from bridge.sandbox.endpoint import Came, Shelf
from bridge.sandbox.tokens import Tokens
from tests.sandbox.bodies import CHEQPAY, CHEQPAY_PATH, KEY, client_of

pytestmark = pytest.mark.anyio

SECRET = "someone at private example"


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(), KEY) as client:
        yield client


async def stored(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/_state")).json()["cheqpay.customer"]
    return found


def failed(answer: httpx.Response, status: int, code: str) -> dict[str, str]:
    """Check the envelope; give field -> message."""
    assert answer.status_code == status
    error = answer.json()["error"]
    assert set(error) == {"code", "message", "details"}
    assert error["code"] == code
    assert error["message"]
    return {one["field"]: one["message"] for one in error["details"]}


async def test_a_customer_is_created_and_then_updated(client):
    created = await client.post(CHEQPAY_PATH, json=CHEQPAY)
    changed = {"externalId": "shop-7", "firstName": "Mari"}
    updated = await client.post(CHEQPAY_PATH, json=changed)

    assert (created.status_code, updated.status_code) == (201, 200)
    first, second = created.json(), updated.json()
    assert first == {**CHEQPAY, "createdAt": first["createdAt"], "updatedAt": first["createdAt"]}
    assert second == {
        **changed,
        "createdAt": first["createdAt"],
        "updatedAt": second["updatedAt"],
    }
    kept = await stored(client)
    assert (kept["count"], kept["accepted"]) == (1, 2)
    assert kept["objects"] == {"shop-7": second}


def test_the_moment_of_creation_is_kept_and_that_of_the_update_moves():
    (endpoint,), shelf = cheqpay.VENDOR.endpoints(None, Tokens(lambda: 0.0)), Shelf()
    moments = ("2026-06-01T12:00:00+00:00", "2026-06-02T12:00:00.750+00:00")
    came = [
        Came(CHEQPAY_PATH, "", {}, "", CHEQPAY, None, datetime.fromisoformat(at)) for at in moments
    ]
    _, second = (endpoint.accept(shelf, one).document for one in came)

    assert second["createdAt"] == "2026-06-01T12:00:00Z"
    assert second["updatedAt"] == "2026-06-02T12:00:00Z"


async def test_customers_are_told_apart_by_their_external_id(client):
    await client.post(CHEQPAY_PATH, json=CHEQPAY)
    await client.post(CHEQPAY_PATH, json={**CHEQPAY, "externalId": "shop-8"})

    assert set((await stored(client))["objects"]) == {"shop-7", "shop-8"}


@pytest.mark.parametrize("prefix", ["", "/pos"])
async def test_it_is_served_where_the_pages_say(client, prefix):
    assert (await client.post(prefix + CHEQPAY_PATH, json=CHEQPAY)).status_code == 201
    assert (await client.post(prefix + CHEQPAY_PATH, json=CHEQPAY)).status_code == 200


async def test_a_prefix_that_no_page_has_is_an_unknown_path(client):
    assert (await client.post(f"/v2{CHEQPAY_PATH}", json=CHEQPAY)).status_code == 404


BROKEN: Mapping[str, tuple[dict[str, Any], dict[str, str]]] = {
    "no id": ({"externalId": ...}, {"externalId": "'externalId' is missing"}),
    "no first name": ({"firstName": ...}, {"firstName": "'firstName' is missing"}),
    "an empty id": ({"externalId": ""}, {"externalId": "found nothing in it"}),
    "an empty first name": ({"firstName": ""}, {"firstName": "found nothing in it"}),
    "null": ({"lastName": None}, {"lastName": "found null, wanted string"}),
    "a number as id": ({"externalId": 7}, {"externalId": "found a number, wanted string"}),
    "a flag as text": ({"active": SECRET}, {"active": "found a string, wanted boolean"}),
    "no address": ({"email": SECRET}, {"email": "found a string, wanted an e-mail address"}),
    "an unknown field": ({"phone": SECRET}, {"phone": "there is no field 'phone'"}),
    "an unknown field within": (
        {"notificationOptions": {"notifySms": True}},
        {"notificationOptions.notifySms": "there is no field 'notifySms'"},
    ),
    "a flag as text within": (
        {"notificationOptions": {"notifyEmail": SECRET}},
        {"notificationOptions.notifyEmail": "found a string, wanted boolean"},
    ),
    "two at once": (
        {"firstName": ..., "x": SECRET, "y": 1},
        {
            "firstName": "'firstName' is missing",
            "x": "there is no field 'x'",
            "y": "there is no field 'y'",
        },
    ),
}


@pytest.mark.parametrize(("changes", "details"), BROKEN.values(), ids=BROKEN.keys())
async def test_every_broken_field_is_named_and_its_value_is_not(client, changes, details):
    body = {name: value for name, value in {**CHEQPAY, **changes}.items() if value is not ...}
    answer = await client.post(CHEQPAY_PATH, json=body)

    assert failed(answer, 400, "VALIDATION_ERROR") == details
    assert SECRET not in answer.text
    assert (await stored(client))["count"] == 0


@pytest.mark.parametrize(
    "email",
    ["", "@", "a@", "@b.example", "a b@c.example", "a@b@c.example", "a@-b.example", "a@b.\n"],
)
async def test_what_is_no_address_is_refused(client, email):
    answer = await client.post(CHEQPAY_PATH, json={**CHEQPAY, "email": email})

    assert set(failed(answer, 400, "VALIDATION_ERROR")) == {"email"}


@pytest.mark.parametrize("email", ["a@b", "o'neil+shop@mail.shop.example", "ana_1.b@a-b.example"])
async def test_an_address_may_be_any_that_a_form_takes(client, email):
    assert (await client.post(CHEQPAY_PATH, json={**CHEQPAY, "email": email})).status_code == 201


@pytest.mark.parametrize(
    "phone",
    ["", "+", "5512345678", "+0512345678", "+52 55 1234 5678", "+5255123456781234567", "+52\n"],
)
async def test_a_phone_without_its_country_code_is_refused(client, phone):
    answer = await client.post(CHEQPAY_PATH, json={**CHEQPAY, "phoneNumber": phone})

    assert set(failed(answer, 400, "VALIDATION_ERROR")) == {"phoneNumber"}


@pytest.mark.parametrize("content", [b"", b"externalId=1", b"[]", b"null"])
async def test_what_is_no_object_has_no_field_to_name(client, content):
    headers = {"Content-Type": "application/json"}
    answer = await client.post(CHEQPAY_PATH, content=content, headers=headers)

    assert failed(answer, 400, "VALIDATION_ERROR") == {}


async def test_a_body_that_is_not_declared_as_json_is_a_400(client):
    answer = await client.post(CHEQPAY_PATH, content=b"{}", headers={"Content-Type": "text/plain"})

    assert failed(answer, 400, "VALIDATION_ERROR") == {}
    assert "Content-Type" in answer.json()["error"]["message"]


BAD_CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "no merchant": {"x-api-key": "a key"},
    "no key": {"x-merchant-id": "a merchant"},
    "an empty key": {"x-api-key": "", "x-merchant-id": "a merchant"},
    "an empty bearer": {"Authorization": "Bearer "},
    "another scheme": {"Authorization": "Basic YTpi"},
    "a bearer without its scheme": {"Authorization": "abc"},
}


@pytest.mark.parametrize("headers", BAD_CREDENTIALS.values(), ids=BAD_CREDENTIALS.keys())
async def test_missing_and_malformed_credentials_are_challenged(headers):
    async with client_of(create_app(), headers) as client:
        answer = await client.post(CHEQPAY_PATH, json=CHEQPAY)
        assert failed(answer, 401, "UNAUTHORIZED") == {}
        assert answer.headers["www-authenticate"] == 'Bearer realm="cheqpay"'
        assert (await stored(client))["count"] == 0


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-api-key": "k1", "x-merchant-id": "m1"}, 201),
        ({"x-api-key": "k2", "x-merchant-id": "m2"}, 201),
        ({"x-api-key": "k1", "x-merchant-id": "m2"}, 401),
        ({"x-api-key": "k3", "x-merchant-id": "m1"}, 401),
        ({"Authorization": "Bearer k1"}, 201),
        ({"Authorization": "bearer k1", "x-merchant-id": "m1"}, 201),
        ({"Authorization": "Bearer k1", "x-merchant-id": "m2"}, 401),
        ({"Authorization": "Bearer k3"}, 401),
    ],
)
async def test_configured_credentials_are_the_only_ones(headers, status):
    accounts = [{"api_key": "k1", "merchant_id": "m1"}, {"api_key": "k2", "merchant_id": "m2"}]
    async with client_of(create_app({"cheqpay": accounts}), headers) as client:
        assert (await client.post(CHEQPAY_PATH, json=CHEQPAY)).status_code == status


CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    404: "NOT_FOUND",
    409: "DUPLICATE",
    500: "INTERNAL_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


@pytest.mark.parametrize(("status", "code"), CODES.items())
async def test_a_status_on_demand_has_its_published_code(client, status, code):
    await client.post("/_behave", json={"endpoint": "cheqpay.customer", "status": status})

    assert failed(await client.post(CHEQPAY_PATH, json=CHEQPAY), status, code) == {}
    assert (await stored(client))["count"] == 0


@pytest.mark.parametrize("status", [422, 429])
async def test_a_status_without_a_published_code_has_none(client, status):
    await client.post("/_behave", json={"endpoint": "cheqpay.customer", "status": status})
    answer = await client.post(CHEQPAY_PATH, json=CHEQPAY)

    assert set(answer.json()["error"]) == {"message", "details"}


async def test_a_good_status_without_storing_repeats_no_customer(client):
    await client.post("/_behave", json={"endpoint": "cheqpay.customer", "status": 200})
    answer = await client.post(CHEQPAY_PATH, json=CHEQPAY)

    assert (answer.status_code, answer.json()) == (200, {})
    assert (await stored(client))["count"] == 0
