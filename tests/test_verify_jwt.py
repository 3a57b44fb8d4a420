"""A body that is a token is believed when the platform signed it and its claims are good now."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import jwt as pyjwt
import pytest

from bridge.errors import SignatureMismatch, SignatureMissing
from bridge.types import VerifiedRequest
from bridge.verify import JwtScheme, KeyUnknown, Proofs, sign, verify
from tests.signatures import (
    JWT,
    NOW,
    base64url,
    curve_key,
    jwk,
    private_jwk,
    private_key,
    private_pem,
    public_pem,
    webhook,
)

AT = int(NOW.timestamp())
CLAIMS = {"data": '{"eventType":"order_paid"}', "iat": AT - 2, "exp": AT + 300}
PEM = Proofs(secrets=(public_pem(),))


def token(claims: Any = None, *, algorithm: str = "RS256", key: Any = None, **head: Any) -> bytes:
    """Sign as another library does."""
    signing = key or private_key(1, 2048)
    made = pyjwt.encode(claims or CLAIMS, signing, algorithm, headers=head)
    return made.encode()


def posted(body: bytes) -> Any:
    return webhook(body=body)


def test_a_token_of_the_platform_is_accepted():
    request = posted(token())

    assert VerifiedRequest(request, "jwt") == verify(request, JWT, PEM, now=NOW)


@pytest.mark.parametrize("around", ["{}", " {}\n", '"{}"', '"{}"\r\n', "\t'{}' "])
def test_blanks_and_quotes_around_a_token_do_not_matter(around):
    verify(posted(around.format(token().decode()).encode()), JWT, PEM, now=NOW)


def test_a_key_of_a_set_is_found_by_its_name():
    keys = Proofs(keys=(jwk(2, kid="two"), jwk()))

    verify(posted(token(kid="one")), JWT, keys, now=NOW)
    verify(posted(token()), JWT, keys, now=NOW)
    with pytest.raises(KeyUnknown, match="not among the 2 known ones"):
        verify(posted(token(kid="three")), JWT, keys, now=NOW)


def test_a_key_in_pem_is_tried_whatever_the_token_calls_it():
    verify(posted(token(kid="three")), JWT, PEM, now=NOW)


def test_an_algorithm_counts_only_where_the_file_names_it():
    proofs = Proofs(secrets=(public_pem(), public_pem(curve_key(1))))
    both = JwtScheme(algorithms=("RS256", "ES256"))
    curved = posted(token(algorithm="ES256", key=curve_key(1)))

    verify(curved, both, proofs, now=NOW)
    with pytest.raises(SignatureMismatch, match="is not signed with RS256"):
        verify(curved, JWT, proofs, now=NOW)
    with pytest.raises(SignatureMismatch, match="is not signed with RS256"):
        verify(posted(token(algorithm="RS512")), JWT, proofs, now=NOW)


def forged(head: Any, claims: Any = CLAIMS) -> bytes:
    """A token of another kind, rightly signed."""
    parts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (head, claims)]
    message = ".".join(base64url(part) for part in parts)
    signer = pyjwt.get_algorithm_by_name("RS256")
    return f"{message}.{base64url(signer.sign(message.encode(), private_key(1, 2048)))}".encode()


def test_a_public_key_is_no_shared_secret():
    """RFC 8725, section 2.1: a token that is keyed with the text of the public key."""
    message = ".".join(base64url(json.dumps(one).encode()) for one in ({"alg": "HS256"}, CLAIMS))
    algorithm = pyjwt.get_algorithm_by_name("HS256")
    signature = algorithm.sign(message.encode(), public_pem().encode())

    with pytest.raises(SignatureMismatch, match="is not signed with RS256"):
        verify(posted(f"{message}.{base64url(signature)}".encode()), JWT, PEM, now=NOW)


WRONG_HEADS = {
    "none": {"alg": "none"},
    "no algorithm": {"typ": "JWT"},
    "an algorithm that is a list": {"alg": ["RS256"]},
    "something critical": {"alg": "RS256", "crit": ["exp"], "exp": 1},
    "an unencoded payload": {"alg": "RS256", "b64": False},
    "a name that is a number": {"alg": "RS256", "kid": 1},
    "a list": ["RS256"],
    "no JSON": b"{",
}


@pytest.mark.parametrize("head", WRONG_HEADS.values(), ids=WRONG_HEADS)
def test_a_token_of_another_kind_is_refused_although_it_is_signed(head):
    verify(posted(forged({"alg": "RS256"})), JWT, PEM, now=NOW)
    with pytest.raises(SignatureMismatch) as refused:
        verify(posted(forged(head)), JWT, PEM, now=NOW)
    assert not isinstance(refused.value, KeyUnknown)


def test_the_key_in_a_token_is_not_believed():
    with pytest.raises(KeyUnknown):
        verify(posted(forged({"alg": "RS256", "jwk": jwk()})), JWT,
               Proofs(secrets=(public_pem(private_key(2, 2048)),)), now=NOW)  # fmt: skip


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"data": 1}', b"a.b", b"a.b.c.d", b"a..c", b"..", token() + b".", token() + b"=",
     b"\xff.\xff.\xff", token().replace(b".", b".\n", 1), token() + b" " + token()],
    ids=range(11),
)  # fmt: skip
def test_what_is_no_token_is_a_mismatch(body):
    with pytest.raises(SignatureMismatch) as refused:
        verify(posted(body), JWT, PEM, now=NOW)
    assert not isinstance(refused.value, KeyUnknown)


@pytest.mark.parametrize("body", [b"", b" \n"])
def test_without_a_body_the_token_is_missing(body):
    with pytest.raises(SignatureMissing, match="is empty"):
        verify(posted(body), JWT, PEM, now=NOW)


@pytest.mark.parametrize("claims", [b"[]", b"5", b"{", b"\xff", b'{"exp": NaN}'], ids=range(5))
def test_claims_that_are_no_object_are_refused(claims):
    with pytest.raises(SignatureMismatch, match="not JSON objects"):
        verify(posted(forged({"alg": "RS256"}, claims)), JWT, PEM, now=NOW)


def claiming(**claims: Any) -> Any:
    given = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return posted(forged({"alg": "RS256"}, given))


WRONG_CLAIMS = {
    "expired": ({"exp": AT - 61}, "expired 61 s ago"),
    "expired at this moment": ({"exp": AT - 60}, "expired 60 s ago"),
    "without an end": ({"exp": None}, "no 'exp'"),
    "an end that is text": ({"exp": str(AT + 300)}, "'exp' is no number"),
    "an end that is true": ({"exp": True}, "'exp' is no number"),
    "an end beyond all numbers": ({"exp": 10**400}, "'exp' is no moment"),
    "not yet good": ({"nbf": AT + 61}, "'nbf' is 61 s in the future"),
    "made tomorrow": ({"iat": AT + 86_400}, "'iat' is 86400 s in the future"),
    "made at a text": ({"iat": "now"}, "'iat' is no number"),
}


@pytest.mark.parametrize(("claims", "told"), WRONG_CLAIMS.values(), ids=WRONG_CLAIMS)
def test_a_token_that_is_not_good_now_is_refused(claims, told):
    with pytest.raises(SignatureMismatch, match=told):
        verify(claiming(**claims), JWT, PEM, now=NOW)


def test_two_clocks_may_differ_by_the_leeway():
    verify(claiming(exp=AT - 59, nbf=AT + 60, iat=AT + 60), JWT, PEM, now=NOW)
    verify(claiming(exp=float(AT - 1), iat=AT + 1.5), replace(JWT, leeway=2.0), PEM, now=NOW)
    with pytest.raises(SignatureMismatch):
        verify(claiming(exp=AT - 1), replace(JWT, leeway=0.0), PEM, now=NOW)


def test_where_a_token_need_not_end_an_end_still_counts():
    endless = replace(JWT, expires=False)

    verify(claiming(exp=None), endless, PEM, now=NOW)
    with pytest.raises(SignatureMismatch, match="expired"):
        verify(claiming(exp=AT - 61), endless, PEM, now=NOW)


def test_issuer_and_audience_must_be_those_that_the_file_names():
    scheme = replace(JWT, issuer="acme", audience="bridge")

    verify(claiming(iss="acme", aud="bridge"), scheme, PEM, now=NOW)
    verify(claiming(iss="acme", aud=["x", "bridge"]), scheme, PEM, now=NOW)
    for claims in ({"iss": "acme"}, {"iss": "acme", "aud": "bridges"}, {"iss": "acme", "aud": []}):
        with pytest.raises(SignatureMismatch, match="'aud' is not the audience"):
            verify(claiming(**claims), scheme, PEM, now=NOW)
    with pytest.raises(SignatureMismatch, match="'iss' is not the issuer"):
        verify(claiming(aud="bridge"), scheme, PEM, now=NOW)


def test_a_signature_of_another_key_or_over_other_claims_is_refused():
    first, second = token().split(b"."), token({**CLAIMS, "data": "x"}).split(b".")

    with pytest.raises(KeyUnknown):
        verify(posted(token(key=private_key(2, 2048))), JWT, PEM, now=NOW)
    with pytest.raises(KeyUnknown):
        verify(posted(b".".join([first[0], second[1], first[2]])), JWT, PEM, now=NOW)


def decoded(body: bytes) -> Any:
    """What another library makes of a token, whatever the time is."""
    return pyjwt.decode(
        body, public_pem(), ["RS256"], options={"verify_exp": False, "verify_iat": False}
    )


def test_signing_gives_what_another_library_accepts_with_every_number_as_it_was():
    claims = b' {"data": {"total": 10.00, "id": 1e2}}\n'
    signed = sign(claims, JWT, Proofs(keys=(jwk(2), private_jwk())), headers={}, now=NOW)

    assert signed.body is not None
    assert decoded(signed.body) == {
        "data": {"total": 10.0, "id": 100.0},
        "iat": AT,
        "exp": AT + 300,
    }
    assert pyjwt.get_unverified_header(signed.body)["kid"] == "one"
    payload = signed.body.split(b".")[1]
    assert base64url(b'{"data": {"total": 10.00, "id": 1e2},').encode()[:40] == payload[:40]


def test_signing_keeps_the_claims_that_are_given():
    for claims in ({}, {"exp": AT + 5}, {"exp": AT + 5, "iat": AT}):
        body = json.dumps(claims).encode()
        signed = sign(body, JWT, Proofs(secrets=(private_pem(),)), headers={}, now=NOW)

        assert signed.body is not None
        verify(posted(signed.body), JWT, PEM, now=NOW)
        assert decoded(signed.body) == {"iat": AT, "exp": AT + 300, **claims}


@pytest.mark.parametrize(
    ("body", "proofs", "told"),
    [
        (b"[]", Proofs(secrets=(private_pem(),)), "holds a JSON object"),
        (b"{}", PEM, "only the platform can sign"),
        (b"{}", Proofs(), "only the platform can sign"),
    ],
)
def test_what_cannot_be_signed_is_said(body, proofs, told):
    with pytest.raises(ValueError, match=told):
        sign(body, JWT, proofs, headers={}, now=NOW)


@pytest.mark.parametrize("wrong", [{"algorithms": ()}, {"algorithms": ("HS256",)}, {"leeway": -1}])
def test_a_scheme_that_proves_nothing_cannot_be_made(wrong):
    with pytest.raises(ValueError, match=r"must be 0 or more|algorithms are"):
        JwtScheme(**wrong)
