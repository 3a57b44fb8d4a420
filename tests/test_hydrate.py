"""What a webhook leaves out is fetched from where the operator said, and nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import httpx
import pytest

from bridge.engines import ENGINES
from bridge.errors import FetchFailed
from bridge.hydrate import Api, Kept, Pace, fetch_all
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
    async with api(handler) as shop:
        return await fetch_all(shop, wanted, scope)


@contextlib.asynccontextmanager
async def api(
    handler: Handler, kept: Kept | None = None, *, timeout: float = 5.0
) -> AsyncIterator[Api]:
    async def turn() -> None:
        return

    # A client that would follow redirects, so that nobody else keeps the fetch on its host.
    async with httpx.AsyncClient(
        transport=httpx.MockTransport(handler), follow_redirects=True
    ) as client:
        yield Api(client, "shop", kept or Kept(lambda: 0.0), turn, timeout)


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
    [
        (500, True),
        (503, True),
        (429, True),
        (408, True),
        (401, False),
        (404, True),
        (410, False),
        (302, False),
    ],
)
async def test_a_status_says_whether_later_may_be_better(status: int, transient: bool) -> None:
    with pytest.raises(FetchFailed) as caught:
        await fetched(lambda _: httpx.Response(status, headers={"retry-after": "7"}))

    assert caught.value.transient is transient
    assert str(status) in str(caught.value)
    assert caught.value.retry_after == (7.0 if transient and status != 404 else None)
    assert caught.value.few == (5 if status == 404 else None)


async def test_a_wait_until_a_moment_is_measured_from_the_answer_s_own_clock() -> None:
    headers = {
        "date": "Sat, 21 Nov 2026 08:00:00 GMT",
        "retry-after": "Sat, 21 Nov 2026 08:01:30 GMT",
    }
    with pytest.raises(FetchFailed) as caught:
        await fetched(lambda _: httpx.Response(429, headers=headers))

    assert caught.value.retry_after == 90.0


async def test_no_redirect_is_followed_and_the_address_is_the_thing_to_look_at() -> None:
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.host)
        return httpx.Response(307, headers={"location": "https://evil.example/"})

    with pytest.raises(FetchFailed, match="redirects are not followed") as caught:
        await fetched(handler)

    assert seen == ["shop.example"]
    assert "evil" not in str(caught.value)


@pytest.mark.parametrize(
    "id_", ["https://evil.example/", "//evil.example", "...", "@evil.example", "?x=", "#", "\\"]
)
async def test_whatever_a_webhook_calls_its_order_the_host_stays(id_: str) -> None:
    seen: list[httpx.URL] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(200, json={})

    await fetched(handler, scope={**SCOPE, "body": {"id": id_}})

    assert [(url.scheme, url.host, url.query) for url in seen] == [
        ("https", "shop.example", b"full=1")
    ]
    assert seen[0].raw_path.startswith(b"/orders/")


@pytest.mark.parametrize("id_", [".", ".."])
async def test_an_id_that_would_lead_to_another_address_is_asked_for_nowhere(id_: str) -> None:
    seen: list[httpx.URL] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url)
        return httpx.Response(200, json={})

    with pytest.raises(FetchFailed, match="'order': found a step to another address") as caught:
        await fetched(handler, scope={**SCOPE, "body": {"id": id_}})

    assert caught.value.transient is False
    assert not seen


@pytest.mark.parametrize("status", [400, 410, 422])
async def test_an_id_that_the_shop_does_not_take_is_told_as_that(status: int) -> None:
    with pytest.raises(FetchFailed, match=f"{status}: the id may be none") as caught:
        await fetched(lambda _: httpx.Response(status))

    assert caught.value.transient is False


async def test_an_answer_beyond_all_measure_is_not_read_to_its_end() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * 1_048_576

    with pytest.raises(FetchFailed, match="longer than 8 MiB") as caught:
        await fetched(lambda _: httpx.Response(200, content=endless()))

    assert caught.value.transient is False


async def test_an_answer_that_trickles_in_is_given_up_when_its_time_is_over() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(0.001)
            yield b" "

    async with api(lambda _: httpx.Response(200, content=trickle()), timeout=0.02) as shop:
        with pytest.raises(FetchFailed, match="TimeoutError") as caught:
            # Whoever waits longer than this waits for ever.
            await asyncio.wait_for(fetch_all(shop, ORDER, SCOPE), 2.0)

    assert caught.value.transient


@pytest.mark.parametrize("text", ['{"total": NaN}', '{"total": -Infinity}', "[" * 100_000])
async def test_what_is_not_quite_json_is_none(text: str) -> None:
    with pytest.raises(FetchFailed, match="is no JSON"):
        await fetched(lambda _: httpx.Response(200, text=text))


async def test_a_connection_that_breaks_may_be_better_later() -> None:
    def handler(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("t0k3n")

    with pytest.raises(FetchFailed, match="ReadError") as caught:
        await fetched(handler)

    assert caught.value.transient
    assert "t0k3n" not in str(caught.value)


LINES = """
[[fetch]]
name  = "lines"
url   = "{setting.site}/lines{setting.query}"
pages = { query = "page", size = 2, most = 3 }
"""
Pages = list[httpx.Response]


async def paged(pages: Pages, text: str = LINES, query: str = "?limit=2") -> tuple[Any, list[str]]:
    """What the pages of a list come to, and the queries that they were asked for with."""
    seen: list[str] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.query.decode())
        return pages[len(seen) - 1]

    given = fetches(text.replace("{setting.query}", query))
    found = await fetched(handler, given)
    return found.get("lines"), seen


def page(*elements: int) -> httpx.Response:
    return httpx.Response(200, json=list(elements))


@pytest.mark.parametrize(
    ("pages", "found"),
    [
        ([page()], []),
        ([page(1)], [1]),
        ([page(1, 2), page(3)], [1, 2, 3]),
        ([page(1, 2), page()], [1, 2]),
        ([page(1, 2), httpx.Response(204)], [1, 2]),
        ([page(1, 2), httpx.Response(404)], [1, 2]),
        ([page(1, 2), page(3, 4), page(5)], [1, 2, 3, 4, 5]),
    ],
)
async def test_a_list_is_fetched_page_by_page_while_they_are_full(
    pages: Pages, found: list[int]
) -> None:
    lines, seen = await paged(pages)

    assert lines == found
    assert seen == ["limit=2", "limit=2&page=2", "limit=2&page=3"][: len(pages)]


async def test_a_page_is_asked_for_where_the_address_has_no_query_yet() -> None:
    assert (await paged([page(1, 2), page()], query=""))[1] == ["", "page=2"]


async def test_a_list_without_an_end_is_given_up() -> None:
    with pytest.raises(FetchFailed, match="more than 3 pages") as caught:
        await paged([page(1, 2)] * 9)

    assert caught.value.transient is False


async def test_a_page_that_fails_fails_the_whole() -> None:
    with pytest.raises(FetchFailed) as caught:
        await paged([page(1, 2), httpx.Response(503)])

    assert caught.value.transient


async def test_what_is_no_list_has_no_pages() -> None:
    with pytest.raises(FetchFailed, match="no list") as caught:
        await paged([httpx.Response(200, json={"data": []})])

    assert caught.value.transient is False


async def test_an_optional_list_may_be_absent() -> None:
    assert (await paged([httpx.Response(204)], f"{LINES}optional = true"))[0] is None
    with pytest.raises(FetchFailed):
        await paged([httpx.Response(404)])


WITH_TOKEN = fetches("""
[[fetch]]
name   = "token"
keep   = 60
method = "POST"
url    = "{setting.site}/token"
form   = { id = "secret.client_id", key = "secret.client_key" }
[[fetch]]
name    = "order"
url     = "{setting.site}/orders/1"
headers = { X-Token = "{resource.token.access}" }
[[fetch]]
name    = "extra"
when    = "resource.order.more | is(true)"
url     = "{setting.site}/extra"
headers = { X-Other = "{secret.other}" }
""")
TOKENS = {**SCOPE, "secret": {"client_id": "a", "client_key": "b", "other": "c"}}


class Shop:
    """An API whose tokens end when it says so."""

    def __init__(self) -> None:
        self.good = 1
        self.denies: set[str] = set()
        self.seen: list[str] = []

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(request.url.path)
        if request.url.path in self.denies:
            return httpx.Response(403)
        if request.url.path == "/token":
            return httpx.Response(200, json={"access": str(self.good)})
        if request.url.path == "/orders/1" and request.headers["x-token"] != str(self.good):
            return httpx.Response(401)
        return httpx.Response(200, json={"more": True})


async def test_a_kept_token_that_has_ended_is_fetched_anew_once() -> None:
    shop, kept = Shop(), Kept(lambda: 0.0)
    async with api(shop.handle, kept) as one:
        await fetch_all(one, WITH_TOKEN, TOKENS)
        shop.good = 2
        found = await fetch_all(one, WITH_TOKEN, TOKENS)
        await fetch_all(one, WITH_TOKEN, TOKENS)

    assert found["token"] == {"access": "2"}
    assert shop.seen == [
        *("/token", "/orders/1", "/extra"),
        *("/orders/1", "/token", "/orders/1", "/extra"),
        *("/orders/1", "/extra"),
    ]


async def test_what_was_kept_answers_nothing_but_the_same_call() -> None:
    asked = fetches("""
