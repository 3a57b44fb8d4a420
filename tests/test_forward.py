"""An attempt tells what was surely not accepted from what may have been."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest

from bridge.destinations import ENDPOINTS
from bridge.destinations.endpoint import Account
from bridge.forward import attempt
from bridge.types import Payload, Verdict

ORDER = ENDPOINTS["bonifiq.order"]
ACCOUNT = Account("https://api.example", {"user": "token", "password": "key"})
PAYLOAD = Payload("bonifiq.order", {"OriginalId": "1"})
ACCEPTED = {"Result": {"Id": 1}, "HasError": False, "Severity": 0}

Handler = Callable[[httpx.Request], httpx.Response]


async def made(handler: Handler) -> Verdict:
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        return await attempt(client, ORDER, PAYLOAD, ACCOUNT, timeout=5.0)


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
    async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
        verdict = await attempt(
            client, ORDER, Payload("bonifiq.order", cancelled), ACCOUNT, timeout=5.0
        )

    assert verdict.kind == "delivered"
    assert [path for path, _ in calls] == ["/v1/pvt/Order", "/v1/pvt/Order/O%2F1/cancel"]
    assert calls[1][1] == b'{"OrderCancelledDate": "2026-03-10T12:00:00Z"}'


async def test_an_order_that_was_refused_for_another_reason_is_refused() -> None:
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        refused = {"ErrorCode": 13, "HasError": True, "Severity": 2, "Result": None}
        return httpx.Response(200, json=refused)

    verdict = await made(handler)

    assert verdict.kind == "refused"
    assert calls == ["/v1/pvt/Order"]
