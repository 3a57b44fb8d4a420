"""A detached JWS is believed only in the one strict form, and only with the platform's keys."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import VerifiedRequest
from bridge.verify import (
    JwsDetachedScheme,
    KeyUnknown,
    Proofs,
    verify,
)
from tests.signatures import (
    BODY,
    GOOD_HEAD,
    JWS,
    NOW,
    base64url,
    detached,
    handmade,
    jwk,
    webhook,
)


@pytest.fixture
def one_key() -> Proofs:
    return Proofs(keys=(jwk(),))


def test_a_detached_jws_over_the_raw_body_is_accepted(one_key):
    request = webhook({"x-jws": detached()})

    assert VerifiedRequest(request, "jws_detached") == verify(request, JWS, one_key, now=NOW)


def test_a_detached_jws_may_have_a_header_of_its_maker(one_key):
    verify(webhook({"x-jws": handmade(GOOD_HEAD)}), JWS, one_key, now=NOW)


@pytest.mark.parametrize(
    ("name", "digest"),
    [("RS384", hashes.SHA384()), ("RS512", hashes.SHA512())],
    ids=["RS384", "RS512"],
)
def test_an_algorithm_is_accepted_only_when_it_is_named(one_key, name, digest):
    request = webhook({"x-jws": handmade(GOOD_HEAD | {"alg": name}, digest=digest)})

    verify(request, JwsDetachedScheme("x-jws", algorithms=("RS256", name)), one_key, now=NOW)
    with pytest.raises(SignatureMismatch, match="is not signed with RS256"):
        verify(request, JWS, one_key, now=NOW)


@pytest.mark.parametrize("names", [(), ("none",), ("HS256",), ("RS256", "EdDSA")], ids=repr)
def test_other_algorithms_cannot_be_named(names):
    with pytest.raises(ValueError, match="algorithms are RS256, RS384, RS512"):
        JwsDetachedScheme(header="x-jws", algorithms=names)


def test_the_keys_that_were_named_are_found_among_others():
    keys = (jwk(2, kid="two"), jwk())

    verify(webhook({"x-jws": detached()}), JWS, Proofs(keys=keys), now=NOW)


def test_without_a_key_id_every_key_is_tried():
    head = {name: value for name, value in GOOD_HEAD.items() if name != "kid"}
    proofs = Proofs(keys=(jwk(2, kid="two"), jwk()))

    verify(webhook({"x-jws": handmade(head)}), JWS, proofs, now=NOW)


KEYS_THAT_DO_NOT_FIT: dict[str, tuple[Mapping[str, Any], ...]] = {
    "none at all": (),
    "the right key under another id": ({"kid": "two"},),
    "the right key without an id": ({"kid": None},),
    "a key for encryption": ({"use": "enc"},),
    "a key for another algorithm": ({"alg": "RS512"},),
    "a key of another type": ({"kty": "EC"},),
    "a key without its modulus": ({"n": None},),
    "a modulus that is a number": ({"n": 5},),
    "a modulus that is no base64": ({"n": "%"},),
    "an empty modulus": ({"n": ""},),
    "an exponent of one": ({"e": "AQ"},),
    "an even exponent": ({"e": "AgAA"},),
}


@pytest.mark.parametrize("changes", KEYS_THAT_DO_NOT_FIT.values(), ids=KEYS_THAT_DO_NOT_FIT)
def test_a_key_that_does_not_fit_accepts_nothing_and_fetching_may_help(changes):
    proofs = Proofs(keys=tuple(jwk(**change) for change in changes))

    with pytest.raises(KeyUnknown, match=f"not among the {len(changes)} known ones"):
        verify(webhook({"x-jws": detached()}), JWS, proofs, now=NOW)


def test_a_malformed_key_does_not_hide_a_good_one():
    proofs = Proofs(keys=({}, {"kid": "one"}, jwk(n="%"), jwk()))

    verify(webhook({"x-jws": detached()}), JWS, proofs, now=NOW)


def test_a_key_that_is_too_short_accepts_nothing():
    """RFC 7518, section 3.3: 2048 bits or larger must be used."""
    proofs = Proofs(keys=(jwk(1, 1024),))

    with pytest.raises(KeyUnknown, match="2048 bits or more"):
        verify(webhook({"x-jws": handmade(GOOD_HEAD, bits=1024)}), JWS, proofs, now=NOW)


def test_a_signature_of_a_replaced_key_says_that_fetching_may_help():
    proofs = Proofs(keys=(jwk(2),))

    with pytest.raises(KeyUnknown, match="was not made with any of 1 keys"):
        verify(webhook({"x-jws": detached()}), JWS, proofs, now=NOW)


def test_a_jws_over_another_body_is_refused(one_key):
    with pytest.raises(SignatureMismatch):
        verify(webhook({"x-jws": detached()}, body=BODY + b" "), JWS, one_key, now=NOW)


def test_a_jws_over_the_encoded_body_is_refused(one_key):
    """What RFC 7515 would sign without ``b64: false``."""
    request = webhook({"x-jws": handmade(GOOD_HEAD, base64url(BODY).encode())})

    with pytest.raises(KeyUnknown):
        verify(request, JWS, one_key, now=NOW)


HEADS = {
    "no algorithm": ({k: v for k, v in GOOD_HEAD.items() if k != "alg"}, "not signed with RS256"),
    "none": (GOOD_HEAD | {"alg": "none"}, "not signed with RS256"),
    "a shared secret": (GOOD_HEAD | {"alg": "HS256"}, "not signed with RS256"),
    "an algorithm in small letters": (GOOD_HEAD | {"alg": "rs256"}, "not signed with RS256"),
    "an algorithm that is a list": (GOOD_HEAD | {"alg": ["RS256"]}, "not signed with RS256"),
    "an encoded payload": (GOOD_HEAD | {"b64": True}, '"b64": false'),
    "a payload encoded by default": (
        {k: v for k, v in GOOD_HEAD.items() if k != "b64"},
        '"b64": false',
    ),
    "a zero for false": (GOOD_HEAD | {"b64": 0}, '"b64": false'),
    "nothing critical": ({k: v for k, v in GOOD_HEAD.items() if k != "crit"}, '"crit"'),
    "an empty list of what is critical": (GOOD_HEAD | {"crit": []}, '"crit"'),
    "something unknown that is critical": (GOOD_HEAD | {"crit": ["b64", "exp"]}, '"crit"'),
    "something critical that is no list": (GOOD_HEAD | {"crit": "b64"}, '"crit"'),
    "a key id that is a number": (GOOD_HEAD | {"kid": 1}, '"kid" that is no text'),
    "a key id that is null": (GOOD_HEAD | {"kid": None}, '"kid" that is no text'),
    "a list": ([GOOD_HEAD], "JSON object"),
    "no JSON": (b"{", "JSON object"),
    "no text": (b"\xff\xfe", "JSON object"),
    "JSON that is too deep": (b"[" * 200_000, "JSON object"),
}


@pytest.mark.parametrize(("head", "message"), HEADS.values(), ids=HEADS)
def test_a_jws_header_of_another_kind_is_refused_although_its_signature_is_right(
    one_key, head, message
):
    with pytest.raises(SignatureMismatch, match=re.escape(message)) as refused:
        verify(webhook({"x-jws": handmade(head)}), JWS, one_key, now=NOW)

    assert not isinstance(refused.value, KeyUnknown)


def test_the_key_in_a_jws_header_is_not_believed(one_key):
    head = GOOD_HEAD | {"jwk": jwk()}

    with pytest.raises(KeyUnknown):
        verify(webhook({"x-jws": handmade(head)}), JWS, Proofs(keys=(jwk(2),)), now=NOW)


def spoilt(jws: str) -> Iterator[tuple[str, str]]:
    head, _, tail = jws.split(".")
    yield "one part", head
    yield "two parts", f"{head}.{tail}"
    yield "four parts", f"{jws}."
    yield "a payload", f"{head}.{base64url(BODY)}.{tail}"
    yield "no header", f"..{tail}"
    yield "no signature", f"{head}.."
    yield "padding", f"{jws}=="
    yield "a character of plain base64", f"{head}..+{tail[1:]}"
    yield "a line end", f"{jws}\n"
    yield "one character", f"{head}..A"
    yield "letters beyond ASCII", f"{head}..é"
    yield "half a character", f"{head}..\udc80"
    yield "twice", f"{jws}, {jws}"
    # The last character holds four bits that mean nothing: the same bytes, spelt otherwise.
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    yield "another spelling", jws[:-1] + letters[letters.index(jws[-1]) + 1]


@pytest.mark.parametrize("how", [name for name, _ in spoilt("A..A")])
def test_what_is_no_detached_jws_is_a_mismatch_and_fetching_keys_cannot_help(one_key, how):
    value = dict(spoilt(detached()))[how]

    with pytest.raises(SignatureMismatch, match=r"is not header\.\.signature") as refused:
        verify(webhook({"x-jws": value}), JWS, one_key, now=NOW)

    assert not isinstance(refused.value, KeyUnknown)


def test_a_webhook_without_a_jws_is_refused_as_missing(one_key):
    with pytest.raises(SignatureMissing, match="'x-jws' is missing"):
        verify(webhook(), JWS, one_key, now=NOW)
