"""Every request that reached an endpoint can be read back exactly, without its credentials."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from bridge.sandbox import create_app
from bridge.sandbox.behave import Behaviour
from bridge.sandbox.controls import Memory
from bridge.sandbox.tokens import Tokens
from tests.sandbox.bodies import (
    CAPILLARY,
    CAPILLARY_PATH,
    CHEQPAY,
    CHEQPAY_PATH,
    CUSTOMER,
    CUSTOMER_PATH,
    KEY,
    ORDER,
    ORDER_PATH,
    TOKEN_PATH,
    basic,
    client_of,
)

pytestmark = pytest.mark.anyio


async def test_numbers_are_shown_as_they_were_written(client):
    sent = '{"OrderTotal": 196.20, "b": 1E+2, "c": -0, "d": 12345678901234567890.10}'
    await client.post(ORDER_PATH, content=sent, headers={"Content-Type": "application/json"})

    assert sent in (await client.get("/_received")).text


async def test_stored_numbers_keep_their_zeros(client):
    sent = (
        '{"OriginalId": "1", "OrderPlacementDate": "2026-06-01T12:00:00Z",'
        ' "OrderTotal": 196.20, "Customer": {"OriginalId": "2"}}'
    )
    answer = await client.post(
        ORDER_PATH, content=sent, headers={"Content-Type": "application/json"}
    )

    assert '"OrderTotal":196.20,' in answer.text
    assert '"OrderTotal":196.20,' in (await client.get("/_state")).text


async def test_requests_are_listed_in_the_order_of_their_arrival(client):
    before = datetime.now(UTC)
    await client.post(ORDER_PATH, json=ORDER)
    await client.post(CUSTOMER_PATH, json=CUSTOMER)
    await client.post(ORDER_PATH, json={})
    seen = (await client.get("/_received")).json()

    assert [(one["endpoint"], one["answered"]) for one in seen] == [
        ("bonifiq.order", 200),
        ("bonifiq.customer", 200),
        ("bonifiq.order", 400),
    ]
    assert [one["body"] for one in seen] == [ORDER, CUSTOMER, {}]
    times = [datetime.fromisoformat(one["at"]) for one in seen]
    assert before <= times[0] <= times[1] <= times[2] <= datetime.now(UTC)
    fields = {"endpoint", "path", "query", "headers", "body", "at", "answered"}
    assert all(set(one) == fields for one in seen)


async def test_headers_are_in_lower_case_and_repeated_ones_are_joined(client):
    headers = [*basic().items(), ("X-Try", "1"), ("x-try", "2")]
    await client.post(CUSTOMER_PATH, json=CUSTOMER, headers=headers)
    (seen,) = (await client.get("/_received")).json()

    assert seen["headers"]["content-type"] == "application/json"
    assert seen["headers"]["x-try"] == "1, 2"
    assert set(seen["headers"]) == {name.lower() for name in seen["headers"]}


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (basic("token", "key")["Authorization"], "Basic …"),
        ("Bearer dG9rZW46a2V5", "…"),
        ("dG9rZW46a2V5", "…"),
    ],
)
async def test_credentials_are_never_shown(client, sent, shown):
    await client.post(CUSTOMER_PATH, json=CUSTOMER, headers={"Authorization": sent})
    answer = await client.get("/_received")

    assert answer.json()[0]["headers"]["authorization"] == shown
    assert "dG9rZW46a2V5" not in answer.text


SECRETS = {
    "key and merchant": (CHEQPAY_PATH, KEY),
    "bearer": (CHEQPAY_PATH, {"Authorization": "Bearer a key"}),
    "names of the operator's own": (
        CHEQPAY_PATH,
        {"Merchant": "m1", "ApiKey": "k1", "Token": "t1"},
    ),
    "token": (CAPILLARY_PATH, {"X-CAP-API-OAUTH-TOKEN": "a token"}),
}


@pytest.mark.parametrize(("path", "headers"), SECRETS.values(), ids=SECRETS.keys())
async def test_keys_and_tokens_are_never_shown(path, headers):
    async with client_of(create_app(), headers) as client:
        await client.post(path, json={})
        answer = await client.get("/_received")

    (seen,) = answer.json()
    assert {seen["headers"][name.lower()] for name in headers} == {"…"}
    for value in headers.values():
        assert value.removeprefix("Bearer ") not in answer.text


@pytest.mark.parametrize("content", [b'{"key": "ours", "secret": "ours"}', b"ours", b'["ours"]'])
async def test_a_body_that_is_a_credential_is_never_shown(client, content):
    headers = {"Content-Type": "application/json"}
    told = await client.post(TOKEN_PATH, content=content, headers=headers)
    answer = await client.get("/_received")

    assert [one["body"] for one in answer.json()] == ["…"]
    assert "ours" not in answer.text + told.text + (await client.get("/_state")).text


async def test_path_and_query_are_shown_as_they_were_written(client):
    await client.post(f"/pos{CHEQPAY_PATH}", json=CHEQPAY)
    await client.post(f"{CAPILLARY_PATH}?skipChangeIdentifier=true&a=%20b", json=[CAPILLARY])
    seen = (await client.get("/_received")).json()

    assert [(one["path"], one["query"]) for one in seen] == [
        (f"/pos{CHEQPAY_PATH}", ""),
        (CAPILLARY_PATH, "skipChangeIdentifier=true&a=%20b"),
    ]


async def test_requests_that_were_told_to_fail_are_listed_too(client):
    await client.post("/_behave", json={"endpoint": "*", "status": 503})
    await client.post(CUSTOMER_PATH, json=CUSTOMER)
    (seen,) = (await client.get("/_received")).json()

    assert (seen["body"], seen["answered"]) == (CUSTOMER, 503)


async def test_the_list_can_be_emptied_and_the_store_stays(client):
    await client.post(CUSTOMER_PATH, json=CUSTOMER)

    assert (await client.delete("/_received")).status_code == 204
    assert (await client.get("/_received")).json() == []
    assert (await client.get("/_state")).json()["bonifiq.customer"]["count"] == 1


def test_the_oldest_requests_are_forgotten_first():
    memory = Memory(Behaviour([]), {}, Tokens(lambda: 0.0))
    memory.received.extend({"body": number} for number in range(100_001))

    assert (memory.received[0], len(memory.received)) == ({"body": 1}, 100_000)


async def test_requests_at_the_same_time_are_all_counted(client):
    orders = [{**ORDER, "OriginalId": str(number)} for number in range(50)]
    await asyncio.gather(*(client.post(ORDER_PATH, json=order) for order in orders))
    kept = (await client.get("/_state")).json()["bonifiq.order"]

    assert (kept["count"], kept["accepted"]) == (50, 50)
    assert len((await client.get("/_received")).json()) == 50
