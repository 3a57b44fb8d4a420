"""
A webhook of every platform counts when its signature is right, and is 401 in every other case.

Each source file that is shipped is tried with each of its engines, from the bytes to the answer:
its own fixture ``order_paid``, signed as the platform would.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest

from bridge.errors import RequestError, SignatureMismatch
from bridge.fixtures import ARRIVED, Case, read_case, route
from bridge.handshake import shake_hands
from bridge.journal.protocol import Journal
from bridge.load import Loaded
from bridge.mapping.body import parsed, read_body
from bridge.mapping.run import scope_of, tenant_of
from bridge.mapping.source import Source
from bridge.pipeline import process
from bridge.plan import Route
from bridge.types import InboundRequest, VerifiedRequest
from bridge.verify import Proofs, Scheme, Signed, key_addresses, sign, verify
from bridge.verify.content import Header
from tests.conftest import ROOT
from tests.house import FIXTURES, Outside, opened, rooms_of, store_route
from tests.platforms import PLATFORMS, facts
from tests.signatures import (
    edwards_key,
    jwk,
    private_jwk,
    private_pem,
    public_pem,
    rsa_signature,
)

SHIPPED = sorted(path.stem for path in (ROOT / "mappings" / "sources").glob("*.toml"))
ADDRESS = "https://bridge.example/webhooks/shop"
KEYS = "https://keys.example"


def proofs_of(secret: str, key: int) -> Proofs:
    """What a store may have; the text is a key in UTF-8, in hex and in base64 alike."""
    edwards = edwards_key(key)
    return Proofs(
        secrets=(secret,),
        keys=(private_jwk(key), jwk(key), private_pem(edwards), public_pem(edwards)),
        url=ADDRESS,
        token_secrets=(secret * 2,),
    )


OURS, OTHERS = proofs_of("a1b2c3d4e5f60718", 1), proofs_of("0817f6e5d4c3b2a1", 2)


@pytest.fixture
async def journal(tmp_path: Path) -> AsyncIterator[Journal]:
    async with opened(tmp_path) as one:
        yield one


@pytest.fixture(params=SHIPPED)
def case(request: pytest.FixtureRequest) -> Case:
    """The paid order of a platform."""
    return read_case(FIXTURES / request.param / "order_paid")


def case_source(case: Case, loaded: Loaded) -> Source:
    """The source file of a platform."""
    return route(case.platform, loaded, case.overrides).source


def said_tenant(case: Case, source: Source) -> str | None:
    """What shop the fixture says it is from."""
    body = parsed(source, read_body(case.request))
    settings = case.overrides.get("settings", {})
    return tenant_of(source.tenant, scope_of(source, case.request, body, settings))


def proof(case: Case, scheme: Scheme, proofs: Proofs, body: bytes | None = None) -> Signed:
    """What the platform adds to the fixture."""
    return sign(
        case.request.body if body is None else body,
        scheme,
        proofs,
        headers=_undated(case.request.headers, scheme),
        now=ARRIVED,
        store="shop",
    )


def _undated(headers: Mapping[str, str], scheme: Scheme) -> Mapping[str, str]:
    """The headers without the moment of signing, so that it is now."""
    source = getattr(scheme, "timestamp", None)
    name = source.part.name if source and isinstance(source.part, Header) else None
    return {one: value for one, value in headers.items() if one != name}


def webhook(case: Case, added: Signed, body: bytes | None = None) -> InboundRequest:
    """The fixture as the platform posts it to store ``shop``."""
    request = case.request
    unsigned = request.body if body is None else body
    return replace(
        request,
        store="shop",
        headers={**request.headers, **added.headers},
        query={**request.query, **added.query},
        segment=added.segment,
        body=unsigned if added.body is None else added.body,
        received_at=datetime.now(UTC),
    )


def tampered(signed: Signed, other: Signed) -> Signed:
    """The signature of one webhook around what another says, where both are one token."""
    if signed.body is None or other.body is None:
        return signed
    says, _, _ = other.body.rpartition(b".")
    return replace(signed, body=says + b"." + signed.body.rpartition(b".")[2])


def routes(case: Case, loaded: Loaded, tenant: str | None = None) -> list[Route]:
    """The store, once with each engine of its platform; another shop's with *tenant*."""
    source = case_source(case, loaded)
    settings = dict(case.overrides.get("settings", {}))
    named = tenant or said_tenant(case, source)
    return [
        store_route(loaded, case.platform, settings=settings, tenant=named, verify=engine)
        for engine in source.verify
    ]


