"""Capillary's stand-in lets callers in, judges each customer alone, and counts the failures."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import httpx
import pytest

from bridge.sandbox import create_app
from bridge.sandbox.endpoint import Shelf
from tests.sandbox.bodies import (
    CAPILLARY,
    CAPILLARY_PATH,
    PROFILE,
    SUBSCRIPTION,
    TOKEN_PATH,
    basic,
    client_of,
    till,
)

pytestmark = pytest.mark.anyio

KEEP = f"{CAPILLARY_PATH}?skipChangeIdentifier=true"
CLIENT = {"key": "a key", "secret": "a secret"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(create_app(), till()) as client:
        yield client


def of_token(token: str) -> dict[str, str]:
    return {"X-CAP-API-OAUTH-TOKEN": token}


async def login(client: httpx.AsyncClient) -> dict[str, str]:
    answer = await client.post(TOKEN_PATH, json=CLIENT)
    assert answer.status_code == 200
    return of_token(answer.json()["data"]["accessToken"])


async def upsert(
    client: httpx.AsyncClient, headers: Mapping[str, str] | None = None
) -> httpx.Response:
    return await client.post(KEEP, json=[CAPILLARY], headers=headers)


def failed(answer: httpx.Response, status: int) -> str:
    """Check what a refused request is answered; give the reasons."""
    assert answer.status_code == status
    assert set(answer.json()) == {"errors", "warnings"}
    assert {(one["status"], one["code"]) for one in answer.json()["errors"]} == {(False, status)}
    return "; ".join(one["message"] for one in answer.json()["errors"])


async def stored(client: httpx.AsyncClient) -> dict[str, Any]:
    found: dict[str, Any] = (await client.get("/_state")).json()["capillary.customer"]
    return found


async def test_a_customer_is_answered_with_all_of_the_documented_parts(client):
    answer = await upsert(client)
    told = answer.json()
    (item,) = told["response"]

    assert (answer.status_code, told["totalCount"], told["failureCount"]) == (200, 1, 0)
    assert (item["errors"], item["warnings"]) == ([], [])
    assert item["entityId"] == item["result"]["id"]
    (profile,) = item["result"]["profiles"]
    assert (profile["firstName"], profile["lastName"]) == ("Asha", "Rao")
    assert profile["identifiers"] == profile["identifiersAll"] == PROFILE["identifiers"]
    assert profile["commChannels"] == [{**one, "attributes": {}} for one in PROFILE["commChannels"]]
    assert (profile["source"], profile["accountId"]) == ("ECOMMERCE", "shop-main")
    assert profile["userId"] == item["entityId"]
    assert item["result"]["loyaltyInfo"]["loyaltyType"] == "loyalty"
    assert item["result"]["extendedFields"] == {"gender": "Female"}


async def test_customers_of_one_request_are_judged_alone_and_answered_in_order(client):
    other = {**CAPILLARY, "profiles": [{**PROFILE, "identifiers": [external("shop-10")]}]}
    wrong = {**CAPILLARY, "profiles": [{**PROFILE, "source": "SHOP"}]}
    told = (await client.post(KEEP, json=[CAPILLARY, wrong, other, 7])).json()

    assert (told["totalCount"], told["failureCount"]) == (4, 2)
    assert [bool(one["errors"]) for one in told["response"]] == [False, True, False, True]
    assert [one.get("entityId") for one in told["response"]] == [1, None, 2, None]
    assert "result" not in told["response"][1]
    assert (await stored(client))["count"] == 2


def external(value: str) -> dict[str, str]:
    return {"type": "externalId", "value": value}


@pytest.mark.parametrize("content", [b"", b"{}", b"null", b"[]", b'[{"profiles": []}'])
async def test_what_is_no_list_of_customers_is_a_400(client, content):
    headers = {"Content-Type": "application/json"}
    answer = await client.post(KEEP, content=content, headers=headers)

    assert failed(answer, 400)
    assert (await stored(client))["accepted"] == 0


async def test_a_body_that_is_not_declared_as_json_is_a_415(client):
    headers = {"Content-Type": "text/plain"}

    assert "Content-Type" in failed(await client.post(KEEP, content=b"[]", headers=headers), 415)
    assert (await client.post(TOKEN_PATH, content=b"{}", headers=headers)).status_code == 415


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?skipChangeIdentifier=",
        "?skipChangeIdentifier=1",
        "?skipChangeIdentifier=True",
        "?skipchangeidentifier=true",
        "?skipChangeIdentifier=true&skipChangeIdentifier=false",
    ],
)
async def test_whether_identifiers_change_has_to_be_said(client, query):
    answer = await client.post(CAPILLARY_PATH + query, json=[CAPILLARY])

    assert "skipChangeIdentifier=true" in failed(answer, 400)
    assert (await stored(client))["count"] == 0


async def test_data_are_booked_under_a_documented_kind_of_entity_only(client):
    name = "X-CAP-API-ATTRIBUTION-ENTITY-TYPE"

    assert (await upsert(client, {name: "STORE_CODE"})).status_code == 200
    assert name in failed(await upsert(client, {name: "SHOP"}), 400)


async def test_everything_that_is_wrong_with_a_request_is_told_at_once(client):
    headers = {"X-CAP-API-ATTRIBUTION-ENTITY-TYPE": "SHOP"}
    answer = await client.post(CAPILLARY_PATH, json=[CAPILLARY], headers=headers)

    assert len(answer.json()["errors"]) == 2


BAD_CREDENTIALS: Mapping[str, Mapping[str, str]] = {
    "none": {},
    "a password in the clear": basic("a till", "its password"),
    "a hash in capitals": basic("a till", hashlib.md5(b"x").hexdigest().upper()),
    "half a hash": basic("a till", hashlib.md5(b"x").hexdigest()[:16]),
    "no till": basic("", hashlib.md5(b"x").hexdigest()),
    "a token that nobody gave": of_token("abc"),
    "a token in the wrong place": {"Authorization": "Bearer abc"},
}


@pytest.mark.parametrize("headers", BAD_CREDENTIALS.values(), ids=BAD_CREDENTIALS.keys())
async def test_missing_and_malformed_credentials_are_challenged(headers):
    async with client_of(create_app(), headers) as client:
        answer = await upsert(client)
        assert "credentials" in failed(answer, 401)
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
        assert (await stored(client))["count"] == 0


ACCOUNTS = {
    "capillary": [
        {"till": "t1", "password": "p1"},
        {"till": "t2", "password": "p2"},
        {"key": "k1", "secret": "s1"},
    ]
}


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (till("t1", "p1"), 200),
        (till("t2", "p2"), 200),
        (till("t1", "p2"), 401),
        (till("t3", "p1"), 401),
        (till("k1", "s1"), 401),
        (basic("t1", "p1"), 401),
    ],
)
async def test_configured_tills_are_the_only_ones(headers, status):
    async with client_of(create_app(ACCOUNTS), headers) as client:
        assert (await upsert(client)).status_code == status


async def test_a_password_is_hashed_as_in_the_published_example():
    """https://docs.capillarytech.com/reference/basic-authentication"""
    app = create_app({"capillary": [{"till": "store.server", "password": "123"}]})
    async with client_of(app, basic("store.server", "202cb962ac59075b964b07152d234b70")) as client:
        assert (await upsert(client)).status_code == 200


