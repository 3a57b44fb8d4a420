"""Requests that are no webhooks are answered as the file says, and only to whom it may be told."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest
import structlog
from starlette.applications import Starlette
from starlette.routing import Route as HttpRoute

from bridge.engines import ENGINES
from bridge.errors import SignatureMismatch, SignatureMissing, TenantMismatch
from bridge.handshake import shake_hands
from bridge.journal.protocol import Filter
from bridge.load import Loaded
from bridge.mapping.library import BUILT_IN
from bridge.mapping.lines import read
from bridge.mapping.source_file import read_source
from bridge.pipeline import process
from bridge.plan import Route
from bridge.receive import Endpoint
from bridge.types import Answer, InboundRequest, Problem
from bridge.verify import Proofs
from tests.house import Outside, opened, rooms_of, store_route

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
FILE = """
platform = "acme"
[settings]
app_name = { default = "MyApp", about = "Name of the app." }
[[handshake]]
method = "GET"
when   = "query.challenge | present"
json   = { challenge = "query.challenge" }
[[handshake]]
method = "GET"
when   = "query.echo | present"
answer = "{query.echo}"
[[handshake]]
method = "GET"
when   = "query.shop-id | present"
tenant = "query.shop-url"
[handshake.json]
proof            = "query.shop-id | append(query.shop-url, setting.app_name) | hmac_sha256(secret.app_secret)"
secret           = "own_secret"
confirmation_url = "url"
[[handshake.signed]]
header    = "x-app-signature"
content   = ["{query}", "shop-id={query.shop-id}&shop-url={query.shop-url}&timestamp={query.timestamp}"]
timestamp = "query.timestamp"
tolerance = 300
secret    = "secret.app_secret"
[[handshake.signed]]
header   = "x-shop-signature"
content  = "{query}"
optional = true
[[handshake]]
when   = "body.apiKey | present"
tenant = "body.shopUrl"
[[handshake.signed]]
header = "x-shop-signature"
[verify.hmac]
header = "x-shop-signature"
[webhook]
topic = "body.topic"
[answer]
within  = 5.0
retries = false
[topics]
paid = []
"""
SHOP = "https://shop.example"
CONFIRMED = json.dumps({"apiKey": "KEY", "secretKey": "SECRET", "shopUrl": SHOP}).encode()


def route_of(text: str, loaded: Loaded) -> Route:
    problems: list[Problem] = []
    source = read_source(read(text, "acme.toml"), BUILT_IN, ENGINES, problems)
    assert source is not None, problems
    made = store_route(loaded)
    known = Proofs(secrets=("new", "old"), url="https://bridge.example/webhooks/shop")
    return replace(
        made,
        source=source,
        store=replace(made.store, verify="hmac", tenant=f"{SHOP}/", settings={}),
        tokens={"app_secret": "appsecret"},
        proofs=known,
    )


@pytest.fixture
def route(loaded: Loaded) -> Route:
    return route_of(FILE, loaded)


def asked(
    query: str = "",
    headers: Mapping[str, str] | None = None,
    *,
    method: str = "GET",
    body: bytes = b"",
) -> InboundRequest:
    decoded = dict(parse_qsl(query, keep_blank_values=True))
    return InboundRequest("shop", method, headers or {}, decoded, body, NOW, query)


def signature(key: str, content: str | bytes) -> str:
    content = content.encode() if isinstance(content, str) else content
    return hmac.digest(key.encode(), content, hashlib.sha256).hex()


def query(shop: str = SHOP, *, age: int = 0) -> str:
    stamp = int((NOW - timedelta(seconds=age)).timestamp())
    return f"shop-id=KIPf0Fz6BUkN&shop-url={shop}&timestamp={stamp}"


def registration(
    text: str | None = None, *, key: str = "appsecret", **headers: str
) -> InboundRequest:
    text = query() if text is None else text
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return asked(text, {"x-app-signature": signature(key, text), **named})


def told(answer: Answer | None) -> dict[str, str]:
    assert answer is not None
    assert (answer.status_code, answer.status) == (200, "handshake")
    assert answer.media_type == "application/json"
    found: dict[str, str] = json.loads(answer.body or "")
    return found


def test_a_challenge_is_repeated_as_json_or_as_text(route: Route) -> None:
    quoted = shake_hands(asked("challenge=a%22b"), route)
    plain = shake_hands(asked("echo=a%22b"), route)

    assert told(quoted) == {"challenge": 'a"b'}
    assert plain is not None
    assert (plain.body, plain.media_type) == ('a"b', "text/plain")


@pytest.mark.parametrize(
    "request_", [asked(), asked("challenge="), asked("challenge=x", method="POST"), asked("x=1")]
)
def test_what_is_no_handshake_goes_on_as_a_webhook(route: Route, request_: InboundRequest) -> None:
    assert shake_hands(request_, route) is None


def test_a_registration_is_told_the_secret_and_the_proof(route: Route) -> None:
    """The secret is the first that the operator has listed: nothing is stored."""
    assert told(shake_hands(registration(), route)) == {
        "proof": signature("appsecret", f"KIPf0Fz6BUkN{SHOP}MyApp"),
        "secret": "new",
        "confirmation_url": "https://bridge.example/webhooks/shop",
    }


def test_the_proof_is_the_one_that_the_platform_documents(loaded: Loaded) -> None:
    """The vector beside the platform's page, whose shop and moment are its own."""
    text = "shop-id=KIPf0Fz6BUkN&shop-url=http://my.shop.com&timestamp=159239728"
    route = route_of(FILE.replace("tolerance = 300", "tolerance = 1e10"), loaded)
    route = replace(route, store=replace(route.store, tenant="http://my.shop.com"))
    sent = "8863f90ba2b350c156288a32a9e0d7be4b33914ac93e19737e0e28f86655cf9b"

    found = told(shake_hands(asked(text, {"x-app-signature": sent}), route))

    assert found["proof"] == "4f7ad7daded6c11e03f391d360d2b038255121272b83e9409de64a34866ccf96"