[[fetch]]
name = "one"
keep = 600
method = "POST"
url = "{setting.site}/graphql"
headers = { X-Language = "{body.language}" }
json = { id = "body.id" }
""")

    def handler(request: httpx.Request) -> httpx.Response:
        language = request.headers["x-language"]
        return httpx.Response(200, json={**json.loads(request.content), "in": language})

    def of(id_: str, language: str) -> dict[str, Any]:
        return {**SCOPE, "body": {"id": id_, "language": language}}

    async with api(handler, Kept(lambda: 0.0)) as shop:
        found = [
            (await fetch_all(shop, asked, of(id_, language)))["one"]
            for id_, language in (("1", "pt"), ("2", "pt"), ("2", "en"))
        ]

    assert found == [{"id": "1", "in": "pt"}, {"id": "2", "in": "pt"}, {"id": "2", "in": "en"}]


async def test_nothing_that_is_kept_shows_a_token() -> None:
    kept = Kept(lambda: 0.0)
    async with api(Shop().handle, kept) as shop:
        await fetch_all(
            shop, WITH_TOKEN, {**TOKENS, "secret": {**TOKENS["secret"], "client_key": "k3y"}}
        )
        shown = repr(shop)

    assert "access" not in shown
    assert "k3y" not in shown


async def test_a_new_token_that_is_denied_is_not_asked_for_again() -> None:
    shop = Shop()
    shop.denies = {"/orders/1"}
    async with api(shop.handle, Kept(lambda: 0.0)) as one:
        for seen in (2, 5):
            with pytest.raises(FetchFailed, match="answered 403"):
                await fetch_all(one, WITH_TOKEN, TOKENS)
            # The second time the token was kept: it is fetched anew, and denied as well.
            assert len(shop.seen) == seen


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/token", "fetch 'token': the store answered 403: look at 'client_id' or 'client_key' in"),
        ("/orders/1", "fetch 'order': the store answered 403: look at 'client_id' or 'client_key'"),
        (
            "/extra",
            "fetch 'extra': the store answered 403: look at 'other' in the store's `tokens`",
        ),
    ],
)
async def test_a_denied_fetch_names_the_tokens_to_look_at_and_never_their_values(
    path: str, told: str
) -> None:
    shop = Shop()
    shop.denies = {path}

    with pytest.raises(FetchFailed) as caught:
        await fetched(shop.handle, WITH_TOKEN, TOKENS)

    assert told in str(caught.value)
    assert str(caught.value).endswith("(connections.toml)")
    assert caught.value.transient is False


async def test_a_fetch_without_a_token_that_is_denied_says_so() -> None:
    bare = fetches("""
