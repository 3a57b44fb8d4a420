"""The sender of a webhook is proven before anything else happens."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from jwt.api_jws import PyJWS

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import InboundRequest, VerifiedRequest
from bridge.verify import (
    HmacScheme,
    JwsDetachedScheme,
    JwtScheme,
    Proofs,
    Scheme,
    SharedSecretScheme,
    UrlTokenScheme,
    restore,
    sign,
    verify,
    wants,
)
from tests.signatures import (
    ADDRESSED,
    ADDRESSED_PROOFS,
    ADDRESSED_SIGNATURE,
    BODY,
    ED25519,
    GOOD_HEAD,
    HEX,
    JWS,
    JWT,
    LISTED,
    LISTED_PROOFS,
    LISTED_SIGNATURE,
    NOW,
    PLAIN,
    RSA,
    SECRET,
    STAMPED,
    STAMPED_HEADERS,
    STANDARD,
    STANDARD_BODY,
    STANDARD_HEADERS,
    STANDARD_PROOFS,
    STANDARD_SIGNATURE,
    at,
    handmade,
    jwk,
    private_jwk,
    private_key,
    private_pem,
    public_pem,
    signed_as,
    webhook,
)

SHARED = Path(__file__).parents[2] / "shared"
TOKEN = UrlTokenScheme(query="token")
TOKEN_PROOFS = Proofs(token_secrets=("old", "t0ken"))


def test_a_token_of_the_store_is_accepted_and_one_of_another_store_is_not():
    mine = sign(b"", TOKEN, Proofs(token_secrets=("t0ken",)), headers={}, now=NOW, store="shop")
    other = sign(b"", TOKEN, Proofs(token_secrets=("t0ken",)), headers={}, now=NOW, store="else")

    assert "url_token" == verify(webhook(query=mine.query), TOKEN, TOKEN_PROOFS, now=NOW).scheme
    with pytest.raises(SignatureMismatch, match="'token' is no token of this store"):
        verify(webhook(query=other.query), TOKEN, TOKEN_PROOFS, now=NOW)


def test_a_token_is_looked_at_for_the_store_in_the_address():
    mine = sign(b"", TOKEN, Proofs(token_secrets=("t0ken",)), headers={}, now=NOW, store="shop")
    request = replace(webhook(query=mine.query), store="else")

    with pytest.raises(SignatureMismatch):
        verify(request, TOKEN, TOKEN_PROOFS, now=NOW)


def test_an_address_without_a_token_is_refused_as_missing():
    with pytest.raises(SignatureMissing, match="'token' is missing"):
        verify(webhook(), TOKEN, TOKEN_PROOFS, now=NOW)


def test_what_the_journal_kept_is_vouched_for_without_its_signature():
    assert VerifiedRequest(webhook(), "hmac") == restore(webhook(), "hmac")


def test_proofs_and_signatures_do_not_show_what_they_hold():
    proofs = Proofs(("s3cret",), ({"n": "s3cret"},), "https://s3cret", ("s3cret",))
    signed = sign(BODY, SharedSecretScheme(query="key"), proofs, headers={}, now=NOW)

    assert "s3cret" not in repr(proofs)
    assert "s3cret" not in repr(signed)


def test_no_message_tells_what_was_sent_or_what_is_secret():
    wrong: list[tuple[Scheme, InboundRequest]] = [
        (PLAIN, signed_as("MARK")),
        (PLAIN, signed_as("MARK" * 16)),
        (STAMPED, webhook({"x-signature": HEX, "x-ts": "MARK"})),
        (STAMPED, webhook({"x-signature": HEX, "x-ts": "MARK\N{SNOWMAN}"})),
        (LISTED, signed_as("t=MARK,v1=MARK")),
        (SharedSecretScheme(bearer=True), webhook({"authorization": "MARK"})),
        (SharedSecretScheme(query="key"), webhook(query={"key": "MARK"})),
        (JWS, webhook({"x-jws": "MARK"})),
        (JWS, webhook({"x-jws": handmade(GOOD_HEAD | {"kid": "MARK", "alg": "MARK"})})),
        (JWS, webhook({"x-jws": handmade(GOOD_HEAD | {"kid": "MARK"})})),
        (TOKEN, webhook(query={"token": "MARK"})),
    ]
    proofs = Proofs(("TOP",), (jwk(),), "https://TOP", ("TOP",))
    stamped = sign(BODY, STAMPED, proofs, headers={"x-ts": "MARK"}, now=NOW)
    wrong.append((STAMPED, webhook({"x-ts": "MARK", **stamped.headers})))
    for scheme, request in wrong:
        with pytest.raises(SignatureMismatch) as refused:
            verify(request, scheme, proofs, now=NOW)

        assert "MARK" not in str(refused.value)
        assert "TOP" not in str(refused.value)
        assert refused.value.__cause__ is None


def test_signing_gives_what_openssl_gives():
    signed = sign(BODY, PLAIN, SECRET, headers={}, now=NOW)

    assert {"x-signature": HEX} == signed.headers
    assert {} == signed.query


def test_signing_adds_the_timestamp_that_is_signed():
    assert STAMPED_HEADERS == sign(BODY, STAMPED, SECRET, headers={}, now=at(1700000000)).headers


def test_signing_keeps_a_timestamp_that_is_given():
    signed = sign(BODY, STAMPED, SECRET, headers={"x-ts": "1700000000"}, now=NOW)

    assert {"x-signature": STAMPED_HEADERS["x-signature"]} == signed.headers


def test_signing_writes_a_list_as_platforms_do():
    signed = sign(BODY, LISTED, LISTED_PROOFS, headers={}, now=at(1700000000))

    assert {"x-signature": f"t=1700000000,v1={LISTED_SIGNATURE}"} == signed.headers


def test_signing_the_reference_vector_of_standard_webhooks_gives_its_signature():
    headers = dict(STANDARD_HEADERS)
    del headers["webhook-signature"]
    signed = sign(STANDARD_BODY, STANDARD, STANDARD_PROOFS, headers=headers, now=NOW)

    assert {"webhook-signature": STANDARD_SIGNATURE} == signed.headers


def test_signing_takes_the_address_of_the_call_before_the_configured_one():
    url = ADDRESSED_PROOFS.url
    elsewhere = replace(ADDRESSED_PROOFS, url="https://elsewhere.example")
    configured = sign(BODY, ADDRESSED, ADDRESSED_PROOFS, headers={}, now=NOW)
    called = sign(BODY, ADDRESSED, elsewhere, headers={}, now=NOW, url=url)

    assert {"x-signature": ADDRESSED_SIGNATURE} == configured.headers
    assert {"x-signature": ADDRESSED_SIGNATURE} == called.headers


def test_signing_a_jws_gives_what_another_library_accepts():
    signed = sign(BODY, JWS, Proofs(keys=(jwk(2), private_jwk())), headers={}, now=NOW)

    decoded = PyJWS().decode_complete(
        signed.headers["x-jws"],
        private_key(1, 2048).public_key(),
        algorithms=["RS256"],
        detached_payload=BODY,
    )
    assert GOOD_HEAD | {"typ": "JWT"} == decoded["header"]


def test_a_shared_secret_is_sent_as_its_scheme_says():
    proofs = Proofs(secrets=("user:pa:ss",))

    def sent(scheme: SharedSecretScheme) -> tuple[Mapping[str, str], Mapping[str, str]]:
        signed = sign(BODY, scheme, proofs, headers={}, now=NOW)
        return signed.headers, signed.query

    assert ({"authorization": "Basic dXNlcjpwYTpzcw=="}, {}) == sent(SharedSecretScheme(basic=True))
    assert ({"authorization": "Bearer user:pa:ss"}, {}) == sent(SharedSecretScheme(bearer=True))
    assert ({"x-key": "user:pa:ss"}, {}) == sent(SharedSecretScheme(header="x-key"))
    assert ({}, {"key": "user:pa:ss"}) == sent(SharedSecretScheme(query="key"))


CANNOT: dict[str, tuple[Scheme, Proofs, str]] = {
    "no secret": (PLAIN, Proofs(), "no secret to sign with"),
    "an empty secret": (PLAIN, Proofs(secrets=("", "s3cret")), "no secret to sign with"),
    "a secret of another form": (
        replace(PLAIN, key="hex"),
        SECRET,
        "the secret is not usable as hex",
    ),
    "a header that is not given": (STANDARD, STANDARD_PROOFS, "'webhook-id' is signed and was not"),
    "no address": (ADDRESSED, SECRET, "address is signed and is not configured"),
    "only public keys": (JWS, Proofs(keys=({"kty": "RSA"},)), "only the platform can sign"),
    "a broken private key": (JWS, Proofs(keys=({"d": "A"},)), "no private key for RS256"),
    "no secret for tokens": (TOKEN, SECRET, "no secret to sign with"),
    "blanks around a secret in a header": (
        SharedSecretScheme(header="x-key"),
        Proofs(secrets=("s3cret\n",)),
        "begins or ends with blanks",
    ),
}


@pytest.mark.parametrize(("scheme", "proofs", "message"), CANNOT.values(), ids=CANNOT)
def test_what_cannot_be_signed_is_said_in_a_sentence(scheme, proofs, message):
    with pytest.raises(ValueError, match=message):
        sign(BODY, scheme, proofs, headers={}, now=NOW, store="shop")


def test_a_token_cannot_be_made_for_no_store():
    with pytest.raises(ValueError, match="no store is given"):
        sign(b"", TOKEN, TOKEN_PROOFS, headers={}, now=NOW)


USES: dict[str, tuple[Scheme, str, str]] = {
    "any text": (PLAIN, "s3cret", ""),
    "no hexadecimal": (replace(PLAIN, key="hex"), "s3cret", "a key as hex"),
    "hexadecimal": (replace(PLAIN, key="hex"), "00ff", ""),
    "no base64": (STANDARD, "whsec_s3cret!", "a key as base64"),
    "a public key": (RSA, public_pem(), ""),
    "a private key to sign with": (RSA, private_pem(), ""),
    "a secret for a key": (RSA, "s3cret", "a public key in PEM, RSA of 2048 bits or more"),
    "a weak key": (RSA, public_pem(private_key(1, 1024)), "a public key in PEM, RSA of 2048 bits"),
    "another kind of key": (ED25519, public_pem(), "a public key in PEM, Ed25519"),
    "a key for a token": (JWT, public_pem(), ""),
    "a secret for a token": (
        JwtScheme(algorithms=("RS256", "RS512", "ES256")),
        "s3cret",
        "a public key in PEM, RSA of 2048 bits or more or P-256",
    ),
    "a password alone": (SharedSecretScheme(basic=True), "s3cret", "user:password"),
    "a user and a password": (SharedSecretScheme(basic=True), "user:", ""),
    "a slash in the path": (SharedSecretScheme(path=True), "a/b", "letters, digits and"),
    "a header": (SharedSecretScheme(header="x-key"), "a/b", ""),
    "a token": (TOKEN, "", ""),
}


@pytest.mark.parametrize(("scheme", "secret", "wanted"), USES.values(), ids=USES)
def test_a_secret_that_its_scheme_has_no_use_for_is_known_before_any_webhook_comes(
    scheme, secret, wanted
):
    told = wants(scheme, secret)

    assert told.startswith(wanted)
    assert bool(told) is bool(wanted)
    assert not secret or secret not in told


def delivery(file: Path) -> InboundRequest:
    head, _, body = file.read_bytes().partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines[1:])}
    return InboundRequest("shop", "POST", headers, {}, body, NOW)


needs_shared = pytest.mark.skipif(
    not (SHARED / "captured").is_dir(), reason="no ../shared beside the repository"
)


@needs_shared
def test_every_signature_that_a_real_store_made_is_accepted_and_none_over_another_body():
    keys = tuple(json.loads((SHARED / "captured/saleor/jwks.json").read_text())["keys"])
    proofs = Proofs(secrets=("woo-scratch-secret", "saleor-scratch-secret"), keys=keys)
    based = HmacScheme(header="x-wc-webhook-signature", encoding="base64")
    plain = HmacScheme(header="saleor-signature")
    detached_ = JwsDetachedScheme(header="saleor-signature")
    accepted = {"based": 0, "plain": 0, "detached": 0}
    for file in sorted((SHARED / "captured").glob("*/*.http")):
        request = delivery(file)
        scheme: Scheme
        if "x-wc-webhook-signature" in request.headers:
            name, scheme = "based", based
        elif ".." in request.headers.get("saleor-signature", ""):
            name, scheme = "detached", detached_
        elif "saleor-signature" in request.headers:
            name, scheme = "plain", plain
        else:
            continue  # the unsigned pings
        verify(request, scheme, proofs, now=NOW)
        with pytest.raises(SignatureMismatch):
            verify(replace(request, body=request.body + b"\n"), scheme, proofs, now=NOW)
        accepted[name] += 1

    assert {"based": 22, "plain": 14, "detached": 28} == accepted


@needs_shared
def test_the_vectors_of_a_platforms_own_libraries_are_judged_as_they_are_there():
    judged = 0
    for file in sorted((SHARED / "corpus").glob("*/vector-*.json")):
        for case in json.loads(file.read_text())["cases"]:
            scheme = HmacScheme(header=case["header_name"].lower(), encoding="base64")
            headers = {scheme.header: case["header_value"]}
            body = case["body"].encode()
            request = InboundRequest("shop", "POST", headers, {}, body, NOW)
            proofs = Proofs(secrets=(case["secret"],))
            if case["expected_valid"]:
                verify(request, scheme, proofs, now=NOW)
            else:
                with pytest.raises(SignatureMismatch):
                    verify(request, scheme, proofs, now=NOW)
            judged += 1

    assert judged >= 7