@pytest.mark.parametrize(
    ("key", "secret", "status"),
    [
        ("k1", "s1", 200),
        ("k1", "s2", 401),
        ("k2", "s1", 401),
        ("t1", "p1", 401),
        ("\ud800", "s", 401),
    ],
)
async def test_configured_clients_are_the_only_ones(key, secret, status):
    async with client_of(create_app(ACCOUNTS), {}) as client:
        content = json.dumps({"key": key, "secret": secret})  # httpx writes no half of a pair
        headers = {"Content-Type": "application/json"}
        answer = await client.post(TOKEN_PATH, content=content, headers=headers)

    assert answer.status_code == status
    assert (answer.json()["data"] is None) is (status == 401)
    assert (answer.json()["errors"] is None) is (status == 200)


async def test_nobody_logs_in_by_what_is_configured_for_the_other_way():
    only_till = create_app({"capillary": [{"till": "t1", "password": "p1"}]})
    only_client = create_app({"capillary": [{"key": "k1", "secret": "s1"}]})
    async with client_of(only_till, {}) as one, client_of(only_client, till()) as other:
        assert (await one.post(TOKEN_PATH, json=CLIENT)).status_code == 401
        assert (await upsert(other)).status_code == 401


async def test_a_token_is_what_its_page_shows_and_lets_its_bearer_in():
    async with client_of(create_app(), {}) as client:
        told = (await client.post(TOKEN_PATH, json=CLIENT)).json()
        assert set(told) == {"data", "errors"}
        assert (set(told["data"]), told["errors"]) == ({"accessToken", "ttlSeconds"}, None)
        assert told["data"]["ttlSeconds"] == 300

        assert (await upsert(client, of_token(told["data"]["accessToken"]))).status_code == 200


