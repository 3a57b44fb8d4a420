"""A webhook whose body is a token is read like any other, when it comes and out of the journal."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bridge.engines import ENGINES
from bridge.errors import SignatureMismatch
from bridge.load import Loaded
from bridge.mapping.library import BUILT_IN
from bridge.mapping.lines import read
from bridge.mapping.source_file import read_source
from bridge.park import finish_due
from bridge.pipeline import process
from bridge.plan import Route
from bridge.types import InboundRequest, Problem, Verdict, VerifiedRequest
from bridge.verify import JwtScheme, Proofs, sign, verify
from tests.house import DELIVERED, ORDER, Outside, opened, rooms_of, store_route
from tests.signatures import private_key, private_pem, public_pem

FILE = """
platform = "shopify"
[verify.jwt]
[webhook]
parse       = ["body.data", "body.data.data", "body.data.data.order"]
topic       = "body.data.type"
key         = ["body.data.data.id"]
occurred_at = "body.data.data.at"
[answer]
within  = 5.0
retries = true
retry_window = 60
[topics]
paid = "order_paid"
[order]
id        = "body.data.data.order.id"
status    = "'paid'"
currency  = "'BRL'"
placed_at = "body.data.data.at"
total     = "body.data.data.order.total"
shipping  = 0
[order.customer]
email = "body.data.data.order.email"
"""
INNER = {
    "id": "evt_1",
    "at": "2026-11-21T12:00:00Z",
    "order": '{"id": "42", "total": 0.30, "email": "ana.exemplo@example.com"}',
}
CLAIMS = json.dumps({"data": json.dumps({"type": "paid", "data": json.dumps(INNER)})}).encode()


@pytest.fixture
def route(loaded: Loaded) -> Route:
    problems: list[Problem] = []
    source = read_source(read(FILE, "acme.toml"), BUILT_IN, ENGINES, problems)
    assert source is not None, problems
    made = store_route(loaded)
    return replace(made, source=source, store=replace(made.store, verify="jwt"))


def posted(claims: bytes = CLAIMS, key: str | None = None) -> InboundRequest:
    now = datetime.now(UTC)
    signing = Proofs(secrets=(private_pem() if key is None else key,))
    body = sign(claims, JwtScheme(), signing, headers={}, now=now).body or b""
    return InboundRequest("shop", "POST", {"content-type": "text/plain"}, {}, body, now)


async def prove(request: InboundRequest, route: Route) -> VerifiedRequest:
    known = Proofs(secrets=(public_pem(),))
    return verify(request, route.engine.scheme, known, now=datetime.now(UTC))


async def test_the_claims_are_unwrapped_text_by_text(route: Route, tmp_path: Path) -> None:
    outside = Outside()
    async with opened(tmp_path) as journal:
        rooms = replace(rooms_of(journal, outside, route), verify=prove)
        first = await process(posted(), rooms, started=rooms.clock())
        second = await process(posted(), rooms, started=rooms.clock())

    assert (first.status, second.status) == ("delivered", "duplicate")
    assert outside.totals == ["0.30"]


async def test_a_token_is_read_out_of_the_journal_without_being_proven_again(
    route: Route, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.flights._LEAST_BACKOFF", 0.0)
    outside = Outside([Verdict("transient", "down"), DELIVERED])
    async with opened(tmp_path) as journal:
        rooms = replace(rooms_of(journal, outside, route), verify=prove)
        told = await process(posted(), rooms, started=rooms.clock())
        while len(outside.sent) < 2:
            await finish_due(rooms)
            await rooms.flights.landing(0.05)
        await rooms.flights.drain(5.0)
        found = await journal.show(told.entry or 0)

    assert told.status == "parked"
    assert [(one.endpoint, one.state) for one in found.deliveries] == [(ORDER, "delivered")]
    assert outside.totals == ["0.30", "0.30"]


async def test_what_the_platform_did_not_sign_is_refused(route: Route, tmp_path: Path) -> None:
    async with opened(tmp_path) as journal:
        rooms = replace(rooms_of(journal, Outside(), route), verify=prove)
        for request in (
            replace(posted(), body=CLAIMS),
            posted(b"{}", private_pem(private_key(2, 2048))),
        ):
            with pytest.raises(SignatureMismatch):
                await process(request, rooms, started=rooms.clock())
