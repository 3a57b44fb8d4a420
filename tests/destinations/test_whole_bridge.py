"""
What a destination answers is what the journal keeps and what the store is told.

Every answer that a vendor documents goes through the whole bridge: a signed webhook in, a function
as the vendor, the journal on a disk, the answer out.  Endpoints of one vendor answer alike: the
first gets all of its answers, the others one of each row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.destinations import ENDPOINTS
from tests.destinations.answers import SUCCESS, Said, answers
from tests.destinations.shop import Told, connect, webhook_for
from tests.house import edited

#: Where a vendor gives tokens, and its answer with one.
LOGINS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "capillary": (
        "/v3/oauth/token/generate",
        lambda text: {"data": {"accessToken": text, "ttlSeconds": 300}},
    ),
}
STATES = {"delivered": "delivered", "refused": "refused"}  # and all else is queued
ENTRIES = {"delivered": "done", "refused": "dead", "queued": "open"}


def first_of_each_row(endpoint: str) -> Iterator[Said]:
    seen = set()
    for one in answers(endpoint):
        if (one.row, one.kind) not in seen:
            seen.add((one.row, one.kind))
            yield one


def cells(*kinds: str) -> Iterator[Any]:
    vendors = set()
    for name in ENDPOINTS:
        vendor = name.partition(".")[0]
        chosen = answers(name) if vendor not in vendors else first_of_each_row(name)
        vendors.add(vendor)
        for one in chosen:
            if not kinds or one.kind in kinds:
                yield pytest.param(name, one, id=f"{name} {one}")


async def posted(
    endpoint: str, one: Said, folder: Path, patch: pytest.MonkeyPatch, on_outage: str
) -> Told:
    def vendor(request: httpx.Request) -> httpx.Response:
        return httpx.Response(one.status, headers=dict(one.headers), content=one.body)

    shop = connect(folder, [endpoint], vendor, patch, on_outage=on_outage)
    (told,) = await shop.post(webhook_for(endpoint))
    return told


@pytest.mark.parametrize(("endpoint", "one"), list(cells()))
async def test_an_answer_is_kept_and_told(
    endpoint: str, one: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await posted(endpoint, one, tmp_path, monkeypatch, "park")

    state = STATES.get(one.kind, "queued")
    kept = told.delivery(endpoint)
    assert (kept.state, kept.attempts, kept.unsure) == (state, 1, one.kind == "unsure")
    assert one.reason in kept.reason
    assert told.entry.state == ENTRIES[state]
    assert told.status_code == 200
    assert told.body["status"] == ("delivered" if state == "delivered" else "parked")
    assert told.body["deliveries"] == {
        endpoint: {"state": state, **({"reason": kept.reason} if kept.reason else {})}
    }
    if state == "queued":
        assert kept.next_at is not None
        waits = (kept.next_at - told.entry.received_at).total_seconds()
        assert waits >= (one.retry_after or 0.0)
    else:
        assert kept.next_at is None


@pytest.mark.parametrize(("endpoint", "one"), list(cells("transient", "unsure")))
async def test_a_store_that_repeats_itself_is_told_to(
    endpoint: str, one: Said, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = await posted(endpoint, one, tmp_path, monkeypatch, "refuse")

    assert (told.status_code, told.body["status"]) == (503, "unavailable")
    assert int(told.retry_after or 0) >= (one.retry_after or 1.0)
    kept = told.delivery(endpoint)
    assert (kept.state, kept.unsure, kept.next_at) == ("queued", one.kind == "unsure", None)
    assert one.reason in kept.reason


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("kind", ["delivered", "refused"])
async def test_a_last_word_is_told_alike_to_a_store_that_repeats_itself(
    endpoint: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = next(one for one in answers(endpoint) if one.kind == kind)

    told = await posted(endpoint, one, tmp_path, monkeypatch, "refuse")

    assert told.status_code == 200
    assert told.body["status"] == ("delivered" if kind == "delivered" else "parked")
    assert told.delivery(endpoint).state == kind


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("error", "unsure"),
    [
        (httpx.ConnectError, False),
        (httpx.ConnectTimeout, False),
        (httpx.ReadTimeout, True),
        (httpx.ReadError, True),
        (httpx.RemoteProtocolError, True),
    ],
)
async def test_without_an_answer_the_webhook_is_parked(
    endpoint: str,
    error: type[httpx.TransportError],
    unsure: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def vendor(request: httpx.Request) -> httpx.Response:
        raise error("boom", request=request)

    (told,) = await connect(tmp_path, [endpoint], vendor, monkeypatch).post(webhook_for(endpoint))

    assert (told.status_code, told.body["status"]) == (200, "parked")
    kept = told.delivery(endpoint)
    assert (kept.state, kept.unsure) == ("queued", unsure)
    assert kept.next_at is not None
    assert kept.reason


@pytest.mark.parametrize("endpoint", ENDPOINTS)
async def test_what_may_have_been_accepted_is_sent_again_with_the_same_id(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = []
    good = next(one for one in answers(endpoint) if one.row == SUCCESS)

    def vendor(request: httpx.Request) -> httpx.Response:
        sent.append((str(request.url), request.content))
        if len(sent) == 1:
            raise httpx.ReadTimeout("boom", request=request)
        return httpx.Response(good.status, content=good.body)

    shop = connect(tmp_path, [endpoint], vendor, monkeypatch, on_outage="refuse")
    (first,) = await shop.post(webhook_for(endpoint))
    (second,) = await shop.post(webhook_for(endpoint))

    assert (first.status_code, second.status_code) == (503, 200)
    assert second.entry.entry == first.entry.entry
    assert second.delivery(endpoint).state == "delivered"
    assert len(sent) == 2
    assert sent[0] == sent[1]


@pytest.mark.parametrize("endpoint", [name for name, one in ENDPOINTS.items() if one.login])
@pytest.mark.parametrize(("refusals", "state"), [(1, "delivered"), (9, "refused")])
async def test_a_token_that_is_not_accepted_is_renewed_once_and_the_call_made_once_more(
    endpoint: str, refusals: int, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor_name = endpoint.partition(".")[0]
    login_path, token = LOGINS[vendor_name]
    good = next(one for one in answers(endpoint) if one.row == SUCCESS)
    logins: list[str] = []
    calls: list[str] = []

    def vendor(request: httpx.Request) -> httpx.Response:
        if request.url.path == login_path:
            logins.append(f"token-{len(logins) + 1}")
            return httpx.Response(200, json=token(logins[-1]))
        calls.append(next(one for one in logins if one in request.headers.values()))
        if len(calls) <= refusals:
            return httpx.Response(401)
        return httpx.Response(good.status, content=good.body)

    sets = ENDPOINTS[endpoint].credentials
    shop = connect(tmp_path, [endpoint], vendor, monkeypatch, proof=len(sets) - 1)
    (told,) = await shop.post(webhook_for(endpoint))

    assert told.delivery(endpoint).state == state
    assert calls == ["token-1", "token-2"]
    assert logins == calls


@pytest.mark.parametrize(
    ("endpoint", "changes", "field"),
    [
        row
        for row in (
            ("cheqpay.customer", {"first_name": "", "last_name": "Exemplo"}, "firstName"),
            ("capillary.customer", {"first_name": "A" * 101}, "firstName"),
        )
        if row[0] in ENDPOINTS
    ],
)
async def test_a_customer_whom_one_endpoint_cannot_take_is_refused_there_by_the_fields_name(
    endpoint: str,
    changes: dict[str, str],
    field: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called: list[str] = []
    customers = [name for name in ENDPOINTS if name.endswith(".customer")]

    def vendor(request: httpx.Request) -> httpx.Response:
        name = f"{request.url.host.partition('.')[0]}.customer"
        called.append(name)
        return httpx.Response(200, content=next(iter(answers(name))).body)

    shop = connect(tmp_path, customers, vendor, monkeypatch)
    (told,) = await shop.post(edited("shopify/customer_created", **changes))

    assert (told.status_code, told.body["status"]) == (200, "parked")
    assert told.entry.state == "dead"
    refused = told.delivery(endpoint)
    assert (refused.state, refused.attempts) == ("refused", 0)
    assert field in refused.reason
    assert "AAA" not in refused.reason
    others = [name for name in customers if name != endpoint]
    assert sorted(called) == sorted(others)
    assert {told.delivery(name).state for name in others} == {"delivered"}
