"""An endpoint fails exactly as it is told to, as often as it is told to, and no other does."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from bridge.sandbox import create_app
from tests.sandbox.bodies import (
    CUSTOMER,
    CUSTOMER_PATH,
    ENDPOINTS,
    ORDER,
    ORDER_PATH,
    basic,
    client_of,
)

pytestmark = pytest.mark.anyio


async def behave(client: httpx.AsyncClient, **rule: Any) -> list[dict[str, Any]]:
    answer = await client.post("/_behave", json=rule)
    assert answer.status_code == 200, answer.text
    standing: list[dict[str, Any]] = answer.json()["standing"]
    return standing


async def statuses(client: httpx.AsyncClient, path: str, body: object, times: int) -> list[int]:
    return [(await client.post(path, json=body)).status_code for _ in range(times)]


async def stored(client: httpx.AsyncClient) -> int:
    """How many orders there are."""
    count: int = (await client.get("/_state")).json()["bonifiq.order"]["count"]
    return count


async def test_a_status_is_answered_with_an_envelope_and_stores_nothing(client):
    await behave(client, endpoint="bonifiq.order", status=503)
    answer = await client.post(ORDER_PATH, json=ORDER)

    assert answer.status_code == 503
    assert (answer.json()["HasError"], answer.json()["Severity"]) == (True, 2)
    assert answer.json()["Result"] is None
    assert await stored(client) == 0


async def test_a_good_status_without_storing_says_that_nothing_was_done(client):
    await behave(client, endpoint="bonifiq.order", status=200)
    answer = await client.post(ORDER_PATH, json=ORDER)

    assert (answer.json()["HasError"], answer.json()["Result"]) == (False, None)
    assert await stored(client) == 0


async def test_other_endpoints_stay_normal(client):
    await behave(client, endpoint="bonifiq.order", status=503)

    assert await statuses(client, CUSTOMER_PATH, CUSTOMER, 1) == [200]


async def test_a_star_means_every_endpoint(client):
    await behave(client, endpoint="*", status=500)

    assert await statuses(client, CUSTOMER_PATH, CUSTOMER, 1) == [500]
    assert await statuses(client, ORDER_PATH, ORDER, 1) == [500]


async def test_a_rule_without_times_stands_until_it_is_changed(client):
    await behave(client, endpoint="bonifiq.order", status=503)
    assert await statuses(client, ORDER_PATH, ORDER, 3) == [503, 503, 503]

    await behave(client, endpoint="bonifiq.order", status=429)
    assert await statuses(client, ORDER_PATH, ORDER, 1) == [429]


async def test_a_rule_with_times_ends(client):
    await behave(client, endpoint="bonifiq.order", status=503, times=2)

    assert await statuses(client, ORDER_PATH, ORDER, 4) == [503, 503, 200, 200]


async def test_the_times_of_a_star_are_shared_by_the_endpoints(client):
    await behave(client, endpoint="*", status=503, times=2)

    assert await statuses(client, ORDER_PATH, ORDER, 1) == [503]
    assert await statuses(client, CUSTOMER_PATH, CUSTOMER, 2) == [503, 200]
    assert await statuses(client, ORDER_PATH, ORDER, 1) == [200]


async def test_requests_at_the_same_time_use_up_a_rule_exactly(client):
    await behave(client, endpoint="bonifiq.order", status=503, delay_s=0.01, times=5)
    answers = await asyncio.gather(*(client.post(ORDER_PATH, json=ORDER) for _ in range(20)))

    assert sorted(answer.status_code for answer in answers) == [200] * 15 + [503] * 5


async def test_an_empty_rule_ends_the_fault_of_its_endpoint_only(client):
    await behave(client, endpoint="*", status=503)
    left = await behave(client, endpoint="bonifiq.order")

    assert await statuses(client, ORDER_PATH, ORDER, 1) == [200]
    assert await statuses(client, CUSTOMER_PATH, CUSTOMER, 1) == [503]
    others = [name for name in ENDPOINTS if name != "bonifiq.order"]
    assert [rule["endpoint"] for rule in left] == others


async def test_an_empty_rule_for_all_ends_every_fault(client):
    await behave(client, endpoint="bonifiq.order", status=503)

    assert await behave(client, endpoint="*") == []
    assert await statuses(client, ORDER_PATH, ORDER, 1) == [200]


async def test_deleting_ends_every_fault(client):
    await behave(client, endpoint="bonifiq.order", status=503)

    assert (await client.delete("/_behave")).status_code == 204
    assert await statuses(client, ORDER_PATH, ORDER, 1) == [200]


async def test_headers_and_body_are_sent_as_told(client):
    await behave(
        client,
        endpoint="bonifiq.order",
        status=502,
        headers={"Retry-After": "1", "Content-Type": "text/html"},
        body="<h1>Bad gateway</h1>",
    )
    answer = await client.post(ORDER_PATH, json=ORDER)

    assert (answer.status_code, answer.text) == (502, "<h1>Bad gateway</h1>")
    assert (answer.headers["retry-after"], answer.headers["content-type"]) == ("1", "text/html")


async def test_an_envelope_too_is_sent_with_the_headers(client):
    await behave(client, endpoint="bonifiq.order", status=429, headers={"Retry-After": "7"})
    answer = await client.post(ORDER_PATH, json=ORDER)

    assert answer.headers["retry-after"] == "7"
    assert answer.json()["HasError"] is True


async def test_a_status_without_content_has_none(client):
    await behave(client, endpoint="bonifiq.order", status=204)

    assert (await client.post(ORDER_PATH, json=ORDER)).content == b""


async def test_a_status_afterwards_is_told_about_something_that_was_stored(client):
    await behave(client, endpoint="bonifiq.order", status=503, after=True)

    assert await statuses(client, ORDER_PATH, ORDER, 1) == [503]
    assert await stored(client) == 1


async def test_afterwards_stores_nothing_that_would_be_refused(client):
    await behave(client, endpoint="bonifiq.order", status=503, after=True)
    await client.post(ORDER_PATH, json={**ORDER, "IsCompleted": True})
    await client.post(ORDER_PATH, json=ORDER, headers={"Authorization": "Basic"})

    assert await stored(client) == 0


async def test_a_fault_comes_before_the_credentials_are_looked_at(client):
    await behave(client, endpoint="bonifiq.order", status=503)
    answer = await client.post(ORDER_PATH, json=ORDER, headers={"Authorization": "Basic"})

    assert answer.status_code == 503


class Gate:
    """Takes the place of sleeping: who sleeps is held until the gate is opened."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.reached, self.open = asyncio.Event(), asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.asked.append(seconds)
        self.reached.set()
        await self.open.wait()


