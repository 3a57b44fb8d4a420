"""
Webhooks, schemes and keys that several tests of verification use.

The signatures come from the RFCs, from the vendors' own tests and documentation, or were made
with ``openssl dgst -hmac``; those of a JWS are made with PyJWT.  None is made by `bridge`.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import RSAAlgorithm
from jwt.api_jws import PyJWS

from bridge.types import InboundRequest
from bridge.verify import (
    AsymmetricScheme,
    HmacScheme,
    JwsDetachedScheme,
    JwtScheme,
    ListForm,
    Proofs,
    parse_content,
    parse_timestamp,
)

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
BODY = b'{"event":"order.paid","id":"evt_1","total":"10.00"}'
HEX = "e1f991be74155be04fd9d7d544e8d825419604d9d87d6b155f74b352d6d997a3"
BASE64 = "4fmRvnQVW+BP2dfVROjYJUGWBNnYfWsVX3SzUtbZl6M="
SECRET = Proofs(secrets=("s3cret",))

PLAIN = HmacScheme(header="x-signature")
STAMPED = HmacScheme(
    header="x-signature",
    content=parse_content("{header.x-ts}.{raw}"),
    timestamp=parse_timestamp("header.x-ts"),
    tolerance=300.0,
)
STAMPED_HEADERS = {
    "x-ts": "1700000000",
    "x-signature": "d4a81116a7a718ded68a175d36306b67a90f8de50bc8e5cbd63cd5e363605cc6",
}
LISTED = HmacScheme(
    header="x-signature",
    list=ListForm(item=",", field="=", name="v1"),
    content=parse_content("{signature.t}.{raw}"),
    timestamp=parse_timestamp("signature.t"),
    tolerance=300.0,
)
LISTED_PROOFS = Proofs(secrets=("whsec_test",))
LISTED_SIGNATURE = "15c076c634ac65332fbe510e77bb0d3a02dabf01d268ce593759a05b7251b871"
ADDRESSED = HmacScheme(header="x-signature", encoding="base64", content=parse_content("{url}{raw}"))
ADDRESSED_PROOFS = Proofs(secrets=("sigkey",), url="https://bridge.example/hooks/sq")
ADDRESSED_SIGNATURE = "RQeTGyBSg8BWa6ouy7hcd/c3gkmpGLxTEogN+wosmg4="
#: The vector of the reference libraries.
STANDARD = HmacScheme(
    header="webhook-signature",
    encoding="base64",
    key="base64",
    list=ListForm(item=" ", field=",", name="v1"),
    content=parse_content("{header.webhook-id}.{header.webhook-timestamp}.{raw}"),
    timestamp=parse_timestamp("header.webhook-timestamp"),
    tolerance=300.0,
)
STANDARD_PROOFS = Proofs(secrets=("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",))
STANDARD_BODY = b'{"test": 2432232314}'
STANDARD_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
STANDARD_HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": STANDARD_SIGNATURE,
}
RSA = AsymmetricScheme(header="x-signature")
ED25519 = AsymmetricScheme(
    header="webhook-signature",
    algorithm="ed25519",
    list=ListForm(item=" ", field=",", name="v1a"),
    content=parse_content("{header.webhook-id}.{header.webhook-timestamp}.{raw}"),
    timestamp=parse_timestamp("header.webhook-timestamp"),
    tolerance=300.0,
)
JWT = JwtScheme()
JWS = JwsDetachedScheme(header="x-jws")
GOOD_HEAD = {"alg": "RS256", "b64": False, "crit": ["b64"], "kid": "one"}


def webhook(
    headers: Mapping[str, str] | None = None,
    *,
    body: bytes = BODY,
    query: Mapping[str, str] | None = None,
    raw_query: str = "",
    segment: str = "",
) -> InboundRequest:
    return InboundRequest("shop", "POST", headers or {}, query or {}, body, NOW, raw_query, segment)


def signed_as(value: str, *, body: bytes = BODY) -> InboundRequest:
    return webhook({"x-signature": value}, body=body)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@functools.cache
def private_key(number: int, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


@functools.cache
def curve_key(number: int) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


@functools.cache
def edwards_key(number: int) -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


AnyKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def public_pem(key: AnyKey | None = None) -> str:
    """The public key as a platform shows it; RSA unless another is given."""
    public = (key or private_key(1, 2048)).public_key()
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def private_pem(key: AnyKey | None = None) -> str:
    """The private key, which only a platform has."""
    private = key or private_key(1, 2048)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def rsa_signature(content: bytes = BODY, *, number: int = 1, bits: int = 2048) -> str:
    made = private_key(number, bits).sign(content, padding.PKCS1v15(), hashes.SHA256())
    return base64.b64encode(made).decode()


def jwk(number: int = 1, bits: int = 2048, **fields: Any) -> dict[str, Any]:
    written = RSAAlgorithm.to_jwk(private_key(number, bits).public_key(), as_dict=True)
    return {"kty": "RSA", "n": written["n"], "e": written["e"], "kid": "one", **fields}


def private_jwk(number: int = 1) -> dict[str, Any]:
    return {**RSAAlgorithm.to_jwk(private_key(number, 2048), as_dict=True), "kid": "one"}


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def detached(body: bytes = BODY) -> str:
    """Sign as another library does."""
    return PyJWS().encode(
        body,
        private_key(1, 2048),
        "RS256",
        headers={"kid": "one"},
        is_payload_detached=True,
    )


def handmade(
    head: Any,
    body: bytes = BODY,
    *,
    bits: int = 2048,
    digest: hashes.HashAlgorithm | None = None,
) -> str:
    """Sign whatever header there is, correctly and over the raw body."""
    protected = base64url(head if isinstance(head, bytes) else json.dumps(head).encode())
    message = protected.encode() + b"." + body
    signature = private_key(1, bits).sign(message, padding.PKCS1v15(), digest or hashes.SHA256())
    return f"{protected}..{base64url(signature)}"