def scheme_of(where: Route) -> Scheme:
    scheme: Scheme = where.source.verify[where.store.verify].engine.scheme
    return scheme


async def answered(
    request: InboundRequest, where: Route, case: Case, journal: Journal
) -> tuple[int, str, int]:
    """Post a webhook; give the answer's code and status, and how many payloads were sent."""

    async def prove(request: InboundRequest, where: Route) -> VerifiedRequest:
        if where.source.verify[where.store.verify].keys is not None:
            key_addresses(request, scheme_of(where), KEYS)  # refuses a key of another place
        return verify(request, scheme_of(where), OURS, now=ARRIVED)

    outside = Outside(fetched=[case.resources])
    rooms = replace(rooms_of(journal, outside, where), verify=prove)
    try:
        told = await process(request, rooms, started=rooms.clock())
    except RequestError as error:
        return error.status_code, "refused", len(outside.sent)
    return told.status_code, told.status, len(outside.sent)


async def test_a_signed_webhook_is_delivered(case: Case, loaded: Loaded, journal: Journal) -> None:
    answers = [
        await answered(webhook(case, proof(case, scheme_of(where), OURS)), where, case, journal)
        for where in routes(case, loaded)
    ]

    # In so short a time nothing is waited for: it is answered once it is on disk.
    if case_source(case, loaded).answer.within < 2.0:
        assert answers[0][:2] == (200, "parked")
    else:
        assert answers[0] == (200, "delivered", 1)
    assert {code for code, _, _ in answers} == {200}  # with another engine it is a repeat


async def test_a_webhook_without_its_signature_is_401(
    case: Case, loaded: Loaded, journal: Journal
) -> None:
    for where in routes(case, loaded):
        request = webhook(case, Signed())

        assert await answered(request, where, case, journal) == (401, "refused", 0)


async def test_a_webhook_signed_with_another_secret_is_401(
    case: Case, loaded: Loaded, journal: Journal
) -> None:
    for where in routes(case, loaded):
        request = webhook(case, proof(case, scheme_of(where), OTHERS))

        assert await answered(request, where, case, journal) == (401, "refused", 0)


async def test_a_webhook_with_another_byte_is_401(
    case: Case, loaded: Loaded, journal: Journal
) -> None:
    changed = case.request.body.removesuffix(b"}") + b',"another":1}'
    for where in routes(case, loaded):
        scheme = scheme_of(where)
        added = proof(case, scheme, OURS)
        other = proof(case, scheme, OURS, changed)
        if other == added:
            continue  # a secret that is sent along does not cover the body

        request = webhook(case, tampered(added, other), changed)
        assert await answered(request, where, case, journal) == (401, "refused", 0)


async def test_a_webhook_of_another_shop_is_401(
    case: Case, loaded: Loaded, journal: Journal
) -> None:
    for where in routes(case, loaded, tenant="another-shop.example"):
        if where.source.tenant is None:
            continue  # nothing in its webhooks says which shop it is
        request = webhook(case, proof(case, scheme_of(where), OURS))

        assert await answered(request, where, case, journal) == (401, "refused", 0)


@pytest.mark.parametrize(
    ("platform", "vector"),
    [(platform, one) for platform in PLATFORMS for one in facts(platform).get("vector", ())],
)
def test_what_others_signed_is_accepted(
    platform: str, vector: dict[str, Any], loaded: Loaded
) -> None:
    """A round trip alone would not see that both ways are wrong alike."""
    source = loaded.checked.sources[platform]
    scheme = next(iter(source.verify.values())).engine.scheme
    now = datetime.fromtimestamp(vector["at"], UTC) if "at" in vector else datetime.now(UTC)
    request = InboundRequest("shop", "POST", vector["headers"], {}, vector["body"].encode(), now)

    verify(request, scheme, Proofs(secrets=(vector["secret"],)), now=now)
    with pytest.raises(SignatureMismatch):
        verify(request, scheme, OTHERS, now=now)