async def test_every_token_is_another_one_and_an_earlier_one_stays_good():
    async with client_of(create_app(), {}) as client:
        first, second = await login(client), await login(client)

        assert first != second
        assert (await upsert(client, first)).status_code == 200
        assert (await upsert(client, second)).status_code == 200


async def test_a_token_expires_after_its_seconds():
    now = [1000.0]
    async with client_of(create_app(now=lambda: now[0]), {}) as client:
        old = await login(client)
        now[0] += 299.9
        assert (await upsert(client, old)).status_code == 200
        new = await login(client)
        assert (await upsert(client, old)).status_code == 200
        now[0] += 0.1
        assert (await upsert(client, old)).status_code == 401
        assert (await upsert(client, new)).status_code == 200


async def test_all_tokens_can_be_made_to_expire_and_one_login_helps():
    async with client_of(create_app(), {}) as client:
        token = await login(client)
        assert (await client.delete("/_tokens")).status_code == 204

        assert (await upsert(client, token)).status_code == 401
        assert (await upsert(client, await login(client))).status_code == 200


@pytest.mark.parametrize("token", ["abc", ""])
async def test_a_bad_token_is_not_made_up_for_by_a_till(token):
    async with client_of(create_app(), till()) as client:
        assert (await upsert(client, of_token(token))).status_code == 401


@pytest.mark.parametrize(
    "body", [{}, [], {"key": "a"}, {"key": "", "secret": "b"}, {**CLIENT, "grant": "x"}]
)
async def test_a_login_that_is_not_as_documented_is_a_400(client, body):
    answer = await client.post(TOKEN_PATH, json=body)

    assert (answer.status_code, answer.json()["data"]) == (400, None)
    assert {one["code"] for one in answer.json()["errors"]} == {400}


async def test_login_and_upsert_fail_apart_from_each_other(client):
    await client.post("/_behave", json={"endpoint": "capillary.token", "status": 503})
    assert (await client.post(TOKEN_PATH, json=CLIENT)).status_code == 503
    assert (await upsert(client)).status_code == 200

    await client.delete("/_behave")
    await client.post("/_behave", json={"endpoint": "capillary.customer", "status": 429})
    assert failed(await upsert(client), 429)
    assert (await client.post(TOKEN_PATH, json=CLIENT)).status_code == 200


