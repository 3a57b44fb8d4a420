"""
Signatures that others made are accepted, and what we sign others accept: the libraries of a
standard, and what platforms publish with their own.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks import Webhook

from bridge.errors import SignatureMismatch
from bridge.types import InboundRequest
from bridge.verify import HmacScheme, Proofs, parse_content, sign, verify
from tests.real import SHARED, needs
from tests.signatures import LISTED, NOW, PLAIN, STAMPED, STANDARD, at, webhook

SOURCES = SHARED / "sources"
BASE64 = replace(PLAIN, encoding="base64")
WITH_ADDRESS = replace(BASE64, content=parse_content("{url}{raw}"))
#: By a word of the vector's name.
SCHEMES: Mapping[str, HmacScheme] = {
    "plain base64": BASE64,
    "plain hex": PLAIN,
    "HEX-decoded key": replace(PLAIN, key="hex"),
    "ts.body": STAMPED,
    "t=,v1=": LISTED,
    "url+body": WITH_ADDRESS,
    "json fields": replace(BASE64, content=parse_content("{body.eventCreated}.{body.eventId}")),
    "standard webhooks v1": STANDARD,
    "sdk tests": WITH_ADDRESS,
    "query": replace(PLAIN, content=parse_content("{query}")),
}


def vectors() -> list[Any]:
    if not SOURCES.is_dir():
        return [pytest.param({}, id="none")]
    found = json.loads((SOURCES / "vectors.json").read_text())
    return [pytest.param(one, id=one["name"]) for one in found]


@needs(SOURCES)
@pytest.mark.parametrize("vector", vectors())
def test_a_vector_is_accepted_and_not_over_anything_else(vector: Mapping[str, str]) -> None:
    scheme = next(one for word, one in SCHEMES.items() if word in vector["name"])
    stamp = vector.get("timestamp", "0")
    headers = {
        scheme.header: vector.get("header") or vector["signature"],
        "x-ts": stamp,
        "webhook-id": vector.get("id", ""),
        "webhook-timestamp": stamp,
    }
    request = webhook(
        headers, body=vector.get("body", "").encode(), raw_query=vector.get("query", "")
    )
    proofs = Proofs(secrets=(vector["key"],), url=vector.get("url", ""))

    verify(request, scheme, proofs, now=at(int(stamp)))
    for other in (
        Proofs(secrets=("00ff",), url=proofs.url),
        replace(proofs, url=f"{proofs.url}/") if proofs.url else Proofs(),
    ):
        with pytest.raises(SignatureMismatch):
            verify(request, scheme, other, now=at(int(stamp)))


@needs(SOURCES)
def test_every_scheme_has_its_vector() -> None:
    assert len(vectors()) == len(SCHEMES)


#: What the Python library of the platform that signs its address too publishes in its tests.
#: Source: https://github.com/square/square-python-sdk, tests/integration/test_webhooks_helper.py
PUBLISHED_ADDRESS = "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9"
PUBLISHED_BODY = (
    b'{"merchant_id":"MLEFBHHSJGVHD","type":"webhooks.test_notification",'
    b'"event_id":"ac3ac95b-f97d-458c-a6e6-18981597e05f",'
    b'"created_at":"2022-07-13T20:30:59.037339943Z",'
    b'"data":{"type":"webhooks","id":"bc368e64-01aa-407e-b46e-3231809b1129"}}'
)
PUBLISHED = {"x-signature": "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4="}


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"secret": "MCmhFRxGX82xMwg5FsaoQA"}, False),
        ({"url": "https://webhook.site/79a4f3a-dcfa-49ee-bac5-9d0edad886b9"}, False),
        ({"body": PUBLISHED_BODY.replace(b",", b", ", 1)}, False),
    ],
)
def test_the_published_answers_of_a_platform_s_library_are_ours(
    change: Mapping[str, Any], fits: bool
) -> None:
    request = webhook(PUBLISHED, body=change.get("body", PUBLISHED_BODY))
    proofs = Proofs(
        secrets=(change.get("secret", "Ibxx_5AKakO-3qeNVR61Dw"),),
        url=change.get("url", PUBLISHED_ADDRESS),
    )
    if fits:
        verify(request, WITH_ADDRESS, proofs, now=NOW)
    else:
        with pytest.raises(SignatureMismatch):
            verify(request, WITH_ADDRESS, proofs, now=NOW)


SECRET = "whsec_" + base64.b64encode(b"a secret of the shop, 32 bytes!!").decode()


def given(headers: Mapping[str, str], body: bytes) -> InboundRequest:
    return webhook({name.lower(): value for name, value in headers.items()}, body=body)


@pytest.mark.parametrize(
    "body", [b"{}", b'{"total": 10.00}', '{"name": "João", "note": "☃"}'.encode(), b"{ }\r\n"]
)
def test_what_the_library_of_the_standard_signs_is_accepted(body: bytes) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    library = Webhook(SECRET)
    signature = library.sign("msg_1", now, body.decode())
    request = given(
        {
            "Webhook-Id": "msg_1",
            "Webhook-Timestamp": str(int(now.timestamp())),
            "Webhook-Signature": f"v1,{'A' * 43}= {signature} v1a,AAAA",
        },
        body,
    )

    verify(request, STANDARD, Proofs(secrets=("whsec_AAAA", SECRET)), now=now)
    with pytest.raises(SignatureMismatch):
        verify(replace(request, body=body + b" "), STANDARD, Proofs(secrets=(SECRET,)), now=now)


@pytest.mark.parametrize("secret", [SECRET, SECRET.removeprefix("whsec_"), SECRET.rstrip("=")])
def test_what_we_sign_the_library_of_the_standard_accepts(secret: str) -> None:
    body, headers = '{"name": "João"}'.encode(), {"webhook-id": "msg_1"}
    signed = sign(body, STANDARD, Proofs(secrets=(secret,)), headers=headers, now=datetime.now(UTC))

    assert Webhook(secret).verify(body, {**headers, **signed.headers}) == {"name": "João"}


def test_a_platform_of_the_standard_may_key_with_the_text_of_its_secret() -> None:
    """Its documentation has the library given the secret in base64, which is the text's bytes."""
    now = datetime.now(UTC).replace(microsecond=0)
    library = Webhook(base64.b64encode(b"client-secret").decode())
    signature = library.sign("msg_1", now, "{}")
    stamp = str(int(now.timestamp()))
    request = given(
        {"webhook-id": "msg_1", "webhook-timestamp": stamp, "webhook-signature": signature}, b"{}"
    )

    verify(request, replace(STANDARD, key="utf8"), Proofs(secrets=("client-secret",)), now=now)
    assert (
        signature
        == "v1,"
        + base64.b64encode(
            hmac.digest(b"client-secret", f"msg_1.{stamp}.{{}}".encode(), hashlib.sha256)
        ).decode()
    )
