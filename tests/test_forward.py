"""An attempt tells what was surely not accepted from what may have been."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import httpx
import pytest

from bridge.destinations import ENDPOINTS
from bridge.destinations.endpoint import Account, Endpoint
from bridge.forward import attempt
from bridge.logins import Logins
from bridge.types import Payload, Verdict

ORDER = ENDPOINTS["bonifiq.order"]
ACCOUNT = Account("https://api.example", {"user": "token", "password": "key"})
PAYLOAD = Payload("bonifiq.order", {"OriginalId": "1"})
ACCEPTED = {"Result": {"Id": 1}, "HasError": False, "Severity": 0}

CUSTOMER = ENDPOINTS["capillary.customer"]
KEYED = Account("https://api.example", {"key": "the-key", "secret": "the-secret"})
PERSON = Payload("capillary.customer", {"profiles": []})
DONE = {"response": [{"entityId": 1, "errors": []}]}

Handler = Callable[[httpx.Request], httpx.Response]
AnyHandler = Handler | Callable[[httpx.Request], Coroutine[Any, Any, httpx.Response]]


async def at_once() -> None:
    """A destination that may be asked at any moment."""


async def made(
    handler: AnyHandler,
    endpoint: Endpoint = ORDER,
    payload: Payload = PAYLOAD,
    account: Account = ACCOUNT,
    *,
    timeout: float = 5.0,
    turn: Callable[[], Awaitable[None]] = at_once,
) -> Verdict:
    """Make one attempt, by a bridge that has logged in nowhere yet."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        logins = Logins(clock=lambda: 0.0)
        return await attempt(client, endpoint, payload, account, logins, turn, timeout=timeout)


def raising(error: type[httpx.TransportError]) -> Handler:
    def handler(request: httpx.Request) -> httpx.Response:
        raise error("boom", request=request)

    return handler


async def test_what_the_destination_accepts_is_delivered() -> None:
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=ACCEPTED)

    verdict = await made(handler)

    assert verdict.kind == "delivered"
    assert str(seen[0].url) == "https://api.example/v1/pvt/Order"
    assert seen[0].headers["authorization"].startswith("Basic ")


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout])
async def test_without_a_connection_nothing_was_accepted(error: type[httpx.TransportError]) -> None:
    assert (await made(raising(error))).kind == "transient"


@pytest.mark.parametrize(
    "error",
    [
        httpx.ReadTimeout,
        httpx.WriteTimeout,
        httpx.ReadError,
        httpx.WriteError,
        httpx.RemoteProtocolError,
    ],
)
async def test_a_lost_answer_may_have_been_an_acceptance(
    error: type[httpx.TransportError],
) -> None:
    assert (await made(raising(error))).kind == "unsure"


async def test_a_redirect_is_not_followed_with_credentials() -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(str(request.url))
        return httpx.Response(302, headers={"location": "https://elsewhere.example/"})

    verdict = await made(handler)

    assert verdict.kind == "refused"
    assert calls == ["https://api.example/v1/pvt/Order"]


async def test_an_endless_answer_is_not_read() -> None:
    huge = b"x" * 1_048_577

    verdict = await made(lambda _: httpx.Response(200, content=huge))

    assert verdict.kind == "unsure"


async def test_an_address_that_is_none_is_told_and_not_repeated() -> None:
    verdict = await made(raising(httpx.UnsupportedProtocol))

    assert verdict.kind == "refused"
    assert "base_url" in verdict.reason


async def test_reasons_hold_no_secret() -> None:
    for error in (httpx.ConnectError, httpx.ReadTimeout):
        verdict = await made(raising(error))

        assert "key" not in verdict.reason
        assert "token" not in verdict.reason


async def test_a_completed_order_that_cannot_be_sent_as_cancelled_is_cancelled_by_its_own_call() -> (
    None
):
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append((request.url.raw_path.decode(), request.content))
        if request.url.path == "/v1/pvt/Order":
            refused = {"ErrorCode": 13, "HasError": True, "Severity": 2, "Result": None}
            return httpx.Response(200, json=refused)
        return httpx.Response(200, json=ACCEPTED)

    cancelled = {
        "OriginalId": "O/1",
        "IsCancelledOrReturned": True,
        "OrderCancelledDate": "2026-03-10T12:00:00Z",
    }
    verdict = await made(handler, payload=Payload("bonifiq.order", cancelled))

    assert verdict.kind == "delivered"
    assert [path for path, _ in calls] == ["/v1/pvt/Order", "/v1/pvt/Order/O%2F1/cancel"]
    assert calls[1][1] == b'{"OrderCancelledDate":"2026-03-10T12:00:00Z"}'


async def test_an_order_that_was_refused_for_another_reason_is_refused() -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        refused = {"ErrorCode": 13, "HasError": True, "Severity": 2, "Result": None}
        return httpx.Response(200, json=refused)

    verdict = await made(handler)

    assert verdict.kind == "refused"
    assert calls == ["/v1/pvt/Order"]