async def test_a_good_status_without_storing_tells_of_no_customer_and_gives_no_token(client):
    await client.post("/_behave", json={"endpoint": "*", "status": 200})

    assert (await upsert(client)).json() == {"response": [], "totalCount": 0, "failureCount": 0}
    assert (await client.post(TOKEN_PATH, json=CLIENT)).json() == {"data": None, "errors": None}
    assert (await stored(client))["count"] == 0


class Gate:
    """Takes the place of sleeping: who sleeps is held until the gate is opened."""

    def __init__(self) -> None:
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def __call__(self, _: float) -> None:
        self.reached.set()
        await self.open.wait()


def codes(answer: httpx.Response) -> list[int]:
    return [error["code"] for one in answer.json()["response"] for error in one["errors"]]


async def test_two_requests_for_one_customer_at_a_time_are_one_too_many():
    gate = Gate()
    same = {**CAPILLARY, "profiles": [{**PROFILE, "identifiers": PROFILE["identifiers"][1:2]}]}
    other = {**CAPILLARY, "profiles": [{**PROFILE, "identifiers": [external("shop-10")]}]}
    async with asyncio.timeout(20), client_of(create_app(sleep=gate), till()) as client:
        rule = {"endpoint": "capillary.customer", "delay_s": 2, "times": 1}
        await client.post("/_behave", json=rule)
        slow = asyncio.create_task(upsert(client))
        await gate.reached.wait()

        meanwhile = await client.post(KEEP, json=[same, other, {**same, "x": 1}])
        assert meanwhile.status_code == 200
        assert codes(meanwhile) == [521, 400]
        assert [one.get("entityId") for one in meanwhile.json()["response"]] == [None, 1, None]

        gate.open.set()
        assert codes(await slow) == []
        assert codes(await client.post(KEEP, json=[same])) == []


def test_a_thing_is_in_work_until_the_request_is_done_that_came_first():
    shelf, thing, other = Shelf(), frozenset({"thing"}), frozenset({"other"})
    with shelf.working(thing) as first:
        with shelf.working(thing | other) as second:
            assert (first, second) == (frozenset(), thing)
        with shelf.working(thing | other) as third:
            assert third == thing
    with shelf.working(thing) as fourth:
        assert fourth == frozenset()


async def test_a_customer_is_free_again_after_a_request_that_failed():
    gate = Gate()
    async with asyncio.timeout(20), client_of(create_app(sleep=gate), till()) as client:
        rule = {"endpoint": "capillary.customer", "delay_s": 2, "times": 1, "status": 500}
        await client.post("/_behave", json=rule)
        slow = asyncio.create_task(upsert(client))
        await gate.reached.wait()
        assert codes(await upsert(client)) == [521]

        gate.open.set()
        assert (await slow).status_code == 500
        assert codes(await upsert(client)) == []


@pytest.mark.parametrize(
    "body", [{}, [7], [{"profiles": 7}], [{"profiles": [{"identifiers": [[]]}]}]]
)
async def test_a_delayed_request_may_be_about_nothing(body):
    async def at_once(_: float) -> None:
        pass

    async with client_of(create_app(sleep=at_once), till()) as client:
        await client.post("/_behave", json={"endpoint": "capillary.customer", "delay_s": 2})

        assert (await client.post(KEEP, json=body)).status_code in (200, 400)


async def test_a_subscription_update_finds_its_customer_without_a_source(client):
    await upsert(client)
    told = (await client.post(KEEP, json=[SUBSCRIPTION])).json()

    assert (told["response"][0]["entityId"], told["failureCount"]) == (1, 0)
    kept = (await stored(client))["objects"]["1"]
    assert kept["subscriptionInfo"] == SUBSCRIPTION["subscriptionInfo"]
    assert kept["statusLabel"] == "Active"
    assert kept["profiles"][0]["firstName"] == "Asha"


async def test_a_subscription_update_without_a_source_adds_nobody(client):
    answer = await client.post(KEEP, json=[SUBSCRIPTION])

    assert codes(answer) == [8004]
    assert (await stored(client))["count"] == 0