def test_a_signature_may_be_over_the_query_as_it_arrived_or_over_its_values(route: Route) -> None:
    """Libraries of the platform build the text again, and write colons and slashes otherwise."""
    encoded = query().replace(":", "%3A").replace("/", "%2F")

    for content in (encoded, query()):
        request = asked(encoded, {"x-app-signature": signature("appsecret", content)})
        assert told(shake_hands(request, route))["secret"] == "new"
    with pytest.raises(SignatureMismatch):
        shake_hands(asked(encoded, {"x-app-signature": signature("appsecret", "x")}), route)


def test_a_registration_again_needs_the_signature_of_the_shop_too(route: Route) -> None:
    for secret in ("new", "old"):
        again = registration(x_shop_signature=signature(secret, query()))
        assert told(shake_hands(again, route))["secret"] == "new"
    with pytest.raises(SignatureMismatch):
        shake_hands(registration(x_shop_signature=signature("other", query())), route)
    with pytest.raises(SignatureMissing):
        shake_hands(asked(query(), {"x-shop-signature": signature("new", query())}), route)


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (asked(query()), SignatureMissing),
        (registration(key="new"), SignatureMismatch),
        (registration(query(age=301)), SignatureMismatch),
        (registration(query(age=-301)), SignatureMismatch),
        (registration(query("https://evil.example")), TenantMismatch),
        (registration(query().partition("&timestamp")[0]), SignatureMismatch),
    ],
    ids=["unsigned", "another secret", "old", "of tomorrow", "another shop", "without a time"],
)
def test_whoever_is_not_the_shop_is_told_nothing(
    route: Route, request_: InboundRequest, error: type[Exception]
) -> None:
    with pytest.raises(error) as refused:
        shake_hands(request_, route)

    for secret in ("new", "old", "appsecret"):
        assert secret not in str(refused.value)


def test_without_the_token_that_is_the_key_nobody_registers(route: Route) -> None:
    with pytest.raises(SignatureMismatch, match=r"no token for secret\.app_secret"):
        shake_hands(registration(), replace(route, tokens={}))


def test_a_signed_confirmation_is_answered_and_an_unsigned_one_is_not(route: Route) -> None:
    def posted(body: bytes, key: str) -> InboundRequest:
        return asked("", {"x-shop-signature": signature(key, body)}, method="POST", body=body)

    answer = shake_hands(posted(CONFIRMED, "new"), route)

    assert answer is not None
    assert (answer.status_code, answer.body) == (200, "")
    with pytest.raises(SignatureMismatch):
        shake_hands(posted(CONFIRMED, "other"), route)
    with pytest.raises(SignatureMissing):
        shake_hands(asked(method="POST", body=CONFIRMED), route)
    with pytest.raises(TenantMismatch):
        shake_hands(posted(CONFIRMED.replace(b"shop.", b"evil."), "new"), route)


async def test_nothing_of_a_confirmation_is_kept_or_logged(route: Route, tmp_path: Path) -> None:
    """Its keys open the shop, and the bridge has no use for them."""
    async with opened(tmp_path) as journal:
        rooms = rooms_of(journal, Outside(), route)
        headers = {"x-shop-signature": signature("new", CONFIRMED)}
        request = asked("", headers, method="POST", body=CONFIRMED)
        with structlog.testing.capture_logs() as lines:
            answer = await process(request, rooms, started=rooms.clock())

        assert answer.status == "handshake"
        assert await journal.entries(Filter()) == ()
    assert "KEY" not in str(lines)


async def test_a_registration_comes_over_the_wire_as_it_was_signed(
    route: Route, tmp_path: Path
) -> None:
    """The query is signed as it was written, percent signs and all."""
    async with opened(tmp_path) as journal:
        rooms = rooms_of(journal, Outside(), route)

        async def receive(request: InboundRequest, started: float) -> Answer:
            now = replace(request, received_at=NOW)
            return await process(now, rooms, started=started)

        webhook = Endpoint(receive, rooms.clock, limit=1024, patience=1.0)
        app = Starlette(routes=[HttpRoute("/webhooks/{store}", webhook, methods=["GET", "POST"])])
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            text = query().replace(":", "%3A").replace("id=K", "id=%4B")
            right = {"x-app-signature": signature("appsecret", text)}
            told_ = await client.get(f"/webhooks/shop?{text}", headers=right)
            wrong = await client.get(f"/webhooks/shop?{text}&x=", headers=right)

    assert told_.headers["content-type"] == "application/json"
    assert told_.json()["secret"] == "new"
    assert (wrong.status_code, wrong.json()["reason"]) == (401, "the signature is not accepted")


def test_no_repr_shows_the_secret_that_is_told(route: Route) -> None:
    assert "new" not in repr(shake_hands(registration(), route))
    assert "appsecret" not in repr(route)