async def test_a_delayed_request_is_overtaken_and_accepted_in_the_end():
    gate = Gate()
    async with asyncio.timeout(20), client_of(create_app(sleep=gate)) as client:
        await behave(client, endpoint="bonifiq.order", delay_s=2.5, times=1)
        slow = asyncio.create_task(client.post(ORDER_PATH, json=ORDER))
        await gate.reached.wait()

        assert await statuses(client, ORDER_PATH, {**ORDER, "OriginalId": "2"}, 1) == [200]
        seen = (await client.get("/_received")).json()
        assert [one["answered"] for one in seen] == [None, 200]
        assert await stored(client) == 1

        gate.open.set()
        assert (await slow).json()["Result"]["OriginalId"] == "5001"
        assert gate.asked == [2.5]
        assert await stored(client) == 2
        assert [one["answered"] for one in (await client.get("/_received")).json()] == [200, 200]


async def test_a_fault_may_come_late():
    gate = Gate()
    async with asyncio.timeout(20), client_of(create_app(sleep=gate)) as client:
        await behave(client, endpoint="bonifiq.order", delay_s=2, status=503, after=True)
        slow = asyncio.create_task(client.post(ORDER_PATH, json=ORDER))
        await gate.reached.wait()
        assert await stored(client) == 0

        gate.open.set()
        assert (await slow).status_code == 503
        assert await stored(client) == 1