async def test_an_order_that_is_cancelled_by_its_own_call_waits_for_a_turn_more() -> None:
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.path)
        refused = {"ErrorCode": 13, "HasError": True, "Severity": 2, "Result": None}
        return httpx.Response(200, json=refused)

    async def turn() -> None:
        seen.append("turn")

    cancelled = Payload("bonifiq.order", {"OriginalId": "1", "IsCancelledOrReturned": True})
    await made(handler, payload=cancelled, turn=turn)

    assert seen == ["/v1/pvt/Order", "turn", "/v1/pvt/Order/1/cancel"]


class Vendor:
    """A destination with tokens: it numbers them, and refuses those in `refused`."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.calls: list[str] = []  #: the token of every call, "login" for a login

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v3/oauth/token/generate":
            self.calls.append("login")
            token = f"token-{self.calls.count('login')}"
            return httpx.Response(200, json={"data": {"accessToken": token, "ttlSeconds": 300}})
        token = request.headers["x-cap-api-oauth-token"]
        self.calls.append(token)
        return httpx.Response(401) if token in self.refused else httpx.Response(200, json=DONE)


async def test_a_call_that_carries_a_token_is_made_after_a_login() -> None:
    vendor = Vendor()

    verdict = await made(vendor, CUSTOMER, PERSON, KEYED)

    assert verdict.kind == "delivered"
    assert vendor.calls == ["login", "token-1"]


async def test_a_token_that_is_refused_is_renewed_and_the_call_made_again() -> None:
    vendor = Vendor("token-1")

    verdict = await made(vendor, CUSTOMER, PERSON, KEYED)

    assert verdict.kind == "delivered"
    assert vendor.calls == ["login", "token-1", "login", "token-2"]


async def test_every_request_but_the_first_has_a_turn_of_its_own() -> None:
    """Else a destination that bears one a second would be asked twice in that second."""
    vendor = Vendor("token-1")

    async def turn() -> None:
        vendor.calls.append("turn")

    await made(vendor, CUSTOMER, PERSON, KEYED, turn=turn)

    asked = ["login", "token-1", "login", "token-2"]
    assert vendor.calls == [asked[0], "turn", asked[1], "turn", asked[2], "turn", asked[3]]


async def test_a_turn_that_never_comes_ends_the_attempt_with_nothing_sent() -> None:
    vendor = Vendor()

    async def never() -> None:
        await asyncio.Event().wait()

    verdict = await made(vendor, CUSTOMER, PERSON, KEYED, turn=never, timeout=0.01)

    assert verdict == Verdict("transient", "no turn for a second request in time")
    assert vendor.calls == ["login"]


async def test_a_new_token_that_is_refused_too_is_the_end() -> None:
    vendor = Vendor("token-1", "token-2", "token-3")

    verdict = await made(vendor, CUSTOMER, PERSON, KEYED)

    assert verdict.kind == "refused"
    assert "check till and password, or key and secret" in verdict.reason
    assert vendor.calls == ["login", "token-1", "login", "token-2"]


async def test_without_a_token_nothing_is_sent() -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(401)

    verdict = await made(handler, CUSTOMER, PERSON, KEYED)

    assert verdict.kind == "refused"
    assert verdict.reason == "no token: HTTP 401; check key and secret of the account"
    assert calls == ["/v3/oauth/token/generate"]


@pytest.mark.parametrize("error", [httpx.ConnectError, httpx.ReadTimeout, httpx.ReadError])
async def test_a_login_that_failed_leaves_no_doubt_about_the_payload(
    error: type[httpx.TransportError],
) -> None:
    verdict = await made(raising(error), CUSTOMER, PERSON, KEYED)

    assert verdict.kind == "transient"
    assert verdict.reason.startswith("no token: ")


async def test_an_account_without_a_login_is_not_asked_to_renew_anything() -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(401)

    till = Account("https://api.example", {"till": "till1", "password": "secret"})
    verdict = await made(handler, CUSTOMER, PERSON, till)

    assert verdict.kind == "refused"
    assert calls == ["/v2/integrations/customer/upsert/bulk"]


@pytest.mark.parametrize(
    ("slow", "kind"), [("/v3/oauth/token/generate", "transient"), ("/v2/", "unsure")]
)
async def test_an_attempt_ends_in_its_time_whatever_requests_it_takes(slow: str, kind: str) -> None:
    vendor = Vendor()

    async def handler(request: httpx.Request) -> httpx.Response:
        if request.url.path.startswith(slow):
            await asyncio.Event().wait()
        return vendor(request)

    async with asyncio.timeout(5.0):
        verdict = await made(handler, CUSTOMER, PERSON, KEYED, timeout=0.05)

    assert verdict.kind == kind


async def test_an_answer_that_drips_is_not_waited_for() -> None:
    class Dripping(httpx.AsyncByteStream):
        async def __aiter__(self) -> Any:
            while True:
                yield b" "
                await asyncio.sleep(0)

    async with asyncio.timeout(5.0):
        verdict = await made(lambda _: httpx.Response(200, stream=Dripping()), timeout=0.01)

    assert verdict.kind == "unsure"