[[fetch]]
name = "order"
when = "secret.token | present"
url  = "{setting.site}/orders/1"
""")

    with pytest.raises(FetchFailed, match="401: no token was sent"):
        await fetched(lambda _: httpx.Response(401), bare)


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


async def test_calls_to_one_store_are_spread_evenly_and_nothing_is_saved_up() -> None:
    time = Time()
    pace = Pace(lambda: time.now, time.sleep)

    for _ in range(3):
        await pace.turn("shop", 2.0)
    await pace.turn("other", 2.0)
    await pace.turn("shop", None)
    time.now += 60.0
    for _ in range(2):
        await pace.turn("shop", 2.0)

    assert time.slept == [0.5, 1.0, 0.5]


async def test_every_call_waits_for_its_turn() -> None:
    turns: list[int] = []

    async def turn() -> None:
        turns.append(1)

    async with api(lambda _: page(1, 2) if len(turns) < 3 else page()) as one:
        wanted = fetches(LINES.replace("{setting.query}", ""))
        await fetch_all(replace(one, turn=turn), wanted, SCOPE)

    assert len(turns) == 3


async def test_an_expired_token_is_named_as_the_likely_reason() -> None:
    with pytest.raises(FetchFailed, match="look at 'token' in") as caught:
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
    async with api(handler, kept) as shop:
        for _ in range(2):
            found = await fetch_all(shop, both, SCOPE)

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


async def test_text_that_no_form_can_hold_is_told_and_not_tried_again() -> None:
    form = fetches(
        '[[fetch]]\nname = "a"\nmethod = "POST"\nurl = "{setting.site}/a"\nform.id = "body.id"'
    )

    with pytest.raises(FetchFailed, match="half a surrogate pair") as caught:
        await fetched(lambda _: httpx.Response(200), form, {**SCOPE, "body": {"id": "\ud800"}})

    assert caught.value.transient is False


async def test_an_answer_that_is_no_json_may_be_better_later() -> None:
    with pytest.raises(FetchFailed) as caught:
        await fetched(lambda _: httpx.Response(200, text="<html>"))

    assert caught.value.transient