async def test_delays_are_really_waited_for_by_default(client):
    await behave(client, endpoint="bonifiq.order", delay_s=3600)
    slow = asyncio.create_task(client.post(ORDER_PATH, json=ORDER))
    for _ in range(1000):
        await asyncio.sleep(0)  # only lets the other task go on
    async with asyncio.timeout(20):
        await client.post(CUSTOMER_PATH, json=CUSTOMER)
    seen = (await client.get("/_received")).json()
    slow.cancel()

    assert [one["answered"] for one in seen] == [None, 200]


ALONG = ("after", "headers", "body")
WRONG = {
    "no JSON": (b"status=503", ["body"]),
    "a list": (b"[]", ["body"]),
    "no endpoint": (b'{"status": 503}', ["endpoint"]),
    "an unknown endpoint": (b'{"endpoint": "bonifiq.orders"}', ["endpoint"]),
    "an unknown field": (b'{"endpoint": "*", "delay": 1}', ["delay"]),
    "everything": (
        b"""{"endpoint": "x", "status": 99, "delay_s": -1, "hang": "yes", "reset": 1,
        "after": null, "times": 0, "headers": {"a b": "1"}, "body": 5, "more": true}""",
        [*("endpoint", "status", "delay_s", "hang", "reset"), *ALONG, "times", "more"],
    ),
    "a status that ends nothing": (b'{"endpoint": "*", "status": 100}', ["status"]),
    "a status as text": (b'{"endpoint": "*", "status": "503"}', ["status"]),
    "true as a number": (b'{"endpoint": "*", "status": 503, "times": true}', ["times"]),
    "three faults": (
        b'{"endpoint": "*", "status": 503, "hang": true, "reset": true}',
        ["status", "hang", "reset"],
    ),
    "nothing to come after": (b'{"endpoint": "*", "delay_s": 1, "after": true}', ["after"]),
    "nothing to send along": (
        b'{"endpoint": "*", "hang": true, "headers": {}, "body": ""}',
        ["headers", "body"],
    ),
    "nothing to repeat": (b'{"endpoint": "*", "times": 2}', ["times"]),
    "a body where none is": (b'{"endpoint": "*", "status": 204, "body": "x"}', ["body"]),
    "a second answer in a header": (
        b'{"endpoint": "*", "status": 503, "headers": {"a": "1\\r\\nb: 2"}}',
        ["headers"],
    ),
    "a false length": (
        b'{"endpoint": "*", "status": 503, "headers": {"Content-Length": "1"}}',
        ["headers"],
    ),
}


@pytest.mark.parametrize(("content", "fields"), WRONG.values(), ids=WRONG.keys())
async def test_every_wrong_field_of_a_rule_is_named_and_nothing_changes(client, content, fields):
    await behave(client, endpoint="bonifiq.order", status=503)
    answer = await client.post("/_behave", content=content)

    assert answer.status_code == 400
    assert sorted(problem.split(":")[0] for problem in answer.json()["problems"]) == sorted(fields)
    assert await statuses(client, ORDER_PATH, ORDER, 1) == [503]
    assert await statuses(client, CUSTOMER_PATH, CUSTOMER, 1) == [200]


async def test_a_reset_behind_a_server_without_sockets_breaks_the_answer_off(client):
    await behave(client, endpoint="bonifiq.order", reset=True, after=True)

    with pytest.raises(ConnectionAbortedError, match="told to reset"):
        await client.post(ORDER_PATH, json=ORDER, headers=basic())
    assert (await client.get("/_received")).json()[0]["answered"] == "reset"
    assert await stored(client) == 1