@pytest.mark.parametrize(
    ("platform", "signed"),
    [("adobe-io", bytes), ("adobe-commerce", base64.b64encode)],
)
def test_what_another_library_signed_with_a_private_key_is_accepted(
    platform: str, signed: Callable[[bytes], bytes], loaded: Loaded
) -> None:
    """Over the body, or over its base64 text, as the vendor's code does."""
    scheme = next(iter(loaded.checked.sources[platform].verify.values())).engine.scheme
    body = read_case(FIXTURES / platform / "order_paid").request.body
    headers = {scheme.header: rsa_signature(signed(body))}
    request = InboundRequest("shop", "POST", headers, {}, body, ARRIVED)

    verify(request, scheme, Proofs(secrets=(public_pem(),)), now=ARRIVED)
    with pytest.raises(SignatureMismatch):
        verify(request, scheme, OTHERS, now=ARRIVED)


def test_a_token_that_another_library_made_is_accepted_and_read(loaded: Loaded) -> None:
    source = loaded.checked.sources["wix"]
    scheme = next(iter(source.verify.values())).engine.scheme
    claims = json.loads(read_case(FIXTURES / "wix" / "order_paid").request.body)
    token = jwt.encode(claims, private_pem(), "RS256").encode()
    request = InboundRequest("shop", "POST", {"content-type": "text/plain"}, {}, token, ARRIVED)

    verify(request, scheme, Proofs(secrets=(public_pem(),)), now=ARRIVED)
    body = parsed(source, read_body(request, token=True))
    assert body["data"]["eventType"] == "wix.ecom.v1.order_payment_status_updated"
    assert body["data"]["data"]["entityId"] == "11112222-0000-4000-8000-00000000000a"


def test_a_repeated_token_is_good_for_as_long_as_it_says_and_no_longer(loaded: Loaded) -> None:
    """Wix lets a token live for 3,600,000 s, and repeats a webhook for half a day."""
    scheme = next(iter(loaded.checked.sources["wix"].verify.values())).engine.scheme
    made = int(ARRIVED.timestamp())
    claims = {"data": "{}", "iat": made, "exp": made + 3_600_000}
    token = jwt.encode(claims, private_pem(), "RS256").encode()
    request = InboundRequest("shop", "POST", {"content-type": "text/plain"}, {}, token, ARRIVED)
    ours = Proofs(secrets=(public_pem(),))

    verify(request, scheme, ours, now=ARRIVED + timedelta(hours=12))
    with pytest.raises(SignatureMismatch, match="expired"):
        verify(request, scheme, ours, now=ARRIVED + timedelta(seconds=3_600_000, hours=1))


def test_a_shop_that_registers_gets_its_secret_and_the_proof(loaded: Loaded) -> None:
    """With the values of another implementation, made with ``openssl dgst -hmac``."""
    query = {"shop-id": "KIPf0Fz6BUkN", "shop-url": "http://my.shop.com", "timestamp": "159239728"}
    raw = "&".join(f"{name}={value}" for name, value in query.items())
    signature = "8863f90ba2b350c156288a32a9e0d7be4b33914ac93e19737e0e28f86655cf9b"
    where = store_route(
        loaded, "shopware", settings={"app_name": "MyApp"}, tokens={"app_secret": "appsecret"}
    )
    where = replace(where, proofs=OURS)
    at = datetime.fromtimestamp(159239728, UTC)
    headers = {"shopware-app-signature": signature}

    told = shake_hands(InboundRequest("shop", "GET", headers, query, b"", at, raw), where)

    assert told is not None
    assert json.loads(told.body or "") == {
        "proof": "4f7ad7daded6c11e03f391d360d2b038255121272b83e9409de64a34866ccf96",
        "secret": OURS.secrets[0],
        "confirmation_url": ADDRESS,
    }
    wrong = {"shopware-app-signature": "0" * 64}
    with pytest.raises(SignatureMismatch):
        shake_hands(InboundRequest("shop", "GET", wrong, query, b"", at, raw), where)


def test_the_platforms_are_there() -> None:
    """No platform would prove nothing."""
    assert len(SHIPPED) > 3
