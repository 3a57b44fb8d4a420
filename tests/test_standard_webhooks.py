"""
The generic source takes what the specification describes: the shipped file, and not a scheme
of a test, against the library of the standard and against keys that are made here.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from standardwebhooks import Webhook

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.fixtures import read_case
from bridge.load import Loaded
from bridge.types import InboundRequest
from bridge.verify import Proofs, Scheme, sign, verify
from tests.house import FIXTURES
from tests.signatures import STANDARD_BODY, STANDARD_HEADERS, STANDARD_PROOFS, at

SOURCE = "standard-webhooks"
SECRET = "whsec_" + base64.b64encode(b"a secret of the shop, 32 bytes!!").decode()
BODY = read_case(FIXTURES / SOURCE / "order_paid").request.body
NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))


def scheme_of(loaded: Loaded, name: str) -> Scheme:
    scheme: Scheme = loaded.checked.sources[SOURCE].verify[name].engine.scheme
    return scheme


def posted(headers: Mapping[str, str], body: bytes = BODY) -> InboundRequest:
    return InboundRequest("shop", "POST", headers, {}, body, NOW)


def renamed(headers: Mapping[str, str]) -> dict[str, str]:
    """The same under the names of Svix."""
    return {name.replace("webhook-", "svix-"): value for name, value in headers.items()}


def signed_by_library(at: datetime = NOW) -> dict[str, str]:
    made = Webhook(SECRET).sign("msg_1", at, BODY.decode())
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": made,
    }


def edwards(content: bytes, key: Ed25519PrivateKey) -> str:
    return "v1a," + base64.b64encode(key.sign(content)).decode()


def test_the_vector_of_the_reference_libraries_is_accepted(loaded: Loaded) -> None:
    now = at(int(STANDARD_HEADERS["webhook-timestamp"]))
    for name, headers in (("hmac", STANDARD_HEADERS), ("svix", renamed(STANDARD_HEADERS))):
        verify(posted(headers, STANDARD_BODY), scheme_of(loaded, name), STANDARD_PROOFS, now=now)


@pytest.mark.parametrize("name", ["hmac", "svix"])
def test_what_the_library_signs_is_accepted_and_nothing_else(name: str, loaded: Loaded) -> None:
    scheme, proofs = scheme_of(loaded, name), Proofs(secrets=(SECRET,))
    headers = signed_by_library()
    right = headers if name == "hmac" else renamed(headers)
    other = renamed(headers) if name == "hmac" else headers

    verify(posted(right), scheme, proofs, now=NOW)
    with pytest.raises(SignatureMissing):  # the other set of names proves nothing here
        verify(posted(other), scheme, proofs, now=NOW)
    for wrong in (
        posted(right, BODY + b" "),
        posted({**right, next(one for one in right if one.endswith("-id")): "msg_2"}),
        posted({**right, next(one for one in right if one.endswith("-timestamp")): "1"}),
    ):
        with pytest.raises(SignatureMismatch):
            verify(wrong, scheme, proofs, now=NOW)


def test_what_is_signed_for_the_source_the_library_accepts(loaded: Loaded) -> None:
    given = {"webhook-id": "msg_1"}
    now = datetime.now(UTC)
    made = sign(BODY, scheme_of(loaded, "hmac"), Proofs(secrets=(SECRET,)), headers=given, now=now)

    assert Webhook(SECRET).verify(BODY, {**given, **made.headers})["type"] == "order.paid"


@pytest.mark.parametrize(
    ("seconds", "fits"), [(-301, False), (-300, True), (0, True), (300, True), (301, False)]
)
def test_a_signature_is_good_for_five_minutes_both_ways(
    seconds: int, fits: bool, loaded: Loaded
) -> None:
    request = posted(signed_by_library(NOW + timedelta(seconds=seconds)))
    scheme, proofs = scheme_of(loaded, "hmac"), Proofs(secrets=(SECRET,))
    if fits:
        verify(request, scheme, proofs, now=NOW)
    else:
        with pytest.raises(SignatureMismatch, match="Is a clock wrong"):
            verify(request, scheme, proofs, now=NOW)


def test_a_public_key_as_the_specification_spells_it_proves_v1a(loaded: Loaded) -> None:
    ours, others = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    raw = ours.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    proofs = Proofs(secrets=("whpk_" + base64.b64encode(raw).decode(),))
    content = f"msg_1.{STAMP}.".encode() + BODY
    scheme = scheme_of(loaded, "ed25519")

    def headers(signature: str) -> dict[str, str]:
        return {
            "webhook-id": "msg_1",
            "webhook-timestamp": STAMP,
            "webhook-signature": signature,
        }

    first, second = edwards(content, others), edwards(content, ours)
    verify(posted(headers(f"v1,AAAA {first} v9,? {second}")), scheme, proofs, now=NOW)
    for wrong in (first, second.replace("v1a,", "v1,"), edwards(content + b" ", ours)):
        with pytest.raises(SignatureMismatch):
            verify(posted(headers(wrong)), scheme, proofs, now=NOW)


def test_a_signature_of_one_version_does_not_prove_the_other(loaded: Loaded) -> None:
    """Whoever knows a public key could make an HMAC with it."""
    raw = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    key = base64.b64encode(raw).decode()
    made = Webhook(f"whsec_{key}").sign("msg_1", NOW, BODY.decode())
    for spelt in (made, made.replace("v1,", "v1a,")):
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": STAMP,
            "webhook-signature": spelt,
        }
        with pytest.raises(SignatureMismatch):
            verify(
                posted(headers),
                scheme_of(loaded, "ed25519"),
                Proofs(secrets=(f"whpk_{key}",)),
                now=NOW,
            )
