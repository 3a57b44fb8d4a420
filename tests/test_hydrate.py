"""What a webhook leaves out is fetched from where the operator said, and nowhere else."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import httpx
import pytest

from bridge.engines import ENGINES
from bridge.errors import FetchFailed
from bridge.hydrate import Kept, fetch_all
from bridge.mapping.library import BUILT_IN
from bridge.mapping.lines import read
from bridge.mapping.source import Fetch
from bridge.mapping.source_file import read_source
from bridge.types import Problem

FILE = """
platform = "acme"
[settings]
site = { about = "Address of the shop." }
[verify.hmac]
header = "x-signature"
[webhook]
topic = "header.x-topic"
[answer]
within = 5.0
retries = false
[topics]
paid = []
"""
Handler = Callable[[httpx.Request], httpx.Response]


def fetches(text: str) -> tuple[Fetch, ...]:
    problems: list[Problem] = []
    source = read_source(read(FILE + text, "acme.toml"), BUILT_IN, ENGINES, problems)
    assert source is not None, problems
    return source.fetches


ORDER = fetches("""
[[fetch]]
name    = "order"
url     = "{setting.site}/orders/{body.id}?full=1"
headers = { Authorization = "Bearer {secret.token}" }
""")
SCOPE: dict[str, Any] = {
    "header": {},
    "query": {},
    "body": {"id": "a/b?c"},
    "setting": {"site": "https://shop.example"},
    "secret": {"token": "t0k3n"},
    "resource": {},
}


async def fetched(
    handler: Handler, wanted: tuple[Fetch, ...] = ORDER, scope: dict[str, Any] = SCOPE
) -> dict[str, Any]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        return await fetch_all(client, "shop", wanted, scope, Kept(lambda: 0.0), timeout=5.0)


async def test_an_id_cannot_leave_its_place_in_the_address() -> None:
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"total": 1})

    await fetched(handler)

    assert str(seen[0].url) == "https://shop.example/orders/a%2Fb%3Fc?full=1"
    assert seen[0].headers["authorization"] == "Bearer t0k3n"


async def test_numbers_stay_exact() -> None:
    found = await fetched(lambda _: httpx.Response(200, content=b'{"total": 0.1}'))

    assert found == {"order": {"total": Decimal("0.1")}}


@pytest.mark.parametrize(
    ("status", "transient"),
    [(500, True), (503, True), (429, True), (408, True), (401, False), (404, False), (302, False)],
)
async def test_a_status_says_whether_later_may_be_better(status: int, transient: bool) -> None:
    with pytest.raises(FetchFailed) as caught:
        await fetched(lambda _: httpx.Response(status, headers={"retry-after": "7"}))

    assert caught.value.transient is transient
    assert str(status) in str(caught.value)
    assert caught.value.retry_after == (7.0 if transient else None)


async def test_an_expired_token_is_named_as_the_likely_reason() -> None:
    with pytest.raises(FetchFailed, match="token") as caught:
        await fetched(lambda _: httpx.Response(401, text="t0k3n of ana@example.com"))

    assert "t0k3n" not in str(caught.value)
    assert "ana" not in str(caught.value)


async def test_what_is_optional_may_be_absent() -> None:
    optional = fetches("""
[[fetch]]
name     = "extra"
optional = true
url      = "{setting.site}/extra/{body.id}"
""")

    assert await fetched(lambda _: httpx.Response(404), optional) == {}


async def test_without_an_id_an_order_cannot_be_fetched() -> None:
    with pytest.raises(FetchFailed, match="its address") as caught:
        await fetched(lambda _: httpx.Response(200), scope={**SCOPE, "body": {}})

    assert caught.value.transient is False


async def test_a_later_fetch_sees_what_an_earlier_one_answered_and_keeps_it() -> None:
    both = fetches("""
[[fetch]]
name = "token"
keep = 60
method = "POST"
url  = "{setting.site}/token"
form.grant = "'client'"
[[fetch]]
name    = "order"
url     = "{setting.site}/orders/1"
headers = { X-Token = "{resource.token.access}" }
""")
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url.path} {request.content.decode()}".strip())
        if request.url.path == "/token":
            return httpx.Response(200, json={"access": "abc"})
        assert request.headers["x-token"] == "abc"
        return httpx.Response(200, json={"id": 1})

    kept = Kept(lambda: 0.0)
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        for _ in range(2):
            found = await fetch_all(client, "shop", both, SCOPE, kept, timeout=5.0)

    assert found["order"] == {"id": 1}
    assert seen == ["POST /token grant=client", "GET /orders/1", "GET /orders/1"]


async def test_an_address_is_of_an_earlier_answer_or_else_of_the_webhook() -> None:
    """What a refund names is found through the refund, and an order by its own id."""
    both = fetches("""
[[fetch]]
name = "refund"
when = "body.type | is('refund')"
url  = "{setting.site}/refunds/{body.id}"
[[fetch]]
name = "order"
url  = "{setting.site}/orders/{resource.refund.order_id ?? body.id}"
""")
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        return httpx.Response(200, json={"order_id": 7})

    for kind in ("refund", "order"):
        await fetched(handler, both, {**SCOPE, "body": {"type": kind, "id": 1}})

    assert seen == ["/refunds/1", "/orders/7", "/orders/1"]


async def test_a_body_is_written_as_json_without_what_is_nothing() -> None:
    query = fetches("""
[[fetch]]
name   = "extra"
method = "POST"
url    = "{setting.site}/graphql"
json.query = "'query'"
json.variables.id = "body.id"
json.variables.none = "body.none"
""")
    seen: list[Any] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(json.loads(request.content))
        return httpx.Response(200, json={})

    await fetched(handler, query)

    assert seen == [{"query": "query", "variables": {"id": "a/b?c"}}]


async def test_an_answer_that_is_no_json_may_be_better_later() -> None:
    with pytest.raises(FetchFailed) as caught:
        await fetched(lambda _: httpx.Response(200, text="<html>"))

    assert caught.value.transient
